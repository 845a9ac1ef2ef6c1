"""Stationary and invertible coefficients from free parameters: partial autocorrelations."""

from __future__ import annotations

import numpy as np

from rnnmusic.filters.forms import Reals

#: Partial autocorrelations of tanh(8) are 2e-7 from 1: as near as a search may come.
LIMIT = 8.0


def coefficients(free: Reals) -> tuple[Reals, Reals]:
    """Stationary phi (p,) and their Jacobian (p, p) by free parameters (p,), any real numbers.

    Partial autocorrelations r = tanh(free) through the recursion of Durbin and Levinson
    (Barndorff-Nielsen and Schou, J. Multivariate Analysis 3, 1973; Jones, Technometrics 22, 1980).
    """
    partial = np.tanh(free)
    slope = 1 - partial**2
    phi, jacobian = np.zeros(0), np.zeros((0, len(free)))
    for k, r in enumerate(partial):
        # phi_j - r phi_(k-j), and r itself
        by_r = np.zeros((k + 1, len(free)))
        by_r[:k, k], by_r[k, k] = -phi[::-1] * slope[k], slope[k]
        by_r[:k] += jacobian - r * jacobian[::-1]
        phi, jacobian = np.append(phi - r * phi[::-1], r), by_r
    return phi, jacobian


def free_parameters(phi: Reals) -> Reals | None:
    """The inverse of `coefficients`, None for phi that aren't stationary."""
    partial = np.zeros(len(phi))
    for k in range(len(phi) - 1, -1, -1):
        r = partial[k] = phi[k]
        if abs(r) >= 1:
            return None
        phi = (phi[:k] + r * phi[:k][::-1]) / (1 - r * r)
    return np.clip(np.arctanh(partial), -LIMIT, LIMIT)
