"""Polynomials on a curve in orthogonal bases, and rational functions fitted through them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import Complexes, Reals

#: Iterations without a better fit after which iterating ends: errors don't fall monotonically.
PATIENCE = 4


@dataclass(frozen=True)
class Basis:
    """Polynomials in one variable, of degree 0, 1, ... orthonormal over points and weights."""

    values: Complexes  # (K, degree + 1), unweighted
    recurrence: Reals  # (degree + 1, degree): the variable times the first columns, in terms of all

    @classmethod
    def build(cls, points: Complexes, weight: Reals, degree: int) -> Basis:
        """Arnoldi's process, times the variable (Brubeck and others, SIAM Review 63, 2021).

        Inner products are real parts: the points stand for their conjugates, too. LinAlgError
        where too few points have a weight.
        """
        values = np.zeros((len(points), degree + 1), dtype=np.complex128)
        recurrence = np.zeros((degree + 1, degree))
        values[:, 0] = 1 / np.linalg.norm(weight)
        weighted = np.zeros((2 * len(points), degree + 1))
        weighted[:, 0] = stacked(weight * values[:, 0])
        for k in range(degree):
            following = points * values[:, k]
            whole = float(np.linalg.norm(weight * following))
            for _ in range(2):  # twice is enough
                overlap = weighted[:, : k + 1].T @ stacked(weight * following)
                following -= values[:, : k + 1] @ overlap
                recurrence[: k + 1, k] += overlap
            length = float(np.linalg.norm(weight * following))
            if not length > 1e-14 * whole:
                raise np.linalg.LinAlgError(f"The points determine no more than {k + 1} terms.")
            recurrence[k + 1, k] = length
            values[:, k + 1] = following / length
            weighted[:, k + 1] = stacked(weight * values[:, k + 1])
        return cls(values, recurrence)

    def roots(self, coefficients: Reals) -> Complexes:
        """Finite roots of the polynomial with such coefficients (degree + 1,): a comrade pencil."""
        from scipy.linalg import eigvals

        degree = len(coefficients) - 1
        if not degree:
            return np.zeros(0, np.complex128)
        # The variable times q_(n-1) needs q_n, which at a root the other terms give. The pencil is
        # scaled by the last coefficient, which may be zero: a root at infinity.
        a, b = self.recurrence[:-1].copy(), np.eye(degree)
        a[:, -1] *= coefficients[-1]
        a[:, -1] -= self.recurrence[-1, -1] * coefficients[:-1]
        b[-1, -1] = coefficients[-1]
        found = eigvals(a, b)
        return np.asarray(found[np.isfinite(found)], dtype=np.complex128)


def fit_denominator(
    points: Complexes,
    target: Complexes,
    weight: Reals,
    order_b: int,
    order_a: int,
    scale: Reals,
) -> Complexes:
    """The roots of Q in the least weighted error |P - target * Q| / scale, Q of norm 1.

    One step of Sanathanan and Koerner, scale being |Q| of the step before.
    """
    numerators = Basis.build(points, weight / scale, order_b)
    denominators = Basis.build(points, weight * abs(target) / scale, order_a)
    columns = stacked((weight * target / scale)[:, None] * denominators.values)
    rows = stacked((weight / scale)[:, None] * numerators.values)
    rest = columns - rows @ (rows.T @ columns)
    rest -= rows @ (rows.T @ rest)
    _, _, right = np.linalg.svd(rest, full_matrices=False)
    return denominators.roots(right[-1])


def fit_numerator(
    points: Complexes, target: Complexes, weight: Reals, poles: Complexes, order_b: int
) -> Complexes:
    """The roots of P in the least weighted error |P / Q - target|, Q having such roots."""
    denominator = from_roots(points, poles)
    scale = floored(np.abs(denominator)) * np.abs(denominator).max()
    basis = Basis.build(points, weight / scale, order_b)
    rows = stacked((weight / scale)[:, None] * basis.values)
    zeros = basis.roots(rows.T @ stacked(weight / scale * target * denominator))
    # A leading coefficient of nothing but rounding: the degree is lower.
    return zeros[abs(zeros) < 1e12]


def from_roots(points: Complexes, roots: Complexes) -> Complexes:
    """prod(points - root), computed in pairs far from overflow for roots near the unit circle."""
    return np.asarray(np.prod(points[:, None] - roots, axis=1), dtype=np.complex128)


def not_found() -> InputError:
    """The error where no iteration led to a filter."""
    return InputError(
        "No filter of this order fits: the response is zero, or without weight, at too many "
        "frequencies; give more of them or choose a lower order."
    )


def floored(scale: Reals) -> Reals:
    """Sizes (K,) relative to the largest, none of them zero: what may be divided by."""
    return np.asarray(np.maximum(scale / scale.max(), 1e-30), dtype=np.float64)


def stacked(values: Complexes) -> Reals:
    """Real parts above imaginary ones."""
    return np.concatenate((values.real, values.imag))


def relative_floor(magnitude: Reals) -> Reals:
    """Magnitudes no smaller than -200 dB of the largest: what relative weights may divide by."""
    return np.asarray(np.maximum(magnitude, 1e-10 * magnitude.max()), dtype=np.float64)
