"""A good start and a lot of momentum: first-order learning where it was thought to fail."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError


@torch.no_grad()
def sparse_(weight: Tensor, connections: int = 15, scale: float = 1.0) -> Tensor:
    """Fill weight (units, inputs) so that each unit has `connections` inputs, N(0, scale**2), and
    zeros for the others (Martens 2010)."""
    if connections < 1:
        raise UsageError(f"connections is {connections}; give 1 or more.")
    units, inputs = weight.shape
    chosen = torch.rand(units, inputs).argsort(1) < min(connections, inputs)
    return weight.normal_(0.0, scale).mul_(chosen)


@torch.no_grad()
def sparse_recurrence_(
    weight: Tensor, connections: int = 15, spectral_radius: float = 1.1
) -> Tensor:
    """Fill weight (gates * units, units) gate by gate by `sparse_`, each block then scaled to a
    spectral radius: about 1.1 for tanh units (Sutskever, Martens, Dahl and Hinton 2013)."""
    units = weight.shape[1]
    if weight.shape[0] % units:
        raise UsageError(
            f"Recurrent weights of shape {tuple(weight.shape)} aren't blocks of square matrices; "
            "give (gates * units, units)."
        )
    for block in torch.split(weight, units):
        sparse_(block, connections)
        radius = float(torch.linalg.eigvals(block.double()).abs().max())
        if radius > 0:
            block.mul_(spectral_radius / radius)
    return weight


def momentum_at(update: int, limit: float, *, half_life: int = 250) -> float:
    """min(1 - 2**(-1 - log2(floor(update / half_life) + 1)), limit), update counted from 0: 0.5,
    0.75, 0.833... as the updates go by (Sutskever et al. 2013, equation 5)."""
    exponent = -1.0 - math.log2(update // half_life + 1)
    return min(1.0 - math.pow(2.0, exponent), limit)


class Nesterov(torch.optim.Optimizer):
    """Nesterov's accelerated gradient: v_t = m_t v_(t-1) - rate df(w + m_t v_(t-1)), w += v_t.

    momentum(update) is m_t; `momentum_at` is the paper's. The parameters stand at the point where
    the next gradient is wanted, w + m v; `settle` puts them at w, when learning ends.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: Callable[[int], float],
    ) -> None:
        if lr <= 0:
            raise UsageError(f"The learning rate must be above 0, not {lr}.")
        super().__init__(parameters, {"lr": lr})
        self._momentum, self._updates = momentum, 0

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update, from the gradients at where the parameters are."""
        now, then = self._momentum(self._updates), self._momentum(self._updates + 1)
        self._updates += 1
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is None:
                    continue
                v = self.state[w].setdefault("velocity", torch.zeros_like(w))
                w.sub_(v, alpha=now)
                v.mul_(now).sub_(w.grad, alpha=group["lr"])
                w.add_(v, alpha=1.0 + then)

    @torch.no_grad()
    def settle(self) -> None:
        """Take the look-ahead back: the parameters are w again."""
        ahead = self._momentum(self._updates)
        for group in self.param_groups:
            for w in group["params"]:
                if "velocity" in self.state[w]:
                    w.sub_(self.state[w]["velocity"], alpha=ahead)
                    self.state[w]["velocity"].zero_()


__all__ = ["Nesterov", "momentum_at", "sparse_", "sparse_recurrence_"]
