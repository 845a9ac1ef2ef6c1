"""Rational functions from samples: AAA on the squared magnitude.

|H|**2 of a filter of order N is a rational function of degree N in tan(omega / 2)**2, whatever
its phase. AAA (Nakatsukasa, Sète & Trefethen 2018) finds that function from levels at any set
of frequencies, exactly where there is one; its roots are the squares of the filter's zeros and
poles under the bilinear map. No phase has to be made up first, and no grid has to be uniform.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnmusic.filters.forms.protocol import Complexes, Reals


class Barycentric(NamedTuple):
    """r(x) = sum(w f / (x - x_k)) / sum(w / (x - x_k)): nodes, values, weights (m,)."""

    nodes: Reals
    values: Reals
    weights: Reals

    def zeros(self) -> Complexes:
        """Roots of the numerator."""
        return _roots(self.nodes, self.weights * self.values)

    def poles(self) -> Complexes:
        """Roots of the denominator."""
        return _roots(self.nodes, self.weights)


def aaa(x: Reals, values: Reals, degree: int, weight: Reals) -> Barycentric:
    """Rational function of at most this degree through positive values (K,), in relative error.

    Nodes are taken one by one where the ratio to the values is worst; the weights are the smallest
    singular vector of the Loewner matrix, its rows divided by the values (relative error)
    and by the norm of the Cauchy matrix's rows (which x near a node would blow up).
    """
    is_free = np.ones(len(x), dtype=bool)
    nodes: list[int] = []
    log_values = np.log(values)
    error = abs(log_values - np.average(log_values, weights=weight)) * weight
    found = Barycentric(x[:0], values[:0], values[:0])
    for _ in range(min(degree + 1, len(x) // 2)):
        k = int(np.argmax(np.where(is_free, error, -1.0)))
        is_free[k] = False
        nodes.append(k)
        cauchy = 1 / (x[is_free][:, None] - x[nodes])
        rows = (weight[is_free] / np.linalg.norm(cauchy, axis=1))[:, None]
        loewner = (1 - values[nodes] / values[is_free][:, None]) * cauchy * rows
        columns = np.maximum(np.linalg.norm(loewner, axis=0), 1e-300)
        weights = np.linalg.svd(loewner / columns, full_matrices=False)[2][-1] / columns
        found = Barycentric(x[nodes], values[nodes], weights)
        ratio = (cauchy @ (weights * values[nodes])) / (cauchy @ weights)
        error = np.zeros(len(x))
        floor = np.maximum(abs(ratio) / values[is_free], 1e-30)
        error[is_free] = abs(np.log(floor)) * weight[is_free]
        if error.max() < 1e-13 * max(weight.max(), 1e-300):
            break
    return found


def _roots(nodes: Reals, coefficients: Reals) -> Complexes:
    """Roots of sum(c_k / (x - x_k)), as eigenvalues of an arrowhead pencil."""
    from scipy.linalg import eigvals

    keep = coefficients != 0
    nodes, coefficients = nodes[keep], coefficients[keep]
    size = len(nodes) + 1
    magnitude = np.sqrt(abs(coefficients) / abs(coefficients).max())
    pencil = np.zeros((size, size))
    pencil[0, 1:], pencil[1:, 0] = np.sign(coefficients) * magnitude, magnitude
    pencil[1:, 1:] = np.diag(nodes)
    mass = np.eye(size)
    mass[0, 0] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        values = eigvals(pencil, mass)
    return np.asarray(values[np.isfinite(values) & (abs(values) < 1e12)], dtype=np.complex128)
