"""Any form into any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms.protocol import Form
from rnnmusic.filters.forms.rational import TransferFunction, ZeroPoleGain
from rnnmusic.filters.forms.sections import Sections
from rnnmusic.filters.forms.statespace import StateSpace

F = TypeVar("F", bound=Form)


def convert(form: Form, to: type[F]) -> F:
    """The same filter in another form; InputError where that form can't express it.

    Between forms of one input and one output the way leads over zeros, poles and gain.
    """
    if isinstance(form, to):
        return form
    direct = _DIRECT.get((type(form), to))
    if direct is None:
        hub = _DIRECT.get((type(form), ZeroPoleGain))
        onward = _DIRECT.get((ZeroPoleGain, to))
        if hub is None or onward is None:
            raise InputError(f"A {form.kind} filter can't be written as {to.kind}.")
        converted: Any = onward(hub(form))
    else:
        converted = direct(form)
    result: F = replace(converted, sample_rate_hz=form.sample_rate_hz)
    return result


def _tf_to_zpk(form: TransferFunction) -> ZeroPoleGain:
    from scipy.signal import tf2zpk

    order = form.order
    b, a = (np.pad(c, (0, order + 1 - len(c))) for c in (form.b, form.a))
    return ZeroPoleGain(*tf2zpk(b, a))


def _zpk_to_tf(form: ZeroPoleGain) -> TransferFunction:
    from scipy.signal import zpk2tf

    b, a = zpk2tf(form.zero, form.pole, form.gain)
    # In powers of z: fewer zeros than poles are a delay.
    return TransferFunction(np.pad(np.real(b), (len(a) - len(b), 0)), np.real(a))


def _zpk_to_sos(form: ZeroPoleGain) -> Sections:
    from scipy.signal import zpk2sos

    missing = len(form.pole) - len(form.zero)
    if missing:
        raise InputError(f"The filter has {missing} fewer zeros than poles.")
    return Sections(zpk2sos(form.zero, form.pole, form.gain))


def _sos_to_zpk(form: Sections) -> ZeroPoleGain:
    from scipy.signal import sos2zpk

    return ZeroPoleGain(*sos2zpk(form.sos))


def _tf_to_ss(form: TransferFunction) -> StateSpace:
    from scipy.signal import tf2ss

    order = form.order
    b, a = (np.pad(c, (0, order + 1 - len(c))) for c in (form.b, form.a))
    return StateSpace(*tf2ss(b, a))


def _ss_to_zpk(form: StateSpace) -> ZeroPoleGain:
    from scipy.signal import ss2zpk

    return ZeroPoleGain(*ss2zpk(form.A, form.B, form.C, form.D))


_DIRECT: dict[tuple[type[Form], type[Form]], Callable[[Any], Form]] = {
    (TransferFunction, ZeroPoleGain): _tf_to_zpk,
    (ZeroPoleGain, TransferFunction): _zpk_to_tf,
    (ZeroPoleGain, Sections): _zpk_to_sos,
    (Sections, ZeroPoleGain): _sos_to_zpk,
    (TransferFunction, StateSpace): _tf_to_ss,
    (StateSpace, ZeroPoleGain): _ss_to_zpk,
    (ZeroPoleGain, StateSpace): lambda form: _tf_to_ss(_zpk_to_tf(form)),
}
