"""The coefficients of each form as a machine of fewer bits would hold them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import (
    Allpass,
    DelayNetwork,
    Diagonal,
    Form,
    Lattice,
    Parallel,
    ParametricEq,
    Sections,
    StateSpace,
    SvfChain,
    TransferFunction,
    ZeroPoleGain,
)

Dtype = Literal["float64", "float32", "q31"]
DTYPES: tuple[str, ...] = get_args(Dtype)

Array = NDArray[Any]
Round = Callable[[Array], Array]


def rounded(form: Form, dtype: Dtype) -> Form:
    """The filter whose coefficients, still in float64, are those of `form` rounded to dtype.

    q31 is 32-bit fixed point: each section (and each array of the other forms) is scaled by the
    smallest power of two, 1 or more, that makes it fit into [-1, 1). An equaliser is rounded as
    the sections that run. InputError where the rounded numbers aren't such a form any more, as a
    reflection coefficient that becomes 1, or overflow.
    """
    arrays = rounded_arrays(form, dtype)
    rate = form.sample_rate_hz
    if isinstance(form, ParametricEq):
        return Sections(arrays["sos"], rate)
    if isinstance(form, Allpass):
        k, start = [], 0
        for chain in form.k:
            k.append(arrays["k"][start : start + len(chain)])
            start += len(chain)
        return Allpass(tuple(k), form.delay, float(arrays["gain"][()]), rate)
    return replace(form, **arrays)  # type: ignore[type-var]


def rounded_arrays(form: Form, dtype: Dtype) -> dict[str, Array]:
    """The rounded coefficients by their names in the form, whatever they are worth then."""
    if dtype not in DTYPES:
        raise InputError(f"Numbers of type {dtype!r} were asked for; give one of {DTYPES}.")
    fit = _FITS[dtype]
    if isinstance(form, ParametricEq):
        form = form.sections()
    if isinstance(form, Sections):
        return {"sos": _rows(form.sos, fit)}
    if isinstance(form, Parallel):
        return {"sos": _rows(form.sos, fit), "fir": fit(form.fir)}
    if isinstance(form, Allpass):
        return {"k": fit(np.concatenate([np.zeros(0), *form.k])), "gain": fit(np.array(form.gain))}
    if isinstance(form, TransferFunction):
        # One scale for both, and a[0] = 1 isn't stored.
        both = fit(np.concatenate([form.b, form.a[1:]]))
        a = np.append(1.0, both[len(form.b) :])
        return {"b": both[: len(form.b)], "a": a}
    names = _NAMES[type(form)]
    return {name: fit(np.asarray(getattr(form, name))) for name in names}


def _rows(sos: Array, fit: Round) -> Array:
    result = sos.copy()
    for row in result:
        row[[0, 1, 2, 4, 5]] = fit(row[[0, 1, 2, 4, 5]])
    return result


def _to_float32(values: Array) -> Array:
    narrow = np.complex64 if np.iscomplexobj(values) else np.float32
    with np.errstate(over="ignore"):
        result = values.astype(narrow).astype(values.dtype)
    if not np.isfinite(result).all():
        raise InputError("A coefficient is too large for float32; scale the filter down.")
    return result


def _to_q31(values: Array) -> Array:
    if np.iscomplexobj(values):
        result = np.empty_like(values)
        parts = _to_q31(np.stack([values.real, values.imag]))
        result.real, result.imag = parts
        return result
    largest = float(np.max(abs(values), initial=0.0))
    shift = max(0, math.frexp(largest)[1])
    step = 2.0 ** (shift - 31)
    whole = np.clip(np.rint(values / step), -(2**31), 2**31 - 1)
    result = np.asarray(whole * step)
    return result


_FITS: dict[str, Round] = {
    "float64": lambda values: np.array(values),
    "float32": _to_float32,
    "q31": _to_q31,
}

_NAMES: dict[type[Form], tuple[str, ...]] = {
    ZeroPoleGain: ("zero", "pole", "gain"),
    SvfChain: ("g", "r", "mix"),
    Lattice: ("k", "v"),
    StateSpace: ("A", "B", "C", "D"),
    Diagonal: ("pole", "b", "c", "d"),
    DelayNetwork: ("feedback", "gain", "b", "c", "d"),
}
