"""Random stable filters for tests: poles at a chosen radius, coefficients as torch tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def stable_coefficients(
    rng: np.random.Generator, filters: int, order: int, radius: float = 0.8, a0: float = 1.0
) -> tuple[Tensor, Tensor]:
    """a and b (filters, order + 1) in float64: poles within the radius, in conjugate pairs."""
    rows = []
    for _ in range(filters):
        angles = rng.uniform(0, np.pi, order // 2)
        half = radius * rng.uniform(0.3, 1, order // 2) * np.exp(1j * angles)
        poles = np.concatenate([half, half.conj(), radius * rng.uniform(-1, 1, order % 2)])
        rows.append(np.poly(poles).real if order else np.ones(1))
    a = torch.from_numpy(np.array(rows)) * a0
    return a, torch.from_numpy(rng.standard_normal((filters, order + 1)))
