"""Poles on or outside the unit circle: said always, reflected on request."""

from __future__ import annotations

import warnings

import numpy as np

from rnnmusic.filters.design.algebra import eigenvalues, polynomial_roots
from rnnmusic.filters.forms import Complexes, Reals

#: What a pole on the unit circle is moved to; its mirror image is itself.
_RIM = 1 - 1e-6
#: Poles from here on lie on the unit circle, for all that float64 can tell.
_CIRCLE = 1 - 1e-12


class StabilityWarning(UserWarning):
    """An identified filter has, or had before it was reflected, poles that make it unstable."""


def reflect_poles(poles: Complexes) -> Complexes:
    """Poles p outside the unit circle become 1 / conj(p), which scales the magnitude response.

    |z - p| = |p| |z - 1/conj(p)| on the unit circle. Poles on it, within 1e-6, move inside.
    """
    radius = abs(poles)
    inside = radius < _CIRCLE
    reflected = np.minimum(1 / np.where(inside, 1, radius), _RIM)
    unit = poles / np.where(inside, 1, radius)
    return np.where(inside, poles, reflected * unit)


def reflect_matrix(a: Reals) -> Reals:
    """A matrix with its unstable eigenvalues reflected, and everything else of its Schur form kept.

    A 2 x 2 block with eigenvalues p, conj(p) divided by |p|**2 has 1 / conj(p), 1 / p.
    """
    from scipy.linalg import schur

    t, q = schur(a, output="real")
    size, row = len(t), 0
    while row < size:
        width = 2 if row + 1 < size and t[row + 1, row] != 0 else 1
        block = slice(row, row + width)
        pole = eigenvalues(t[block, block])[0]
        if abs(pole) >= _CIRCLE:
            t[block, block] *= abs(reflect_poles(np.atleast_1d(pole))[0]) / abs(pole)
        row += width
    return np.asarray(q @ t @ q.T, dtype=np.float64)


def is_unstable(method: str, poles: Complexes, stabilise: bool, depth: int = 0) -> bool:
    """Whether a pole lies on or outside the unit circle; a StabilityWarning says so."""
    outside = int((abs(poles) >= _CIRCLE).sum())
    if outside:
        ending = (
            "they were reflected into it"
            if stabilise
            else "the filter is unstable; pass stabilise=True to reflect them"
        )
        warnings.warn(
            f"{method} put {outside} of {len(poles)} poles on or outside the unit circle, the "
            f"farthest at radius {abs(poles).max():.6g}: {ending}.",
            StabilityWarning,
            stacklevel=4 + depth,  # the caller of the method, past its BLAS limit
        )
    return outside > 0


def reflect_polynomial(method: str, a: Reals, stabilise: bool) -> Reals:
    """A denominator (N + 1,) with a[0] = 1, its roots reflected if unstable and so requested."""
    roots = polynomial_roots(a)
    if is_unstable(method, roots, stabilise, depth=1) and stabilise:
        return np.asarray(np.real(np.poly(reflect_poles(roots))), dtype=np.float64)
    return a
