"""What the methods of identification ask of their data."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Complexes, Reals


def as_series(name: str, values: Any, least: int = 1) -> Reals:
    """Values as a finite float64 array (T,) of at least so many; InputError otherwise."""
    series: Reals = _as_array(name, values, np.float64)
    if series.ndim != 1:
        raise InputError(f"{name} has shape {series.shape}; give one dimension, (T,).")
    return _long_enough(name, series, least)


def as_channels(name: str, values: Any) -> Reals:
    """Values as a finite float64 array (channels, T): one series is one channel."""
    series: Reals = np.atleast_2d(_as_array(name, values, np.float64))
    if series.ndim != 2 or not series.size:
        raise InputError(f"{name} has shape {series.shape}; give (T,) or (channels, T).")
    return series


def as_omega(values: Any) -> Reals:
    """Frequencies (K,) in radians per sample, rising from 0 or more to pi or less."""
    omega = as_series("omega", values, least=2)
    if omega[0] < 0 or omega[-1] > np.pi * (1 + 1e-9) or (np.diff(omega) <= 0).any():
        raise InputError(
            f"omega runs from {omega[0]:.4g} to {omega[-1]:.4g} rad/sample; give rising "
            "frequencies within 0 and pi, which is the Nyquist frequency."
        )
    return np.minimum(omega, np.pi)


def as_magnitude(omega: Reals, values: Any) -> Reals:
    """Magnitudes (K,), zero or more and not all zero."""
    magnitude = as_series("magnitude", values)
    if magnitude.shape != omega.shape:
        raise InputError(
            f"There are {magnitude.size} magnitudes at {omega.size} frequencies; give one for each."
        )
    if (magnitude < 0).any() or not magnitude.any():
        raise InputError(
            "The magnitude is negative somewhere or zero everywhere; give linear magnitudes, "
            "10**(dB / 20)."
        )
    return magnitude


def as_response(omega: Reals, values: Any) -> Complexes:
    """A complex response (K,) or (K, outputs, inputs) at omega, not all zero."""
    response: Complexes = _as_array("response", values, np.complex128)
    if response.ndim not in (1, 3) or len(response) != len(omega):
        raise InputError(
            f"The response has shape {response.shape} at {len(omega)} frequencies; give "
            f"({len(omega)},) or ({len(omega)}, outputs, inputs)."
        )
    if not response.any():
        raise InputError("The response is zero everywhere; there is no filter to find.")
    return response


def as_weight(omega: Reals, values: Any) -> Reals:
    """Weights (K,) of the error at omega, ones for None; none negative and not all zero."""
    if values is None:
        return np.ones(omega.shape)
    weight = as_series("weight", values)
    if weight.shape != omega.shape or (weight < 0).any() or not weight.any():
        raise InputError(
            f"{weight.size} weights were given for {omega.size} frequencies; give one for each, "
            "none negative and not all zero."
        )
    return weight


def check_order(name: str, order: Any, least: int = 1) -> int:
    """A whole number of at least so much; UsageError otherwise."""
    if isinstance(order, bool) or not isinstance(order, int | np.integer) or order < least:
        raise UsageError(f"{name} is {order!r}; give a whole number of at least {least}.")
    return int(order)


def check_equations(values: int, unknowns: int, of: str) -> None:
    """InputError where there are fewer values than numbers to find."""
    if values < unknowns:
        raise InputError(
            f"{max(0, values)} {of} can't determine {unknowns} coefficients; give more of them or "
            "choose a lower order."
        )


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """UsageError where the value is none of the choices."""
    if value not in choices:
        raise UsageError(f"{name} is {value!r}; choose one of {', '.join(choices)}.")


def _as_array(name: str, values: Any, dtype: type[Any]) -> Any:
    if dtype is np.float64 and np.iscomplexobj(values):
        raise InputError(f"{name} is complex; give real values.")
    try:
        array: Any = np.array(values, dtype=dtype)
    except (TypeError, ValueError):
        raise InputError(f"{name} isn't an array of numbers; give finite values.") from None
    if not np.isfinite(array).all():
        wrong = int((~np.isfinite(array)).sum())
        raise InputError(f"{name} has {wrong} values that aren't finite; remove or replace them.")
    size = abs(array).max(initial=0)
    if size and not 1e-100 < size < 1e100:
        raise InputError(
            f"{name} is as large as {size:.1g}, whose powers float64 can't hold; scale it."
        )
    return array


def _long_enough(name: str, series: Reals, least: int) -> Reals:
    if len(series) < least:
        raise InputError(f"{name} has {len(series)} values; give at least {least}.")
    return series
