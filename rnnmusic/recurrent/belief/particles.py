"""Particle filters: beliefs of any shape as crowds of guesses (Gordon, Salmond and Smith 1993)."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
from torch import Generator as Rng
from torch import Tensor

from rnnmusic.errors import InputError, UsageError


class ParticleModel(Protocol):
    """A state space model that can be drawn from; `NonlinearGaussian` is one."""

    def begin(self, rows: int, count: int, rng: Rng) -> Tensor:
        """Draw x_1: (rows, count, n)."""
        ...

    def move(self, x: Tensor, rng: Rng) -> Tensor:
        """Draw the next x of x (..., n)."""
        ...

    def expect(self, x: Tensor) -> Tensor:
        """Where x (..., n) is likely to go: what an auxiliary filter looks at."""
        ...

    def log_prob(self, y: Tensor, x: Tensor) -> Tensor:
        """log p(y | x) of y (..., m) and x (..., n): (...)."""
        ...


class Crowd(NamedTuple):
    """What the particles say.

    log_likelihood (B,): an estimate; exp of it is right on average, so that it is too small on
    average itself. mean (B, T, n): of x_t given y_1..y_t. effective (B, T): how many particles the
    weights are worth, of all.
    """

    log_likelihood: Tensor
    mean: Tensor
    effective: Tensor


def systematic(weights: Tensor, rng: Rng) -> Tensor:
    """Ancestors (B, N) of particles with weights (B, N) that sum to one: one draw per row.

    Each particle gets N times its weight of descendants, rounded down or up (Kitagawa 1996).
    """
    rows, count = weights.shape
    offset = torch.rand(rows, 1, generator=rng, dtype=weights.dtype)
    points = (torch.arange(count) + offset) / count
    return torch.searchsorted(weights.cumsum(1), points).clamp_max(count - 1)


def particle_filter(
    model: ParticleModel,
    y: Tensor,
    count: int,
    rng: Rng,
    *,
    auxiliary: bool = False,
    share: float = 0.5,
) -> Crowd:
    """The bootstrap filter over y (B, T, m) with `count` particles per row.

    It resamples where the particles are worth less than `share` of their number. auxiliary: before
    every step it resamples by how well each particle's expected next place fits what is seen there
    (Pitt and Shephard 1999). InputError where no particle can explain what is seen.
    """
    if count < 1:
        raise UsageError(f"A filter of {count} particles can't be; give 1 or more.")
    x = model.begin(len(y), count, rng)
    log_weights = x.new_full(x.shape[:2], -math.log(count))
    log_p = x.new_zeros(len(y))
    means, effective = [], []
    for t in range(y.shape[1]):
        seen = y[:, t].unsqueeze(1)
        if t and auxiliary:
            ahead = model.log_prob(seen, model.expect(x))
            first = log_weights + ahead
            ancestors = systematic(first.softmax(1), rng)
            log_p = log_p + first.logsumexp(1)
            log_weights = -ahead.gather(1, ancestors) - math.log(count)
            x = _pick(x, ancestors)
        elif t:
            tired = log_weights.exp().square().sum(1) * share * count > 1
            ancestors = systematic(log_weights.exp(), rng)
            stay = torch.arange(count).expand_as(ancestors)
            x = _pick(x, torch.where(tired.unsqueeze(1), ancestors, stay))
            log_weights = torch.where(tired.unsqueeze(1), -math.log(count), log_weights)
        x = model.move(x, rng) if t else x
        log_weights = log_weights + model.log_prob(seen, x)
        total = log_weights.logsumexp(1, keepdim=True)
        if not total.isfinite().all():
            raise InputError(
                f"No particle explains what is seen at step {t}; give more particles, or a model "
                "with more noise."
            )
        log_p = log_p + total.squeeze(1)
        log_weights = log_weights - total
        weights = log_weights.exp()
        means.append((weights.unsqueeze(2) * x).sum(1))
        effective.append(1 / weights.square().sum(1))
    return Crowd(log_p, torch.stack(means, 1), torch.stack(effective, 1))


def _pick(x: Tensor, ancestors: Tensor) -> Tensor:
    return x.gather(1, ancestors.unsqueeze(2).expand(-1, -1, x.shape[2]))
