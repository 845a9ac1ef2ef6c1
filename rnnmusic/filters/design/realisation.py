"""State-space filters from impulse responses: the eigensystem realisation algorithm."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.design.algebra import eigenvalues, least_squares
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import check_equations, check_order
from rnnmusic.filters.design.stability import is_unstable, reflect_matrix
from rnnmusic.filters.forms import Reals, StateSpace

#: Rows and columns of the largest Hankel matrix: its singular values take about a second.
_LARGEST = 1200


@one_blas_thread()
def era(impulse_response: Any, order: int, *, stabilise: bool = False) -> StateSpace:
    """The balanced filter of such an order nearest to an impulse response.

    impulse_response (T,) or (T, outputs, inputs). The Hankel matrix of h[1], h[2], ... is cut to
    its largest singular values; its factors are the observability and controllability matrices,
    and A is how the former moves on by one row (Kung, Asilomar 1978; Juang and Pappa, J. Guidance
    8, 1985, equations 11 to 16). D = h[0]. Of long responses the first 2,400 / channels samples
    count. With stabilise, B is fitted anew to the reflected A.
    Errors: InputError for data that are short, zero or not finite, UsageError for orders.
    """
    from scipy.linalg import svd

    order = check_order("order", order)
    h = _markov(impulse_response)
    length, outputs, inputs = h.shape
    rows = min(length // 2, _LARGEST // max(outputs, inputs))
    columns = min(length - 1 - rows, rows)
    check_equations(min(columns * inputs, (rows - 1) * outputs), order, "samples on either side")
    index = 1 + np.arange(rows)[:, None] + np.arange(columns)
    hankel = h[index].transpose(0, 2, 1, 3).reshape(rows * outputs, columns * inputs)
    u, s, vt = svd(hankel, full_matrices=False)
    root = np.sqrt(s[:order])
    observability = u[:, :order] * root
    a = least_squares(observability[:-outputs], observability[outputs:])
    b, c = root[:, None] * vt[:order, :inputs], observability[:outputs]
    if is_unstable("era", eigenvalues(a), stabilise) and stabilise:
        a = reflect_matrix(a)
        powers = [c]
        for _ in range(rows + columns - 2):
            powers.append(powers[-1] @ a)
        wanted = h[1 : rows + columns].reshape(-1, inputs)
        b = least_squares(np.vstack(powers), wanted)
    return StateSpace(a, b, c, h[0])


def _markov(values: Any) -> Reals:
    try:
        h = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("impulse_response isn't an array of numbers; give real values.") from None
    if h.ndim == 1:
        h = h[:, None, None]
    if h.ndim != 3 or 0 in h.shape or not np.isfinite(h).all() or not h.any():
        raise InputError(
            f"The impulse response has shape {h.shape}, is zero everywhere or isn't finite; give "
            "finite values of shape (T,) or (T, outputs, inputs)."
        )
    return h
