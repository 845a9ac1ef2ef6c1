"""Rational filters from impulse responses: Prony's method and Steiglitz and McBride's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rnnmusic.errors import InputError
from rnnmusic.filters.design.algebra import least_squares, polynomial_roots
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import as_series, check_equations, check_order
from rnnmusic.filters.design.stability import reflect_poles, reflect_polynomial
from rnnmusic.filters.forms import Reals, TransferFunction


@one_blas_thread()
def prony(
    impulse_response: Any, order_b: int, order_a: int, *, stabilise: bool = False
) -> TransferFunction:
    """The filter B / A whose impulse response obeys the recursion of A, in least squares.

    impulse_response (T,) real, T >= order_b + order_a + 1. Where t > order_b the response of B / A
    satisfies sum_k a[k] h[t - k] = 0, which is solved for a; b is then a * h up to order_b
    (Parks and Burrus, Digital Filter Design, 1987, section 7.5). Exact data give exact filters.
    With stabilise, reflected poles get the numerator that fits h best in least squares.
    Errors: InputError for data that are short, zero or not finite, UsageError for orders.
    """
    h, order_b, order_a = _checked(impulse_response, order_b, order_a)
    past = _delayed(h, order_a)[order_b + 1 :]
    found = least_squares(past[:, 1:], -past[:, 0])
    a = np.concatenate(([1.0], found))
    stable = reflect_polynomial("prony", a, stabilise)
    if stable is not a:
        return TransferFunction(fit_numerator_to(h, order_b, stable), stable)
    return TransferFunction(np.convolve(a, h)[: order_b + 1], a)


@one_blas_thread()
def steiglitz_mcbride(
    impulse_response: Any,
    order_b: int,
    order_a: int,
    *,
    excitation: Any = None,
    iterations: int = 20,
    stabilise: bool = False,
) -> TransferFunction:
    """The filter B / A that gives a signal from an excitation, an impulse unless said otherwise.

    impulse_response (T,) real; excitation None or (T,). Each iteration filters both by the last
    1 / A and solves the then linear problem, so that the error minimised tends to that of the
    output (Steiglitz and McBride, IEEE Trans. Automatic Control 10, 1965, equations 9 to 12).
    The iterate of least output error is returned: the method converges often, not always.
    Errors: InputError for data that are short, zero or not finite, UsageError for orders.
    """
    from scipy.signal import lfilter

    y, order_b, order_a = _checked(impulse_response, order_b, order_a)
    iterations = check_order("iterations", iterations)
    x = _impulse(len(y)) if excitation is None else as_series("excitation", excitation)
    if len(x) != len(y) or not x.any():
        raise InputError(
            f"The excitation has {len(x)} values, the signal {len(y)}; give as many, not all zero."
        )
    a = np.array([1.0])
    best, least = a, np.inf
    for _ in range(iterations):
        filtered_y, filtered_x = lfilter([1.0], a, y), lfilter([1.0], a, x)
        past = _delayed(filtered_y, order_a)
        equations = np.hstack((-past[:, 1:], _delayed(filtered_x, order_b)))
        found = least_squares(equations, past[:, 0])
        # A filter that blows up can't be the next prefilter: its mirror image can.
        last, raw = a, np.concatenate(([1.0], found[:order_a]))
        a = np.real(np.poly(reflect_poles(polynomial_roots(raw))))
        error = y - lfilter(_numerator(y, x, order_b, a), a, x)
        if error @ error < least:
            best, least = raw, error @ error
        if len(last) == len(a) and np.allclose(last, a, rtol=1e-13, atol=1e-15):
            break
    a = reflect_polynomial("steiglitz_mcbride", best, stabilise)
    return TransferFunction(_numerator(y, x, order_b, a), a)


def fit_numerator_to(impulse_response: Reals, order_b: int, a: Reals) -> Reals:
    """The b (order_b + 1,) with which B / A has nearly such an impulse response."""
    return _numerator(impulse_response, _impulse(len(impulse_response)), order_b, a)


def _checked(values: Any, order_b: int, order_a: int) -> tuple[Reals, int, int]:
    order_b, order_a = check_order("order_b", order_b, 0), check_order("order_a", order_a)
    series = as_series("impulse_response", values)
    check_equations(len(series), order_a + order_b + 1, "samples of impulse response")
    if not series.any():
        raise InputError("The impulse response is zero everywhere; there is no filter to find.")
    return series, order_b, order_a


def _delayed(x: Reals, most: int) -> Reals:
    """Columns x[t], x[t - 1], ... x[t - most], zero before the start: (T, most + 1)."""
    return sliding_window_view(np.concatenate((np.zeros(most), x)), most + 1)[:, ::-1]


def _impulse(length: int) -> Reals:
    impulse = np.zeros(length)
    impulse[0] = 1
    return impulse


def _numerator(y: Reals, x: Reals, order_b: int, a: Reals) -> Reals:
    """The b (order_b + 1,) of least squared error y - (B / A) x."""
    from scipy.signal import lfilter

    return least_squares(_delayed(lfilter([1.0], a, x), order_b), y)
