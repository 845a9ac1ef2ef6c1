"""Restricted Boltzmann machines: energies, Gibbs sampling, and the normaliser nobody can sum up.

E(v, h) = -b.v - c.h - v.W h over binary v (F,) and h (K,). Summed over h, it leaves the free energy
F(v) = -b.v - sum over k of log(1 + exp(c_k + v.W_k)), and p(v) = exp(-F(v)) / Z.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator as Rng
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.errors import UsageError

#: Units on the smaller side up to which Z is summed up exactly: a million terms.
MOST_ENUMERATED = 20


class Rbm(NamedTuple):
    """N machines that share their weights: b (N, F), c (N, K), W (F, K)."""

    visible_bias: Tensor
    hidden_bias: Tensor
    weight: Tensor

    def base(self) -> Tensor:
        """Logits (N, F) of independent columns not far from p(v): what the hidden units say on
        average when nothing sounds."""
        return self.visible_bias + torch.sigmoid(self.hidden_bias) @ self.weight.T


def free_energy(rbm: Rbm, v: Tensor) -> Tensor:
    """F(v) of v (N, F): (N,), in nats."""
    inputs = rbm.hidden_bias + v @ rbm.weight
    return -(rbm.visible_bias * v).sum(1) - F.softplus(inputs).sum(1)


@torch.no_grad()
def gibbs(rbm: Rbm, v: Tensor, sweeps: int, rng: Rng | None = None) -> Tensor:
    """v (N, F) after so many sweeps: all hidden units given v, then all columns given those."""
    for _ in range(sweeps):
        h = _draw(rbm.hidden_bias + v @ rbm.weight, rng)
        v = _draw(rbm.visible_bias + h @ rbm.weight.T, rng)
    return v


@torch.no_grad()
def anneal(rbm: Rbm, steps: int, rng: Rng) -> tuple[Tensor, Tensor]:
    """Annealed importance sampling (Neal 2001; for these machines Salakhutdinov and Murray 2008).

    One chain per machine goes from the independent columns of `Rbm.base` to the machine in `steps`
    temperatures. Returns log Z (N,) estimated by its weight, and where it ends, v (N, F). The mean
    of exp of the estimate is Z at any number of steps, so that log Z comes out too small on
    average, the less so the more steps.
    """
    base = rbm.base()
    v = _draw(base, rng)
    log_z = F.softplus(base).sum(1) + rbm.weight.shape[1] * F.softplus(base.new_zeros(()))
    lower = 0.0
    for step in range(1, steps + 1):
        upper = step / steps
        inputs = rbm.hidden_bias + v @ rbm.weight
        log_z += (upper - lower) * ((rbm.visible_bias - base) * v).sum(1)
        log_z += (F.softplus(upper * inputs) - F.softplus(lower * inputs)).sum(1)
        h = _draw(upper * inputs, rng)
        v = _draw(torch.lerp(base, rbm.visible_bias + h @ rbm.weight.T, upper), rng)
        lower = upper
    return log_z, v


def log_partition(rbm: Rbm) -> Tensor:
    """log Z (N,) exactly, by all states of the smaller side; UsageError for more than 20 units."""
    columns, units = rbm.weight.shape
    if min(columns, units) > MOST_ENUMERATED:
        raise UsageError(
            f"A machine of {columns} columns and {units} hidden units has too many states to sum "
            f"up; give at most {MOST_ENUMERATED} of either, or estimate."
        )
    if columns > units:  # the same machine seen from the other side
        rbm = Rbm(rbm.hidden_bias, rbm.visible_bias, rbm.weight.T)
    count = min(columns, units)
    numbers = torch.arange(2**count, device=rbm.weight.device).unsqueeze(1)
    states = (numbers >> torch.arange(count, device=rbm.weight.device) & 1).to(rbm.weight.dtype)
    inputs = states @ rbm.weight
    rows = [
        (states @ b + F.softplus(c + inputs).sum(1)).logsumexp(0)
        for b, c in zip(rbm.visible_bias, rbm.hidden_bias, strict=True)
    ]
    return torch.stack(rows)


def _draw(logits: Tensor, rng: Rng | None) -> Tensor:
    drawn = torch.rand(logits.shape, generator=rng, dtype=logits.dtype, device=logits.device)
    return (drawn < torch.sigmoid(logits)).to(logits.dtype)
