"""Rows of the variational cell: the polyphonic sets, and a linear model beside Kalman's filter."""

from __future__ import annotations

import time
from typing import cast

import torch
from torch import Tensor, nn

from rnnmusic import recurrent
from rnnmusic.flavours.music import trained
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.recurrent.belief import kalman
from rnnmusic.recurrent.belief.bounds import Bound, Heard, bounded
from rnnmusic.recurrent.belief.normal import Normal
from rnnmusic.recurrent.belief.prior import Prior
from rnnmusic.recurrent.belief.variational import Variational

BOUND = "nats per frame, test, pooled, frame 0 in, upper bound (ELBO)"


def _jsb(name: str, paper: float | None, source: str) -> Row:
    run = trained(
        "jsb",
        minutes=10.0,
        quick_minutes=10.0,
        model={"name": name, "size": 128, "dropout": 0.2, "options": {"latent_size": 48}},
        head={"name": "bernoulli"},
        training={"learning_rate": 3e-3, "average_decay": 0.99, "kl_warmup_steps": 600},
    )
    # The KL takes minutes to be charged in full: there is no honest quick form.
    return Row(name, "belief", "jsb", BOUND, run, 7.5, "lower", paper, source, "jsb", quick=False)


class _Line:
    """z_t = .9 z_(t-1) + N(0, .6^2), x_t = z_t + N(0, .5^2), z_0 = 0: the cell as this
    model, and Kalman's filter."""

    decay, scale, noise, time_steps = 0.9, 0.6, 0.5, 30

    def __init__(self) -> None:
        made = cast(Variational, recurrent.RECURRENT["dmm"].make(1, 32, latent_size=1))
        prior = cast(Prior, made.prior)  # a deep Markov model has one
        prior.make_linear(torch.tensor([[self.decay]]), torch.tensor([self.scale]))
        made.emission = nn.Sequential()
        self.cell = made
        numbers = (self.decay, 1.0, self.scale**2, self.noise**2)
        a, c, q, r = (torch.tensor([[number]]).double() for number in numbers)
        self.kalman = kalman.LinearGaussian(a, c, q, r, torch.zeros(1).double(), q)

    def draw(self, count: int, rng: torch.Generator) -> Heard:
        z = torch.randn(count, self.time_steps, 1, generator=rng)
        z[:, 0] *= self.scale
        for t in range(1, self.time_steps):
            z[:, t] = self.decay * z[:, t - 1] + self.scale * z[:, t]
        x = z + self.noise * torch.randn(z.shape, generator=rng)
        lengths = torch.full((count,), self.time_steps)
        return Heard(x.roll(1, dims=1).index_fill(1, torch.tensor([0]), 0.0), x, x, None, lengths)

    def log_prob(self, y: Tensor, steps: Tensor) -> Tensor:
        return Normal(y, torch.full_like(y, self.noise)).log_prob(steps)


def _against_kalman(setting: Setting) -> Measured:
    """How far the ELBO is below Kalman's likelihood once q has learned, in nats per step."""
    torch.manual_seed(setting.seed)
    rng = torch.Generator().manual_seed(setting.seed)
    line, begun = _Line(), time.monotonic()
    updates = 3000 if setting.variant == "full" else 300
    learned = [p for p in line.cell.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learned, lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for _ in range(updates):
        given = line.draw(64, rng)
        loss = -bounded(Bound(), line.cell, line.log_prob, given).terms.mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
    seconds = time.monotonic() - begun
    given = line.draw(2000, rng)
    with torch.no_grad():
        elbo = bounded(Bound(), line.cell, line.log_prob, given, rng=rng).terms.mean()
    exact = kalman.filter(line.kalman, given.steps.double()).log_likelihood.mean()
    gap = float(exact) / line.time_steps - float(elbo)
    return Measured(gap, sum(p.numel() for p in learned), seconds, f"{updates} updates")


ROWS: list[Row] = [
    # The 4.74 of the SRNN's paper is of a finer grid, on which half of the frames repeat.
    _jsb("srnn", None, "Fraccaro et al. 2016"),
    _jsb("storn", 6.91, "Bayer and Osendorfer 2014"),
    _jsb("vrnn", None, "Chung et al. 2015"),
    _jsb("dmm", 6.77, "Krishnan et al. 2017, with an augmented emission"),
    Row(
        "dmm",
        "belief",
        "linear-gaussian",
        "nats per step, ELBO below Kalman's exact likelihood",
        _against_kalman,
        limit=0.02,
        source="exact: 0",
    ),
]
