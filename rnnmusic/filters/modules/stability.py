"""Maps from all real numbers onto stable coefficients, with room for rounding to float32.

A section 1 + a1/z + a2/z**2 has its poles in the unit disc where (a1, a2) lies in the triangle
|a2| < 1, |a1| < 1 + a2 (e.g. Jury 1964), and within radius r where (a1/r, a2/r**2) does.
Rounding to float32 moves each coefficient by a part of 2**-24 at most, so that the triangle
shrunk by 1 - 2**-22 keeps every rounded section inside the whole one.

In general the polynomial A(z) of reflection coefficients k_n by the step-up recursion
(Markel & Gray, Linear Prediction of Speech, 1976, ch. 5) has its zeros in the unit disc if and
only if all |k_n| < 1, and those of A(z / r) lie within r.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Reals = NDArray[np.float64]

#: How much smaller than the stable region the one used is: four roundings to float32.
MARGIN = 2.0**-22


def section_coefficients(reflection: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """(a1, a2) of reflection coefficients (..., 2), each within -1..1: a map onto the triangle."""
    k1, k2 = reflection.unbind(-1)
    return (1 - MARGIN) * radius * k1 * (1 + k2), (1 - MARGIN) * radius**2 * k2


def section_reflections(a1: Reals, a2: Reals, radius: float) -> Reals:
    """The inverse of `section_coefficients`: (..., 2); outside of -1..1 where a pole is."""
    k2 = a2 / radius**2 / (1 - MARGIN)
    with np.errstate(divide="ignore", invalid="ignore"):
        k1 = a1 / radius / (1 - MARGIN) / (1 + k2)
    # k2 = -1 leaves only a1 = 0, with the poles 1 and -1 on the circle: outside.
    return np.stack([np.nan_to_num(k1, nan=1.0, posinf=1.0, neginf=-1.0), k2], axis=-1)


def into_triangle(a1: Tensor, a2: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """Coefficients as they are where the shrunk triangle has them, else drawn to its edge.

    Towards (0, 0), by the triangle's gauge max(a2, |a1| - a2): no branch of the optimiser's.
    """
    x, y = a1 / radius, a2 / radius**2
    gauge = torch.maximum(y, x.abs() - y).clamp_min(1e-300)
    scale = ((1 - MARGIN) / gauge).clamp_max(1.0)
    return a1 * scale, a2 * scale


def step_up(reflection: Tensor) -> Tensor:
    """Polynomial (..., N + 1) with leading 1 of reflection coefficients (..., N)."""
    one = torch.ones_like(reflection[..., :1]) if reflection.shape[-1] else None
    if one is None:
        return torch.ones((*reflection.shape[:-1], 1), dtype=reflection.dtype)
    a = one
    zero = torch.zeros_like(one)
    for k in torch.split(reflection, 1, dim=-1):
        longer = torch.cat([a, zero], dim=-1)
        a = longer + k * longer.flip(-1)
    return a


def step_down(a: Reals) -> Reals:
    """Reflection coefficients (..., N) of polynomials (..., N + 1) with leading 1.

    Once one of them is 1 or more in magnitude the polynomial isn't stable, and those of lower
    order say nothing.
    """
    a = np.array(a, dtype=np.float64)
    reflection = np.zeros((*a.shape[:-1], a.shape[-1] - 1))
    with np.errstate(all="ignore"):
        for n in range(a.shape[-1] - 1, 0, -1):
            k = a[..., -1:]
            reflection[..., n - 1] = k[..., 0]
            a = ((a - k * a[..., ::-1]) / (1 - k * k))[..., :-1]
    return reflection


def surely_within(a: Reals, radius: float) -> NDArray[np.bool_]:
    """Whether polynomials (..., N + 1) have all zeros within `radius`, beyond float64's doubt.

    Schur-Cohn: all reflection coefficients of A(r z) below 1. The recursion multiplies an error
    by at most (1 + |k|) / (1 - |k|) at each step: where these leave no digit there is no verdict.
    """
    order = a.shape[-1] - 1
    k = np.abs(step_down(a / radius ** np.arange(order + 1)))
    with np.errstate(all="ignore"):
        growth = np.prod((1 + k) / (1 - k), axis=-1)
        doubt = 4.0 * (order + 1) * 2.0**-53 * growth
        inside = (k < 1).all(axis=-1) & (growth > 0) & (doubt < 1 - k.max(axis=-1, initial=0.0))
    return np.asarray(inside)
