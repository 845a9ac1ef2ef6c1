"""Normal distributions with a diagonal covariance, as the variational cell needs them."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor


class Normal(NamedTuple):
    """Independent normal numbers: mean and standard deviation (..., Z)."""

    mean: Tensor
    scale: Tensor

    def draw(self, noise: Tensor | None) -> Tensor:
        """mean + scale noise, (..., Z), differentiable in both; without noise the mean."""
        return self.mean if noise is None else self.mean + self.scale * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """Nats of z (..., Z): (...)."""
        nats = 0.5 * ((z - self.mean) / self.scale).square() + self.scale.log()
        return -(nats + 0.5 * math.log(2.0 * math.pi)).sum(-1)

    def kl(self, other: Normal) -> Tensor:
        """KL(self || other) in nats, (...)."""
        ratio = self.scale / other.scale
        distance = ((self.mean - other.mean) / other.scale).square()
        return (0.5 * (ratio.square() + distance - 1.0) - ratio.log()).sum(-1)
