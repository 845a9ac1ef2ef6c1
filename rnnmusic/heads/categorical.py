"""Steps made of categories, such as pitch, duration and velocity, chosen one after another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator as Rng
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.heads.protocol import Controls, Head, log_frequencies, uniform


class FactoredCategoricalHead(Head):
    """p(v | h) = product over factors k of softmax(b_k + V_k tanh(c + sum of E_j[v_j] over j < k)).

    The chain rule, so exact, in the form of NADE for categories: b and c are linear functions of
    h, and each value chosen moves the hidden units by its embedding (Larochelle & Murray 2011).

    Shapes: hidden (..., hidden_size), value (..., F) with value[..., k] < sizes[k]; `width` units.
    """

    name = "categorical"
    columns = "categorical"
    kind = "exact"

    def __init__(self, hidden_size: int, sizes: Sequence[int], *, width: int = 128) -> None:
        super().__init__(hidden_size, sizes)
        if width < 1:
            raise UsageError(f"The categorical head's width is {width}; give 1 or more.")
        self.direct = nn.Linear(hidden_size, sum(sizes))  # b
        self.start = nn.Linear(hidden_size, width)  # c
        self.embeddings = nn.ModuleList(nn.Embedding(size, width) for size in sizes[:-1])  # E
        self.readouts = nn.ModuleList(nn.Linear(width, size, bias=False) for size in sizes)  # V
        for embedding in self.embeddings.parameters():
            nn.init.normal_(embedding, std=0.1)

    def log_prob(self, hidden: Tensor, value: Tensor) -> Tensor:
        """Nats of value (..., F) given hidden (..., hidden_size): shape (...)."""
        frames, values = self._frames(hidden, value)
        values = values.long()
        biases, state = self.direct(frames).split(self.sizes, 1), self.start(frames)
        nats = torch.zeros_like(state[:, 0])
        for k, (bias, readout) in enumerate(zip(biases, self.readouts, strict=True)):
            if k:
                state = state + self.embeddings[k - 1](values[:, k - 1])
            logits = bias + readout(torch.tanh(state))
            nats = nats - F.cross_entropy(logits, values[:, k], reduction="none")
        return nats.reshape(hidden.shape[:-1])

    @torch.no_grad()
    def sample(self, hidden: Tensor, controls: Controls, rng: Rng) -> Tensor:
        """Draw the next steps (B, F), int64, given hidden (B, hidden_size)."""
        biases, state = self.direct(hidden).split(self.sizes, 1), self.start(hidden)
        draws = uniform((len(hidden), len(self.sizes)), hidden, rng)
        chosen: list[Tensor] = []
        for k, (bias, readout) in enumerate(zip(biases, self.readouts, strict=True)):
            if k:
                state = state + self.embeddings[k - 1](chosen[-1])
            chosen.append(choose(bias + readout(torch.tanh(state)), draws[:, k], controls))
        return torch.stack(chosen, dim=1)

    @torch.no_grad()
    def initialise_bias(self, steps: Tensor) -> None:
        """Start from how often each value of each factor occurs in steps (N, F)."""
        self.direct.bias.copy_(torch.cat(log_frequencies(steps, self.sizes)))


def choose(logits: Tensor, draws: Tensor, controls: Controls) -> Tensor:
    """One of the values of logits (B, size) per row, by draws (B,) in [0, 1): (B,) int64.

    The most likely values are kept until top_p is reached (nucleus sampling, Holtzman et al. 2019)
    and the draw is looked up in their cumulative sum.
    """
    if controls.temperature == 0.0:
        return logits.argmax(1)
    # Measured from the largest: no temperature, however small, divides up to infinity.
    scaled = (logits.double() - logits.amax(1, keepdim=True)) / controls.temperature
    probabilities, ids = scaled.softmax(1).sort(dim=1, descending=True, stable=True)
    before = probabilities.cumsum(1) - probabilities
    kept = probabilities * (before < controls.top_p)
    sums = kept.cumsum(1)
    place = torch.searchsorted(sums, draws.unsqueeze(1) * sums[:, -1:], right=True)
    # A draw so close to 1 that it rounds up to the whole sum still takes the last value kept.
    last = ((kept > 0).sum(1, keepdim=True) - 1).clamp_min(0)  # 0 where all is NaN
    return ids.gather(1, place.minimum(last)).squeeze(1)
