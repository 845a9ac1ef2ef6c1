"""What training minimises and evaluation reports: negative log-likelihood in nats."""

from __future__ import annotations

from torch import Tensor, nn

from rnnmusic.corpus.batches import Batch
from rnnmusic.generator import Generator
from rnnmusic.recurrent.protocol import State


class Objective(nn.Module):
    """A generator whose `forward` is its loss, so that distributed wrappers see all of it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, batch: Batch, state: State | None = None) -> tuple[Tensor, State]:
        """Summed negative log-likelihood of the unmasked steps in nats, and the state after."""
        hidden, state = self._hidden(batch, state)
        return self.generator.head.loss(hidden, batch.targets, batch.mask), state

    def per_step(self, batch: Batch) -> Tensor:
        """Negative log-likelihood of each step in nats, (B, T), zero where masked."""
        hidden, _ = self._hidden(batch, None)
        mask = batch.mask
        nats = self.generator.head.log_prob(hidden[mask], batch.targets[mask])
        nll = nats.new_zeros(mask.shape)
        nll[mask] = -nats
        return nll

    def _hidden(self, batch: Batch, state: State | None) -> tuple[Tensor, State]:
        # Padding stands at the end and the past never sees the future, so whole pieces need no
        # lengths: masking the loss is enough, and keeps the fused kernel.
        hidden, after = self.generator(batch.inputs, batch.clock, state, batch.reset)
        return hidden, after
