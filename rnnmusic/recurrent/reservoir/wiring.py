"""Random sparse matrices, and the scale at which a leaky reservoir has a given spectral radius."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.errors import UsageError


def sparse(size: int, connectivity: float) -> Tensor:
    """Weights (size, size) in float64 by which each unit hears a random share of them, at least 1.

    They are normal with variance 1 / (units heard), so that eigenvalues fill about the unit disc.
    """
    if not 0.0 < connectivity <= 1.0:
        raise UsageError(f"connectivity is {connectivity}; give a share above 0, up to 1.")
    heard = max(1, round(connectivity * size))
    chosen = torch.rand(size, size).topk(heard, dim=1).indices
    weight = torch.randn(size, heard, dtype=torch.float64) / heard**0.5
    return torch.zeros(size, size, dtype=torch.float64).scatter_(1, chosen, weight)


def with_spectral_radius(weight: Tensor, radius: float, leak: float) -> Tensor:
    """s * weight with the largest s at which (1 - leak) I + leak s weight has this radius.

    That is the map of a leaky reservoir around h = 0; weight alone would say little where units
    leak slowly (Jaeger et al. 2007). Per eigenvalue e of weight s solves a quadratic equation,
    |1 - leak + leak s e| = radius, and the smallest solution holds for all of them.
    """
    keep = 1.0 - leak
    if not radius > keep:
        raise UsageError(
            f"The spectral radius is {radius} at a leak of {leak}; units that keep {keep:g} of "
            f"themselves have more than {keep:g}: raise one of them."
        )
    eigenvalues: NDArray[np.complex128] = np.linalg.eigvals(weight.double().numpy())
    e = leak * eigenvalues[np.abs(eigenvalues) > 1e-9 * np.abs(eigenvalues).max()]
    # |e|^2 s^2 + 2 keep Re(e) s + keep^2 - radius^2 = 0 has one root above 0.
    a, b, c = np.abs(e) ** 2, keep * e.real, keep**2 - radius**2
    return weight * float(np.min((-b + np.sqrt(b * b - a * c)) / a))
