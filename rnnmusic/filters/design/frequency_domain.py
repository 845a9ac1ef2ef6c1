"""Rational filters from complex responses: Sanathanan and Koerner's iteration."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import (
    as_omega,
    as_response,
    as_weight,
    check_equations,
    check_order,
)
from rnnmusic.filters.design.polynomials import (
    PATIENCE,
    fit_denominator,
    fit_numerator,
    floored,
    from_roots,
    not_found,
    relative_floor,
    stacked,
)
from rnnmusic.filters.design.stability import is_unstable, reflect_poles
from rnnmusic.filters.forms import Complexes, Reals, ZeroPoleGain


@one_blas_thread()
def sanathanan_koerner(
    omega: Any,
    response: Any,
    order_b: int,
    order_a: int,
    *,
    weight: Any = None,
    relative: bool = False,
    iterations: int = 30,
    stabilise: bool = False,
) -> ZeroPoleGain:
    """The filter B / A nearest to a complex response, by linear problems: invfreqz, iterated.

    omega (K,) rising within [0, pi], response (K,) complex; minimises
    sum_k weight[k]**2 |response[k] - B / A|**2, each iteration dividing the linear error
    B - A * response by the last |A| (Sanathanan and Koerner, IEEE Trans. Automatic Control 8,
    1963). relative divides the weight by |response|, so that errors count in dB rather than in
    amplitude. The polynomials stand in bases orthogonal under the iteration's own weight, built
    by Arnoldi's process, and their roots are found there, never through powers of z
    (Hokanson, Multivariate rational approximation using a stabilized Sanathanan-Koerner iteration,
    2020): orders of 50 and logarithmic grids are no trouble.
    The best iterate is returned. With stabilise, the numerator is fitted anew to reflected poles.
    Errors: InputError for data that are short, zero or not finite, UsageError for orders.
    """
    order_b, order_a = check_order("order_b", order_b, 0), check_order("order_a", order_a)
    iterations = check_order("iterations", iterations)
    omega = as_omega(omega)
    target, weight = as_response(omega, response), as_weight(omega, weight)
    if target.ndim != 1:
        raise InputError("The response has several channels; fit each, or use vector_fitting.")
    check_equations(2 * len(omega), order_a + order_b + 2, "real and imaginary parts")
    if relative:
        weight = weight / relative_floor(np.abs(target))
    poles = find_poles(omega, target, weight, order_b, order_a, iterations)
    if is_unstable("sanathanan_koerner", poles, stabilise) and stabilise:
        poles = reflect_poles(poles)
    return with_poles(omega, target, weight, poles, order_b, order_a)


def find_poles(
    omega: Reals, target: Complexes, weight: Reals, order_b: int, order_a: int, iterations: int
) -> Complexes:
    """The poles of the best iterate, wherever they lie."""
    z = np.exp(1j * omega)
    # In powers of z, H = z**(order_a - order_b) P / Q with |z| = 1: the factor turns the target.
    turned = target * z ** (order_b - order_a)
    scale: Reals = np.ones(len(z))
    best, least, idle = np.zeros(0, np.complex128), np.inf, 0
    for _ in range(iterations):
        try:
            poles = fit_denominator(z, turned, weight, order_b, order_a, scale)
            fitted = with_poles(omega, target, weight, poles, order_b, order_a)
        except np.linalg.LinAlgError:
            break
        scale = floored(np.abs(from_roots(z, poles)))
        error = float(np.sum((weight * abs(fitted.response(omega) - target)) ** 2))
        if error < least * (1 - 1e-6):
            best, least, idle = poles, error, 0
        elif (idle := idle + 1) == PATIENCE:
            break
    if least == np.inf:
        raise not_found()
    return best


def with_poles(
    omega: Reals, target: Complexes, weight: Reals, poles: Complexes, order_b: int, order_a: int
) -> ZeroPoleGain:
    """The filter with such poles whose zeros and gain fit the target best."""
    z, extra = np.exp(1j * omega), order_a - order_b
    zeros = fit_numerator(z, target * z**-extra, weight, poles, order_b)
    # Polynomials in z**-1 of unequal order have poles or zeros at 0 besides.
    zeros = np.concatenate((zeros, np.zeros(max(extra, 0))))
    poles = np.concatenate((poles, np.zeros(max(-extra, 0))))
    response: Complexes = ZeroPoleGain(zeros, poles, 1.0).response(omega)
    # A pole on the grid says nothing of the gain.
    response[~np.isfinite(response)] = 0
    shape = stacked(weight * response)
    return ZeroPoleGain(zeros, poles, float(shape @ stacked(weight * target) / (shape @ shape)))
