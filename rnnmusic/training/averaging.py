"""Polyak averaging: an exponential moving average of the weights generalises better than the last.

Polyak and Juditsky 1992; the warm-up of the decay keeps a young average from remembering the
initial weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages of a module's parameters; with decay 0 it holds nothing and changes nothing."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay = module, decay
        parameters = module.named_parameters() if decay else ()
        self.tensors: dict[str, Tensor] = {n: p.detach().clone() for n, p in parameters}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the averages towards the weights after optimiser step number `step`."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, parameter in self._pairs():
            average.lerp_(parameter, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module with the averages in place of its latest weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for average, parameter in self._pairs():
            latest = parameter.clone()
            parameter.copy_(average)
            average.copy_(latest)

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        for name, parameter in self.module.named_parameters():
            if name in self.tensors:
                yield self.tensors[name], parameter
