"""Filters that colour white noise into a time series: ARMA by Hannan and Rissanen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rnnmusic.errors import InputError
from rnnmusic.filters.design.algebra import least_squares, polynomial_roots
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import as_series, check_equations, check_order
from rnnmusic.filters.design.linear_prediction import lpc
from rnnmusic.filters.design.stability import reflect_poles, reflect_polynomial
from rnnmusic.filters.forms import Reals, TransferFunction


@one_blas_thread()
def hannan_rissanen(series: Any, p: int, q: int, *, stabilise: bool = False) -> TransferFunction:
    """The filter sigma (1 + sum theta_k z**-k) / (1 - sum phi_k z**-k) of a series' noise.

    series (T,) of mean zero (take it away first). A long autoregression gives the noise, on whose
    past and the series' own the series is regressed; a third regression takes away the bias of the
    second where that is stable and invertible (Hannan and Rissanen, Biometrika 69, 1982;
    Brockwell and Davis, Introduction to Time Series and Forecasting, 2016, section 5.1.4).
    White noise of variance 1 comes out with the spectrum of the series. b[0] = sigma.
    Errors: InputError for series that are short, constant or not finite, UsageError for orders.
    """
    p, q = check_order("p", p, 0), check_order("q", q, 0)
    if p + q == 0:
        raise InputError("p and q are both 0, which is white noise; give one of at least 1.")
    x = as_series("series", series)
    long = max(int(np.ceil(np.log(max(len(x), 2)) ** 2)), 2 * max(p, q)) if q else p
    long = min(long, len(x) // 3)
    check_equations(len(x) - long - max(p, q), p + q, "values beyond the long autoregression's")
    if np.ptp(x) == 0:
        raise InputError("The series is constant: there's nothing to predict; give one that moves.")
    scale = float(np.std(x)) or 1.0
    x = x / scale
    noise = np.convolve(x, lpc(x, max(long, 1)).a)[: len(x)] if q else np.zeros(len(x))
    start = long + max(p, q)
    past = np.hstack((_lags(x, p, start), _lags(noise, q, start)))
    found = least_squares(past, x[start:])
    sigma = float(np.sqrt(np.mean((x[start:] - past @ found) ** 2)))
    phi, theta = _without_bias(x, found[:p], found[p:]) if q else (found, found[p:])
    a = reflect_polynomial("hannan_rissanen", np.concatenate(([1.0], -phi)), stabilise)
    zeros = polynomial_roots(np.concatenate(([1.0], theta)))
    # Of the filters with the same spectrum, the one that runs backwards, too: series to noise.
    sigma *= float(np.prod(np.maximum(abs(zeros), 1)))
    b = np.real(np.poly(reflect_poles(zeros))) if (abs(zeros) >= 1).any() else [1.0, *theta]
    return TransferFunction(scale * sigma * np.asarray(b), a)


def _without_bias(x: Reals, phi: Reals, theta: Reals) -> tuple[Reals, Reals]:
    """One Gauss-Newton step on the residuals, kept if stable and invertible before and after."""
    from scipy.signal import lfilter

    if not (_is_inside(phi) and _is_inside(-theta)):
        return phi, theta
    p, q = len(phi), len(theta)
    ar, ma = np.concatenate(([1.0], -phi)), np.concatenate(([1.0], theta))
    start = max(p, q)
    # No residuals before there is a past, as if the series had started at its expectation.
    residual = lfilter([1.0], ma, np.convolve(ar, x)[start : len(x)])
    residual = np.concatenate((np.zeros(start), residual))
    by_phi, by_theta = lfilter([1.0], ar, residual), lfilter([1.0], ma, residual)
    slopes = np.hstack((_lags(by_phi, p, start), _lags(by_theta, q, start)))
    step = least_squares(slopes, residual[start:])
    better = phi + step[:p], theta + step[p:]
    return better if _is_inside(better[0]) and _is_inside(-better[1]) else (phi, theta)


def _lags(x: Reals, most: int, start: int) -> Reals:
    """Columns x[t - 1] ... x[t - most] for t from start on."""
    if not most:
        return np.zeros((len(x) - start, 0))
    return sliding_window_view(x, most)[start - most : len(x) - most, ::-1]


def _is_inside(coefficients: Reals) -> bool:
    """Whether 1 - sum c_k z**-k has all its roots inside the unit circle."""
    roots = polynomial_roots(np.concatenate(([1.0], -coefficients)))
    return bool((abs(roots) < 1).all())
