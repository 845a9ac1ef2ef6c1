"""The arithmetic of one second-order section, the same in every kernel and hence to the bit.

Forwards, transposed direct form II, whose state (s0, s1) is scipy's zi::

    y[t] = b0 u[t] + s0[t]
    s0[t+1] = b1 u[t] - a1 y[t] + s1[t] = c1 u[t] - a1 s0[t] + s1[t],  c1 = b1 - a1 b0
    s1[t+1] = b2 u[t] - a2 y[t]         = c2 u[t] - a2 s0[t],          c2 = b2 - a2 b0

Written with c1 and c2, which are worked out in float64, the state waits for one product less, and
where poles and zeros nearly cancel, as in an equaliser, nothing is left to cancel in float32.

Backwards, its adjoint: with v[t] the gradient of the loss with respect to s0[t], and v[t+1] with
respect to s1[t], from g[t], that with respect to y[t]::

    v[t] = g[t] - a1 v[t+1] - a2 v[t+2]
    gradient of u[t] = b0 v[t] + b1 v[t+1] + b2 v[t+2]
    gradient of b_k  = sum_t v[t+k] u[t],  k = 0, 1, 2
    gradient of a_k  = -sum_t v[t+k] y[t], k = 1, 2
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnmusic.filters.kernels.machine import Code, Value

#: Coefficients of one section, forwards and backwards; also its correlations.
TERMS = 5


def forward_terms(sos: NDArray[np.float64]) -> NDArray[np.float64]:
    """b0, c1, c2, -a1, -a2 (..., 5) of sections (..., 6) with a0 = 1."""
    terms = np.empty((*sos.shape[:-1], TERMS))
    terms[..., 0] = sos[..., 0]
    terms[..., 1:3] = sos[..., 1:3] - sos[..., 4:] * sos[..., :1]
    np.negative(sos[..., 4:], terms[..., 3:])
    return terms


def adjoint_terms(sos: NDArray[np.float64]) -> NDArray[np.float64]:
    """b0, b1, b2, -a1, -a2 (..., 5) of sections (..., 6) with a0 = 1."""
    terms = np.empty((*sos.shape[:-1], TERMS))
    terms[..., :3] = sos[..., :3]
    np.negative(sos[..., 4:], terms[..., 3:])
    return terms


def gradient_of_sums(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The gradient (..., 6) of sections with a0 = 1 from `correlate`'s sums (..., 5)."""
    gradient = np.zeros((*sums.shape[:-1], 6))
    gradient[..., :3] = sums[..., :3]
    gradient[..., 4:] = -sums[..., 3:]
    return gradient


def step(code: Code, terms: list[Value], u: Value, s0: Value, s1: Value) -> list[Value]:
    """y and the following s0 and s1."""
    b0, c1, c2, a1, a2 = terms
    return [
        code.fma(b0, u, s0),
        code.fma(a1, s0, code.fma(c1, u, s1)),
        code.fma(a2, s0, code.times(c2, u)),
    ]


def step_back(
    code: Code, terms: list[Value], g: Value, v1: Value, v2: Value
) -> tuple[Value, Value]:
    """v[t] and the gradient of u[t]."""
    b0, b1, b2, a1, a2 = terms
    v0 = code.fma(a1, v1, code.fma(a2, v2, g))
    return v0, code.fma(b0, v0, code.fma(b1, v1, code.times(b2, v2)))


def correlate(
    code: Code, sums: list[Value], v: tuple[Value, Value, Value], u: Value, y: Value
) -> list[Value]:
    """The sums of v[t] u, v[t+1] u, v[t+2] u, v[t+1] y and v[t+2] y with one more sample in."""
    v0, v1, v2 = v
    products = ((v0, u), (v1, u), (v2, u), (v1, y), (v2, y))
    return [code.fma(*pair, total) for pair, total in zip(products, sums, strict=True)]
