"""Maps from any square matrix onto orthogonal and contracting ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import Reals
from rnnmusic.filters.modules.stability import MARGIN

#: Parameters of matrices count up to this norm; larger ones would cost the digits of the result.
_LARGEST = 1e4


def room(order: int) -> float:
    """What a matrix of norm 1 is multiplied by so that rounding to float32 keeps the norm below 1.

    Rounding changes it by 2**-24 of its Frobenius norm at most, which is at most sqrt(order).
    """
    return 1 - MARGIN * math.sqrt(max(order, 1))


def cayley(free: Tensor) -> Tensor:
    """(1 - S) (1 + S)**-1 of the skew part S of `free` (..., N, N): orthogonal, or unitary.

    Every rotation without the eigenvalue -1 is of this form (Cayley 1846; in recurrent networks
    Helfrich, Willmott & Ye 2018); one linear solve, where the matrix exponential takes ten.
    """
    skew = _bounded(free - free.mH)
    one = torch.eye(free.shape[-1], dtype=free.dtype, device=free.device)
    # The two factors commute.
    result: Tensor = torch.linalg.solve(one + skew, one - skew)
    return result


def cayley_parameters(orthogonal: Reals) -> tuple[Tensor, Tensor]:
    """(free, signs) so that cayley(free) * signs, column by column, is the matrix.

    Signs turn eigenvalues away from -1, which has no parameters: each column in turn takes the
    one that keeps its pivot large, which works for every orthogonal matrix (Kahan, Is there a
    small skew Cayley transform with zero diagonal?, 2006).
    """
    order = len(orthogonal)
    signs = np.ones(order)
    rest = np.array(orthogonal, dtype=np.float64)
    # Elimination of rest + diag(signs): a pivot's magnitude is at least 1 where signs agree.
    for n in range(order):
        signs[n] = 1.0 if rest[n, n] >= 0 else -1.0
        pivot = rest[n, n] + signs[n]
        rest[n + 1 :, n + 1 :] -= np.outer(rest[n + 1 :, n], rest[n, n + 1 :]) / pivot
    turned = orthogonal * signs
    one = np.eye(order)
    skew = np.linalg.solve((one + turned).T, (one - turned).T).T
    return torch.from_numpy((skew - skew.T) / 4), torch.from_numpy(signs)


def contraction(free: Tensor) -> Tensor:
    """L**-1 Y with L L^T = 1 + Y Y^T: any Y (..., N, N) onto matrices of norm below 1.

    1 - K K^T = (L^T L)**-1 > 0. Every contraction K is of this form.
    """
    free = _bounded(free)
    one = torch.eye(free.shape[-1], dtype=free.dtype, device=free.device)
    lower = torch.linalg.cholesky(one + free @ free.mT)
    result: Tensor = torch.linalg.solve_triangular(lower, free, upper=False)
    return result


def contraction_parameters(matrix: NDArray[Any]) -> Tensor:
    """The inverse of `contraction`; InputError for a norm of 1 or more."""
    gap = np.eye(len(matrix)) - matrix @ matrix.T
    try:
        inverse = np.linalg.cholesky(gap)  # of L, because gap = (L^T L)**-1
    except np.linalg.LinAlgError:
        raise InputError("The state matrix is no contraction; give a stable filter.") from None
    return torch.from_numpy(np.linalg.solve(inverse, matrix))


def balanced(a: Reals, radius: float) -> Reals:
    """T so that T**-1 a T has a norm below `radius`; InputError if a pole is outside.

    From the discrete Lyapunov equation of a / radius (e.g. Kailath, Linear Systems, 1980).
    """
    from scipy.linalg import solve_discrete_lyapunov

    order = len(a)
    poles = float(abs(np.linalg.eigvals(a)).max(initial=0.0))
    if poles >= radius:
        raise InputError(
            f"The poles reach radius {poles:.9g}, outside of max_radius {radius} with room for "
            "rounding to float32; give a stable filter or a greater max_radius."
        )
    gramian = solve_discrete_lyapunov(a / radius, np.eye(order))
    factor: Reals = np.linalg.cholesky((gramian + gramian.T) / 2)
    return factor


def _bounded(free: Tensor) -> Tensor:
    norm = torch.linalg.matrix_norm(free, keepdim=True)
    result: Tensor = free * (_LARGEST / norm.clamp_min(_LARGEST))
    return result
