"""Filters made of filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms._many_channels import in_series, side_by_side
from rnnmusic.filters.forms.conversion import convert
from rnnmusic.filters.forms.delays import DelayNetwork
from rnnmusic.filters.forms.diagonal import Diagonal
from rnnmusic.filters.forms.equaliser import ParametricEq
from rnnmusic.filters.forms.lattice import Allpass, Lattice
from rnnmusic.filters.forms.protocol import Form
from rnnmusic.filters.forms.rational import TransferFunction, ZeroPoleGain
from rnnmusic.filters.forms.sections import Parallel, Sections
from rnnmusic.filters.forms.statespace import StateSpace
from rnnmusic.filters.forms.svf import SvfChain


def cascade(*forms: Form) -> Sections | StateSpace:
    """One filter after the other, the first one first.

    Sections where all have one input and one output and no state of their own, else a StateSpace.
    InputError for none, for mismatched rates, and where outputs don't fit the next one's inputs.
    """
    rate = _common_rate(forms)
    plain = (TransferFunction, ZeroPoleGain, Sections, SvfChain, ParametricEq)
    if all(isinstance(form, plain) for form in forms):
        sos = np.concatenate([convert(form, Sections).sos for form in forms])
        return Sections(sos, rate)
    for first, second in pairwise(forms):
        if first.outputs != second.inputs:
            raise InputError(
                f"A filter of {first.outputs} outputs stands before one of {second.inputs} inputs;"
                " make them equal."
            )
    system = reduce(in_series, (convert(form, StateSpace) for form in forms))
    return replace(system, sample_rate_hz=rate)


def parallel(*forms: Form) -> StateSpace:
    """Filters side by side, their outputs added up: their states stand beside each other.

    InputError for none, for mismatched rates and for different numbers of channels.
    """
    rate = _common_rate(forms)
    if len({(form.inputs, form.outputs) for form in forms}) > 1:
        raise InputError("The filters' numbers of inputs or outputs differ; make them equal.")
    system = reduce(side_by_side, (convert(form, StateSpace) for form in forms))
    return replace(system, sample_rate_hz=rate)


def scaled(form: Form, gain: float) -> Form:
    """The filter times a gain, in the same form; InputError for an equaliser times 0 or less."""
    return _SCALE[type(form)](form, float(gain))


def minimum_phase(form: Form) -> Sections:
    """The causal filter of the same magnitude whose zeros are all inside or on the unit circle.

    Zeros outside are mirrored, and a pure delay is dropped (Oppenheim and Schafer,
    Discrete-Time Signal Processing, 5.6). The poles stay where they are.
    """
    roots = convert(form, ZeroPoleGain)
    outside = abs(roots.zero) > 1
    gain = roots.gain * float(np.prod(abs(roots.zero[outside])))
    zero = np.where(outside, 1 / np.where(outside, roots.zero, 1).conj(), roots.zero)
    delay = np.zeros(len(roots.pole) - len(zero))
    result = ZeroPoleGain(np.concatenate([zero, delay]), roots.pole, gain, form.sample_rate_hz)
    return convert(result, Sections)


def _common_rate(forms: tuple[Form, ...]) -> float | None:
    if not forms:
        raise InputError("No filters were given; give one or more.")
    rates = {form.sample_rate_hz for form in forms} - {None}
    if len(rates) > 1:
        raise InputError(f"The filters' sample rates differ ({rates}); design them for one.")
    return rates.pop() if rates else None


def _scaled_sections(form: Sections, gain: float) -> Sections:
    sos = form.sos.copy()
    sos[0, :3] *= gain
    return replace(form, sos=sos)


def _scaled_parallel(form: Parallel, gain: float) -> Parallel:
    sos = form.sos.copy()
    sos[:, :3] *= gain
    return replace(form, sos=sos, fir=form.fir * gain)


def _scaled_svf(form: SvfChain, gain: float) -> SvfChain:
    mix = form.mix.copy()
    mix[0] *= gain
    return replace(form, mix=mix)


def _scaled_eq(form: ParametricEq, gain: float) -> ParametricEq:
    if gain <= 0:
        raise InputError(f"A gain of {gain:g} has no dB; scale the equaliser's sections instead.")
    return replace(form, gain_db=form.gain_db + 20 * float(np.log10(gain)))


_SCALE: dict[type[Form], Callable[[Any, float], Form]] = {
    TransferFunction: lambda form, gain: replace(form, b=form.b * gain),
    ZeroPoleGain: lambda form, gain: replace(form, gain=form.gain * gain),
    Sections: _scaled_sections,
    Parallel: _scaled_parallel,
    SvfChain: _scaled_svf,
    ParametricEq: _scaled_eq,
    Lattice: lambda form, gain: replace(form, v=form.v * gain),
    Allpass: lambda form, gain: replace(form, gain=form.gain * gain),
    StateSpace: lambda form, gain: replace(form, C=form.C * gain, D=form.D * gain),
    Diagonal: lambda form, gain: replace(form, c=form.c * gain, d=form.d * gain),
    DelayNetwork: lambda form, gain: replace(form, c=form.c * gain, d=form.d * gain),
}
