"""All-pole filters that predict a signal: linear predictive coding."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rnnmusic.errors import InputError
from rnnmusic.filters.design.algebra import least_squares
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import (
    as_series,
    check_choice,
    check_equations,
    check_order,
)
from rnnmusic.filters.design.stability import reflect_polynomial
from rnnmusic.filters.forms import Reals, TransferFunction

#: A prediction error of this part of the signal's power is rounding: higher orders stay at 0.
_PERFECT = 1e-12

Prediction = Literal["autocorrelation", "burg", "covariance"]


@one_blas_thread()
def lpc(
    signal: Any, order: int, method: Prediction = "autocorrelation", *, stabilise: bool = False
) -> TransferFunction:
    """The all-pole filter gain / A that turns white noise of variance 1 into such a signal.

    signal (T,) real, no mean taken away. `autocorrelation` solves the Yule-Walker equations of
    the biased autocorrelation (Makhoul, Proc. IEEE 63, 1975) and `burg` minimises forward and
    backward errors by reflection coefficients (Burg, 1975); both are always stable. `covariance`
    is least squares over the samples that have a whole past: exact where the signal obeys a
    recursion, and possibly unstable.
    Errors: InputError for signals that are silent, short or not finite, UsageError otherwise.
    """
    check_choice("method", method, ("autocorrelation", "burg", "covariance"))
    order = check_order("order", order)
    series = as_series("signal", signal)
    check_equations(len(series), order + 1 if method != "covariance" else 2 * order, "samples")
    if not series.any():
        raise InputError("The signal is silent: any filter predicts it; give one with sound.")
    # Powers of tiny or huge numbers leave the range of float64.
    peak = float(abs(series).max())
    a, variance = _METHODS[method](series / peak, order)
    if method == "covariance":
        a = reflect_polynomial("lpc", a, stabilise)
    return TransferFunction(np.array([peak * np.sqrt(variance)]), a)


def autocorrelation(series: Reals, lags: int) -> Reals:
    """Biased autocorrelation (lags + 1,): sum_t x[t] x[t + k] / T."""
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(len(series) + lags, real=True)
    power = abs(rfft(series, length)) ** 2
    return np.asarray(irfft(power, length)[: lags + 1] / len(series), dtype=np.float64)


def _yule_walker(series: Reals, order: int) -> tuple[Reals, float]:
    r = autocorrelation(series, order)
    a, error = np.array([1.0]), float(r[0])
    for k in range(1, order + 1):
        if error < 10 * _PERFECT * r[0]:
            break
        reflection = _inside(-float(a @ r[k:0:-1]) / error)
        a = _step_up(a, reflection)
        error *= 1 - reflection**2
    return np.pad(a, (0, order + 1 - len(a))), error


def _burg(series: Reals, order: int) -> tuple[Reals, float]:
    forward, backward = series[1:], series[:-1]
    power = float(np.mean(series**2))
    a, error = np.array([1.0]), power
    for _ in range(order):
        energy = float(forward @ forward + backward @ backward)
        if error < 10 * _PERFECT * power or energy == 0:
            break
        reflection = _inside(-2 * float(forward @ backward) / energy)
        a = _step_up(a, reflection)
        error *= 1 - reflection**2
        forward, backward = (
            forward[1:] + reflection * backward[1:],
            backward[:-1] + reflection * forward[:-1],
        )
    return np.pad(a, (0, order + 1 - len(a))), error


def _covariance(series: Reals, order: int) -> tuple[Reals, float]:
    past = sliding_window_view(series, order + 1)[:, ::-1]
    found = least_squares(past[:, 1:], -past[:, 0])
    a = np.concatenate(([1.0], found))
    return a, float(np.mean((past @ a) ** 2))


def _inside(reflection: float) -> float:
    """A reflection coefficient short of 1, where the filter is still stable."""
    return min(max(reflection, _PERFECT - 1), 1 - _PERFECT)


def _step_up(a: Reals, reflection: float) -> Reals:
    longer = np.concatenate((a, [0.0]))
    return longer + reflection * longer[::-1]


_METHODS = {"autocorrelation": _yule_walker, "burg": _burg, "covariance": _covariance}
