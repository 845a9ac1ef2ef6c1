"""Filters from magnitudes alone: a rational function of cos(omega), split at the unit circle."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import (
    as_magnitude,
    as_omega,
    as_weight,
    check_equations,
    check_order,
)
from rnnmusic.filters.design.frequency_domain import find_poles, with_poles
from rnnmusic.filters.design.minimum_phase import causal_log_spectrum
from rnnmusic.filters.design.polynomials import (
    PATIENCE,
    fit_denominator,
    fit_numerator,
    floored,
    from_roots,
    not_found,
)
from rnnmusic.filters.design.stability import reflect_poles
from rnnmusic.filters.forms import Complexes, Reals, ZeroPoleGain

#: At most so many fits to a complex response, until the rms error is as small, in nepers.
_POLISHES, _EXACT = 8, 1e-11
#: Intervals of the grid on which the missing phase is found.
_PHASE_POINTS = 2**14


@one_blas_thread()
def spectral_factor(
    omega: Any,
    magnitude: Any,
    order_b: int,
    order_a: int,
    *,
    weight: Any = None,
    iterations: int = 30,
) -> ZeroPoleGain:
    """The minimum-phase filter B / A nearest to a magnitude, which needs no phase to be made up.

    omega (K,) rising within [0, pi], magnitude (K,) linear. |B / A|**2 is a fraction of
    polynomials in v = 1 - cos(omega). The fraction nearest to the squared magnitude, in relative
    error, comes from Sanathanan and Koerner's iteration; each of its roots v is a pair with
    z + 1/z = 2 - 2 v, of which the one inside the unit circle is taken (Fejer and Riesz). Exact
    data give the exact minimum-phase filter, on any grid; the result is stable always. Where it
    changes its sign between 0 and pi, no filter has that fraction: roots there are moved together.
    Squaring costs half the digits: the filter is then fitted to a complex response, its own phase
    corrected by the cepstrum, a few times over.
    Magnitudes below -160 dB of the largest, zeros included, count as such.
    Errors: InputError for grids and magnitudes that aren't as said, UsageError for orders.
    """
    order_b, order_a = check_order("order_b", order_b, 0), check_order("order_a", order_a, 0)
    iterations = check_order("iterations", iterations)
    omega = as_omega(omega)
    magnitude, weight = as_magnitude(omega, magnitude), as_weight(omega, weight)
    check_equations(len(omega), order_a + order_b + 1, "magnitudes")
    level = np.maximum(magnitude / magnitude.max(), 1e-8)
    target = _Target(omega, level, weight, order_b, order_a)
    best, error = _of_power(target, iterations)
    for _ in range(_POLISHES):
        if error < _EXACT:
            break
        polished = _with_phase(target, best, iterations)
        if polished is None or polished[1] >= 0.99 * error:
            break
        best, error = polished
    return ZeroPoleGain(best.zero, best.pole, best.gain * magnitude.max())


class _Target(NamedTuple):
    """Levels relative to the largest, and what is asked of a filter for them."""

    omega: Reals
    level: Reals
    weight: Reals
    order_b: int
    order_a: int

    def scored(self, zeros: Complexes, poles: Complexes) -> tuple[ZeroPoleGain, float]:
        """The filter of best gain with such roots, and its rms error in nepers."""
        shape = abs(ZeroPoleGain(zeros, poles, 1.0).response(self.omega))
        error = np.log(self.level) - np.log(np.clip(shape, 1e-300, 1e300))
        gain = float(np.average(error, weights=self.weight**2))
        rms = np.sqrt(np.average((error - gain) ** 2, weights=self.weight**2))
        return ZeroPoleGain(zeros, poles, float(np.exp(gain))), float(rms)


def _of_power(target: _Target, iterations: int) -> tuple[ZeroPoleGain, float]:
    """The best filter by way of the squared magnitude, and its error."""
    order_b, order_a = target.order_b, target.order_a
    # Not cos(omega): near 0 it would round low frequencies together.
    v: Complexes = 2 * np.sin(target.omega / 2) ** 2 + 0j
    power = (target.level**2).astype(np.complex128)
    relative = target.weight / target.level**2
    scale: Reals = np.ones(len(v))
    best, least, idle = None, np.inf, 0
    for _ in range(iterations):
        try:
            roots = fit_denominator(v, power, relative, order_b, order_a, scale)
            over = fit_numerator(v, power, relative, roots, order_b)
        except np.linalg.LinAlgError:
            break
        scale = floored(np.abs(from_roots(v, roots)))
        found, error = target.scored(
            _pad(_inside(over), order_a - order_b),
            _pad(reflect_poles(_inside(roots)), order_b - order_a),
        )
        if error < least * (1 - 1e-6):
            best, least, idle = found, error, 0
        elif (idle := idle + 1) == PATIENCE:
            break
    if best is None:
        raise not_found()
    return best, least


def _with_phase(
    target: _Target, near: ZeroPoleGain, iterations: int
) -> tuple[ZeroPoleGain, float] | None:
    """A better filter by way of the complex response, which keeps the digits that squaring lost.

    Its phase is that of the filter at hand plus the minimum phase of what is missing from it: flat,
    where the filter is near, so that interpolating it costs nothing.
    """
    omega, level, weight, order_b, order_a = target
    response = near.response(omega)
    missing = level / np.maximum(abs(response), 1e-12)
    grid, spectrum = causal_log_spectrum(omega, missing, _PHASE_POINTS)
    phase = np.angle(response) + np.interp(omega, grid, spectrum.imag)
    wanted = level * np.exp(1j * phase)
    try:
        poles = reflect_poles(
            find_poles(omega, wanted, weight / level, order_b, order_a, iterations)
        )
        found = with_poles(omega, wanted, weight / level, poles, order_b, order_a)
    except (InputError, np.linalg.LinAlgError):
        return None
    return target.scored(reflect_poles(found.zero), found.pole)


def _inside(v: Complexes) -> Complexes:
    """For roots v of a real polynomial, the z with z + 1/z = 2 - 2 v inside the unit circle."""
    real = (abs(v.imag) < 1e-14 * abs(v)) & (v.real > 0) & (v.real < 2)
    # On the circle, roots of a magnitude are double: both z of one v, for two of them.
    line = np.sort(v.real[real])
    single = np.zeros(0, np.complex128)
    if len(line) % 2:
        odd = int(np.argmax(abs(line - 1)))
        single = np.array([1.0 + 0j if line[odd] < 1 else -1.0 + 0j])
        line = np.delete(line, odd)
    angle = 2 * np.arcsin(np.sqrt((line[::2] + line[1::2]) / 4))
    on_circle = np.concatenate((np.exp(1j * angle), np.exp(-1j * angle)))
    root = np.sqrt(-v[~real]) * np.sqrt(2 - v[~real])
    outer = 1 - v[~real] + np.where(abs(1 - v[~real] + root) >= 1, root, -root)
    return np.concatenate((1 / outer, on_circle, single))


def _pad(roots: Complexes, more: int) -> Complexes:
    return np.concatenate((roots, np.zeros(max(more, 0))))
