"""The few pieces of linear algebra that every method uses, in float64 and complex128."""

from __future__ import annotations

import numpy as np

from rnnmusic.filters.forms import Complexes, Reals


def least_squares(columns: Reals, wanted: Reals) -> Reals:
    """The x of least |columns x - wanted|, the smallest such where there are several."""
    return np.asarray(np.linalg.lstsq(columns, wanted)[0], dtype=np.float64)


def polynomial_roots(coefficients: Reals) -> Complexes:
    """Roots of a polynomial, its highest power first."""
    return np.asarray(np.roots(coefficients), dtype=np.complex128)


def eigenvalues(matrix: Reals) -> Complexes:
    """Eigenvalues, conjugates included."""
    return np.asarray(np.linalg.eigvals(matrix), dtype=np.complex128)
