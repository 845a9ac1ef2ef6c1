"""Independent notes: each column of a frame has its own probability, given the past."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator as Rng
from torch import Tensor, nn

from rnnmusic.heads.binary import DecidingHead, decision_log_prob, log_odds, thresholds
from rnnmusic.heads.protocol import Controls


class BernoulliHead(DecidingHead):
    """p(v | h) = product over columns of sigmoid(b + W h), as in Boulanger-Lewandowski et al. 2012.

    Shapes: hidden (..., hidden_size), value (..., F) of 0 and 1. Notes of one frame know the past
    but not each other.
    """

    name = "bernoulli"

    def __init__(self, hidden_size: int, sizes: Sequence[int]) -> None:
        super().__init__(hidden_size, sizes)
        self.logits = nn.Linear(hidden_size, len(sizes))

    def decisions(self, frames: Tensor, values: Tensor) -> Tensor:
        """As in `DecidingHead`."""
        return decision_log_prob(self.logits(frames), values)

    @torch.no_grad()
    def sample(self, hidden: Tensor, controls: Controls, rng: Rng) -> Tensor:
        """Draw the next steps (B, F), int64, given hidden (B, hidden_size)."""
        logits: Tensor = self.logits(hidden)
        return (logits > thresholds(logits.shape, controls, logits, rng)).long()

    @torch.no_grad()
    def initialise_bias(self, steps: Tensor) -> None:
        """Start from how often each note sounds in steps (N, F)."""
        self.logits.bias.copy_(log_odds(steps))
