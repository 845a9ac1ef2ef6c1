"""What a hidden state sounds like: distributions of x_t given z_t, and their most likely values.

Each is a value with K rows. Shapes: x (B, T, F), or (B, T) for categories; log_prob (B, T, K).
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
from torch import Generator as Rng
from torch import Tensor


class Emission(Protocol):
    """p(x | z = k) for k < K."""

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x_t | z_t = k): (B, T, K)."""
        ...

    def refit(self, x: Tensor, weights: Tensor) -> Emission:
        """The most likely one for x where weights (B, T, K) say how much each step counts; a state
        that counts for nothing stays as it is."""
        ...

    def draw(self, states: Tensor, rng: Rng) -> Tensor:
        """x for states (B, T) int64."""
        ...


class BernoulliEmission(NamedTuple):
    """Independent notes. probability (K, F); `prior` notes of either kind are added to the counts,
    so that what never happened stays possible."""

    probability: Tensor
    prior: float = 0.0

    @classmethod
    def guess(
        cls, x: Tensor, states: int, rng: Rng, *, lengths: Tensor | None = None, prior: float = 0.0
    ) -> BernoulliEmission:
        """Half the marginals of x, half one of its steps for each state."""
        steps = seen(x, lengths).double()
        return cls(0.5 * (steps.mean(0) + _some(steps, states, rng)), prior)

    def log_prob(self, x: Tensor) -> Tensor:
        """As in `Emission`."""
        values, p = x.to(self.probability), self.probability
        sounds, rests = (torch.where(share > 0, share, 1.0).log() for share in (p, 1 - p))
        nats = values @ (sounds - rests).T + rests.sum(1)
        # Zeros are kept out of the products, where 0 log 0 is 0.
        is_impossible = values @ (p == 0).to(p).T + (1 - values) @ (p == 1).to(p).T > 0
        return nats.masked_fill(is_impossible, -torch.inf)

    def refit(self, x: Tensor, weights: Tensor) -> BernoulliEmission:
        """As in `Emission`."""
        counts = torch.einsum("btf,btk->kf", x.to(weights), weights) + self.prior
        total = weights.sum((0, 1)).unsqueeze(1) + 2 * self.prior
        return self._replace(probability=_where_counted(total, counts, self.probability))

    def draw(self, states: Tensor, rng: Rng) -> Tensor:
        """As in `Emission`."""
        p = self.probability[states]
        return (torch.rand(p.shape, generator=rng, dtype=p.dtype) < p).to(p.dtype)


class CategoricalEmission(NamedTuple):
    """One of V symbols. probability (K, V); `prior` of each symbol are added to the counts."""

    probability: Tensor
    prior: float = 0.0

    @classmethod
    def guess(
        cls,
        x: Tensor,
        states: int,
        rng: Rng,
        *,
        symbols: int,
        lengths: Tensor | None = None,
        prior: float = 0.0,
    ) -> CategoricalEmission:
        """The marginals of x, each state's bent at random."""
        counts = torch.bincount(seen(x, lengths), minlength=symbols).double() + prior
        bent = counts * (0.5 + torch.rand(states, symbols, generator=rng, dtype=counts.dtype))
        return cls(bent / bent.sum(1, keepdim=True), prior)

    def log_prob(self, x: Tensor) -> Tensor:
        """As in `Emission`."""
        return self.probability.log().T[x]

    def refit(self, x: Tensor, weights: Tensor) -> CategoricalEmission:
        """As in `Emission`."""
        states, symbols = self.probability.shape
        counts = weights.new_zeros(symbols, states)
        counts = counts.index_add(0, x.flatten(), weights.flatten(0, 1)).T + self.prior
        total = counts.sum(1, keepdim=True)
        return self._replace(probability=_where_counted(total, counts, self.probability))

    def draw(self, states: Tensor, rng: Rng) -> Tensor:
        """As in `Emission`."""
        chosen = self.probability[states.flatten()]
        return torch.multinomial(chosen, 1, generator=rng).view(states.shape)


class GaussianEmission(NamedTuple):
    """Independent real numbers. mean and variance (K, F); a variance is at least `floor`, for a
    state that keeps to a single step would be infinitely likely."""

    mean: Tensor
    variance: Tensor
    floor: float = 1e-6

    @classmethod
    def guess(
        cls, x: Tensor, states: int, rng: Rng, *, lengths: Tensor | None = None, floor: float = 1e-6
    ) -> GaussianEmission:
        """One of the steps of x for each state, with the variance of all."""
        steps = seen(x, lengths).double()
        variance = steps.var(0, correction=0).clamp_min(floor)
        return cls(_some(steps, states, rng), variance.expand(states, -1).clone(), floor)

    def log_prob(self, x: Tensor) -> Tensor:
        """As in `Emission`."""
        error = (x.to(self.mean).unsqueeze(2) - self.mean).square() / self.variance
        return -0.5 * (error + self.variance.log() + math.log(2 * math.pi)).sum(3)

    def refit(self, x: Tensor, weights: Tensor) -> GaussianEmission:
        """As in `Emission`."""
        values, total = x.to(weights), weights.sum((0, 1)).unsqueeze(1)
        mean = _where_counted(total, torch.einsum("btf,btk->kf", values, weights), self.mean)
        # Around the means themselves: the difference of two squares would lose all digits.
        spread = torch.stack(
            [
                torch.einsum("btf,bt->f", (values - row).square(), weights[..., k])
                for k, row in enumerate(mean)
            ]
        )
        variance = _where_counted(total, spread, self.variance).clamp_min(self.floor)
        return self._replace(mean=mean, variance=variance)

    def draw(self, states: Tensor, rng: Rng) -> Tensor:
        """As in `Emission`."""
        mean = self.mean[states]
        noise = torch.randn(mean.shape, generator=rng, dtype=mean.dtype)
        return mean + self.variance[states].sqrt() * noise


def seen(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The steps of x (B, T, ...) up to lengths (B,), one after another: (N, ...)."""
    if lengths is None:
        return x.flatten(0, 1)
    return x[torch.arange(x.shape[1]) < lengths.unsqueeze(1)]


def _some(steps: Tensor, count: int, rng: Rng) -> Tensor:
    return steps[torch.randint(len(steps), (count,), generator=rng)]


def _where_counted(total: Tensor, counts: Tensor, before: Tensor) -> Tensor:
    """counts / total, or what was before where there is nothing to count."""
    counted = total > 0
    return torch.where(counted, counts / torch.where(counted, total, 1.0), before)
