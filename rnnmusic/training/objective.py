"""What training minimises and evaluation reports: negative log-likelihood in nats, or a bound."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnmusic.corpus.batches import Batch
from rnnmusic.generator import Generator
from rnnmusic.recurrent.belief.bounds import Bound, Heard, bounded
from rnnmusic.recurrent.protocol import State

ELBO = Bound()


class Objective(nn.Module):
    """A generator whose `forward` is its loss, so that distributed wrappers see all of it.

    bound: what stands for the log-likelihood where the recurrence has latent variables. free_bits:
    nats a step that their KL costs nothing below, in `forward`.
    """

    def __init__(
        self, generator: Generator, bound: Bound = ELBO, *, free_bits: float = 0.0
    ) -> None:
        super().__init__()
        self.generator, self.bound, self.free_bits = generator, bound, free_bits

    def forward(
        self, batch: Batch, state: State | None = None, kl_weight: float = 1.0
    ) -> tuple[Tensor, State]:
        """Summed negative log-likelihood of the unmasked steps in nats, and the state after.

        kl_weight: how much the KL of latent variables counts, from 0 to 1.
        """
        latent = self.generator.recurrent.latent
        if latent is None:
            hidden, state = self._hidden(batch, state)
            return self.generator.head.loss(hidden, batch.targets, batch.mask), state
        before = None if state is None else state[0]
        terms, after = bounded(
            self.bound,
            latent,
            self._log_prob,
            self._heard(batch),
            before,
            kl_weight=kl_weight,
            free_bits=self.free_bits,
        )
        return -terms.sum(), (after,)

    def per_step(self, batch: Batch, rng: torch.Generator | None = None) -> Tensor:
        """Negative log-likelihood of each step in nats, (B, T), zero where masked.

        Of a bound, what the step adds to it; rng: what latent variables are drawn from.
        """
        latent = self.generator.recurrent.latent
        if latent is not None:
            heard = self._heard(batch)
            return -bounded(self.bound, latent, self._log_prob, heard, rng=rng).terms
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

    def _heard(self, batch: Batch) -> Heard:
        features = self.generator.embedding
        return Heard(
            features(batch.inputs, batch.clock),
            features(batch.targets, batch.clock),
            batch.targets,
            batch.reset,
            batch.lengths,
        )

    def _log_prob(self, hidden: Tensor, steps: Tensor) -> Tensor:
        return self.generator.head.log_prob(self.generator.recurrent.drop(hidden), steps)
