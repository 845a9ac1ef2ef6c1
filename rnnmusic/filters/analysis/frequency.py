"""Responses over frequency, and their delays from exact derivatives."""

from __future__ import annotations

import math

import numpy as np

from rnnmusic.filters.analysis._slopes import polynomials, slope
from rnnmusic.filters.forms import Complexes, Form, Reals, ZeroPoleGain
from rnnmusic.filters.forms._checks import as_reals

#: A numerator smaller than this part of its coefficients is taken for a zero on the unit circle.
ZERO = 1e-8


def response(form: Form, omega: Reals) -> Complexes:
    """Complex response at omega (K,) in radians per sample: (K,) or (K, outputs, inputs)."""
    return form.response(as_reals("omega", omega, 1))


def response_db(form: Form, omega: Reals, floor_db: float = -300.0) -> Reals:
    """Magnitude of the response in dB, never below floor_db: a zero would be minus infinity."""
    magnitude = np.maximum(abs(response(form, omega)), 10 ** (floor_db / 20))
    decibels: Reals = 20 * np.log10(magnitude)
    return decibels


def phase(form: Form, omega: Reals) -> Reals:
    """Phase of the response in radians, unwrapped along omega."""
    angles: Reals = np.unwrap(np.angle(response(form, omega)), axis=0)
    return angles


def group_delay(form: Form, omega: Reals) -> Reals:
    """Minus the derivative of the phase, in samples, shaped like the response.

    From derivatives in closed form, not from differences (Smith, Introduction to Digital Filters,
    2007, Group Delay Computation). At a zero or a pole on the unit circle, where the phase jumps,
    it is the limit from both sides; where nothing is heard at all it is 0.
    """
    omega = as_reals("omega", omega, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _group_delay(form, omega)


def _group_delay(form: Form, omega: Reals) -> Reals:
    if isinstance(form, ZeroPoleGain):
        return _root_delay(form.zero, omega) - _root_delay(form.pole, omega) + 0.0
    fractions = polynomials(form)
    if fractions is not None:
        over, under = fractions
        inverse = np.exp(-1j * omega)
        result = np.zeros(omega.shape)
        for row in over:
            result += _polynomial_delay(row, inverse)
        for row in under:
            result -= _polynomial_delay(row, inverse)
        return result
    value, result = _quotient(form, omega)
    finite = np.isfinite(value) & np.isfinite(result)
    peak = np.max(abs(value), axis=0, initial=0.0, where=finite)
    unclear = ~finite | ((abs(value) <= 1e-9 * peak) & (peak > 0))
    if unclear.any():
        aside = 1e-4
        sides = (_quotient(form, omega - aside)[1] + _quotient(form, omega + aside)[1]) / 2
        result = np.where(unclear, sides, result)
    return result


def _quotient(form: Form, omega: Reals) -> tuple[Complexes, Reals]:
    value, derivative = slope(form, omega)
    ratio = np.divide(derivative, value, out=np.zeros_like(value), where=value != 0)
    return value, -ratio.imag


def _polynomial_delay(coefficients: Reals, inverse: Complexes) -> Reals:
    """Group delay Re(w P'(w) / P(w)) of P(w) = sum_k c_k w**k, where w is 1 / z.

    At an m-fold zero of P it is m / 2 + Re(w P^(m+1) / ((m + 1) P^(m))).
    """
    size = float(np.sum(abs(coefficients)))
    if size == 0:
        return np.zeros(inverse.shape)
    result = np.zeros(inverse.shape)
    open_ = np.ones(inverse.shape, dtype=bool)
    current, multiplicity = coefficients, 0
    while open_.any():
        value = np.polyval(current[::-1], inverse)
        following = current[1:] * np.arange(1, len(current))
        here = open_ & (abs(value) > ZERO * size)
        derivative = np.polyval(following[::-1], inverse[here])
        ratio = (inverse[here] * derivative / value[here]).real
        result[here] = multiplicity / 2 + ratio / (multiplicity + 1)
        open_ &= ~here
        current, multiplicity = following, multiplicity + 1
        if not len(current):
            break
    return result


def _root_delay(roots: Complexes, omega: Reals) -> Reals:
    """Group delay of prod(z - root), without cancellation next to the unit circle."""
    result = np.zeros(omega.shape)
    for root in roots:
        radius = abs(root)
        if abs(1 - radius) < 1e-12:  # on the unit circle, but for rounding: linear phase
            result -= 0.5
            continue
        square = np.sin((omega - math.atan2(root.imag, root.real)) / 2) ** 2
        # |1 - r exp(j phi)|**2 and 1 - r cos(phi), by half angles.
        distance = (1 - radius) ** 2 + 4 * radius * square
        over = (1 - radius) + 2 * radius * square
        result -= over / distance
    return result
