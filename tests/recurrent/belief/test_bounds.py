"""The bounds on a linear model with normal noise, whose likelihood is that of one big normal."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.belief.bounds import Bound, Bounded, Heard, bounded
from rnnmusic.recurrent.belief.normal import Normal
from rnnmusic.recurrent.belief.variational import Variational, VariationalState

DECAY, EMISSION = torch.tensor([0.9, -0.6]).double(), torch.tensor([1.0, 2.0]).double()
NOISE = torch.tensor([0.5, 0.8]).double()  # standard deviations of what is heard
SPREAD = torch.tensor([0.6, 0.4]).double()  # of the latents


class Linear(Variational):
    """z_t = a z_(t-1) + noise, x_t = c z_t + noise, two of them side by side; z_0 = 0."""

    def __init__(self) -> None:
        super().__init__(
            2, 4, latent_size=2, memory=False, reads_input=False, latent_to_memory=False,
            latent_to_latent=True, memory_to_output=False,
        )  # fmt: skip
        self.double()
        self.emission = nn.Identity()
        assert self.prior is not None
        self.prior.make_linear(DECAY.diag(), SPREAD)

    def _heard(self, x: Tensor, state: VariationalState, noise: Tensor | None) -> Tensor:
        return state.z  # nothing was heard before the first step


class Smoothed(Linear):
    """With p(z_t | z_(t-1), x_t, ..., x_T) for q, from the messages of the future."""

    def _evidence(self, heard: Tensor, reset: Tensor | None, lengths: Tensor | None) -> Tensor:
        batch, time, _ = heard.shape
        messages: list[Tensor] = []
        precision = mean = heard.new_zeros(batch, 2)
        for t in reversed(range(time)):
            if lengths is not None:
                ends = (t == lengths - 1).unsqueeze(1)
                precision, mean = (part.masked_fill(ends, 0.0) for part in (precision, mean))
            precision = precision + EMISSION**2 / NOISE**2
            mean = mean + EMISSION / NOISE**2 * heard[:, t]
            messages.append(torch.cat([precision, mean], dim=1))
            shrunk = 1 + SPREAD**2 * precision
            precision, mean = DECAY**2 * precision / shrunk, DECAY * mean / shrunk
            if reset is not None:
                begins = reset[:, t].unsqueeze(1)
                precision, mean = (part.masked_fill(begins, 0.0) for part in (precision, mean))
        return torch.stack(messages[::-1], dim=1)

    def _believe(self, prior: Normal, h: Tensor, z: Tensor, evidence: Tensor) -> Normal:
        precision, mean = evidence.chunk(2, dim=1)
        total = SPREAD**-2 + precision
        return Normal((prior.mean * SPREAD**-2 + mean) / total, total.rsqrt())


class Guessing(Linear):
    """With the prior for q: what is heard is only weighed."""

    def _believe(self, prior: Normal, h: Tensor, z: Tensor, evidence: Tensor) -> Normal:
        return prior


def emission(y: Tensor, steps: Tensor, noise: Tensor = NOISE) -> Tensor:
    return Normal(EMISSION * y, noise.expand_as(y)).log_prob(steps)


def exact(steps: Tensor) -> float:
    """log p of steps (T, 2) that start from z_0 = 0, by their covariance."""
    time, total = len(steps), 0.0
    for k in range(2):
        mix = torch.zeros(time, time).double()
        for t in range(time):
            mix[t, : t + 1] = DECAY[k] ** torch.arange(t, -1, -1).double()
        cov = (EMISSION[k] * SPREAD[k]) ** 2 * mix @ mix.T + NOISE[k] ** 2 * torch.eye(
            time
        ).double()
        total += multivariate_normal(np.zeros(time), cov.numpy()).logpdf(steps[:, k].numpy())
    return total


def heard(lengths: list[int], reset: Tensor | None = None, seed: int = 0) -> Heard:
    torch.manual_seed(seed)
    steps = torch.randn(len(lengths), max(lengths), 2).double()
    return Heard(torch.zeros_like(steps), steps, steps, reset, torch.tensor(lengths))


def run(
    bound: Bound, latent: Variational, given: Heard, seed: int = 0, noise: Tensor = NOISE
) -> Bounded:
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        return bounded(bound, latent, partial(emission, noise=noise), given, rng=rng)


def repeated(given: Heard, times: int) -> Heard:
    """One row, so many times."""
    x, steps, lengths = (
        part.repeat_interleave(times, dim=0) for part in (given.x, given.steps, given.lengths)
    )
    return Heard(x, steps, steps, None, lengths)


@pytest.mark.parametrize("particles", [1, 4])
def test_with_the_exact_posterior_the_bound_is_the_likelihood(particles: int) -> None:
    """Whatever is drawn, as every weight is p(x): through resets, lengths and padding."""
    model = Smoothed()
    reset = torch.zeros(3, 9, dtype=torch.bool)
    reset[0, 4] = reset[1, 2] = reset[1, 3] = reset[2, 8] = True
    given = heard([9, 7, 3], reset)
    poisoned = given.steps.clone()
    poisoned[1, 7:] = poisoned[2, 3:] = 1e3
    given = given._replace(heard=poisoned, steps=poisoned)
    stretches = [[(0, 4), (4, 9)], [(0, 2), (2, 3), (3, 7)], [(0, 3)]]
    terms = run(Bound("iwae", particles), model, given, seed=3).terms
    for row, parts in enumerate(stretches):
        for begin, end in parts:
            expected = exact(given.steps[row, begin:end])
            found = float(terms[row, begin:end].sum())
            assert found == pytest.approx(expected, abs=1e-9)
    assert not terms[1, 7:].any()
    assert not terms[2, 3:].any()


def test_the_elbo_with_the_exact_posterior_is_right_on_average() -> None:
    model, given = Smoothed(), heard([6])
    totals = run(Bound(), model, repeated(given, 20_000)).terms.sum(1)
    error = float(totals.std()) / math.sqrt(len(totals))
    assert float(totals.mean()) == pytest.approx(exact(given.steps[0]), abs=4 * error)
    assert error < 0.02


def test_more_particles_come_closer_and_resampling_closer_still() -> None:
    model, given = Guessing(), heard([20])
    truth = exact(given.steps[0])

    def gap(bound: Bound) -> float:
        return truth - float(run(bound, model, repeated(given, 40)).terms.sum(1).mean())

    elbo, few, many = gap(Bound()), gap(Bound("iwae", 8)), gap(Bound("iwae", 256))
    filtered = gap(Bound("fivo", 256))
    assert elbo > few + 1 > many + 1.5
    assert many > filtered + 0.5
    assert 0 <= filtered < 0.5
    assert abs(gap(Bound("fivo", 2048))) < 0.05


def test_the_state_after_is_one_particle_of_each_row_by_weight() -> None:
    model, given = Guessing(), heard([8, 5])
    state = run(Bound("fivo", 16), model, given).state
    assert state.z.shape == (2, 2)
    # Where a step tells z exactly, so does the particle that is left.
    sharp = given._replace(steps=given.steps / 4)
    z = run(Bound("fivo", 4000), model, sharp, noise=torch.full_like(NOISE, 0.02)).state.z
    # The state lags: it holds the latents of the step before the last.
    expected = torch.stack([sharp.steps[0, 6], sharp.steps[1, 3]]) / EMISSION
    assert (z - expected).abs().max() < 0.1


def test_weights_for_training() -> None:
    model, given = Guessing(), heard([5, 3])
    rng = torch.Generator()
    with torch.no_grad():
        full, none, free = (
            bounded(Bound(), model, emission, given, rng=rng.manual_seed(0), **options).terms
            for options in ({}, {"kl_weight": 0.0}, {"free_bits": 2.0})
        )
    # q is the prior: there is no KL, and below two nats it is charged as two.
    assert torch.equal(full, none)
    alive = torch.arange(5) < torch.tensor([[5], [3]])
    torch.testing.assert_close(free, full - 2.0 * alive)


@pytest.mark.parametrize(
    ("name", "particles"), [("nelbo", 1), ("elbo", 2), ("iwae", 0), ("fivo", -1)]
)
def test_bounds_that_arent(name: str, particles: int) -> None:
    with pytest.raises(UsageError):
        Bound(name, particles)
