"""The mixture of Gaussians against its equation, integrals and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp
from torch import Tensor

from rnnmusic.heads import Controls, GaussianMixtureHead, mixture
from rnnmusic.heads.mixture import SMALLEST_SIGMA
from rnnmusic.heads.protocol import normal, uniform

HIDDEN = 5


def wild(columns: int, components: int, seed: int = 0) -> GaussianMixtureHead:
    """A head with large random weights, in units that aren't 0 and 1."""
    torch.manual_seed(seed)
    head = GaussianMixtureHead(HIDDEN, (0,) * columns, components=components).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(std=0.7)
        head.standardisation.mean.normal_(std=20.0)
        head.standardisation.scale.uniform_(0.2, 9.0)
    return head


def mixture_of(
    head: GaussianMixtureHead, hidden: Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (K,), means and deviations (K, F) in the units of v, given hidden (HIDDEN,)."""
    with torch.no_grad():
        logits, means, sigmas = head._mixture(hidden[None])
        means = head.standardisation.inverse(means)
        sigmas = sigmas * head.standardisation.scale
    return logits[0].softmax(0).numpy(), means[0].numpy(), sigmas[0].numpy()


@given(seed=st.integers(0, 999), columns=st.integers(1, 6), components=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_the_density_is_scipys(seed: int, columns: int, components: int) -> None:
    head = wild(columns, components, seed)
    hidden = torch.randn(HIDDEN).double()
    weights, means, sigmas = mixture_of(head, hidden)
    rng = np.random.default_rng(seed)
    values = means[rng.integers(components, size=7)] + 3 * rng.standard_normal((7, columns))
    parts = [stats.norm.logpdf(values, m, s).sum(1) for m, s in zip(means, sigmas, strict=True)]
    expected = logsumexp(parts, axis=0, b=weights[:, None])
    ours = head.log_prob(hidden.expand(7, -1), torch.from_numpy(values)).detach()
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_density_integrates_to_one(seed: int) -> None:
    head = wild(1, 4, seed)
    hidden = torch.randn(HIDDEN).double()
    _, means, sigmas = mixture_of(head, hidden)

    low, high = (means - 12 * sigmas).min(), (means + 12 * sigmas).max()
    # On so fine a grid the trapezoids are exact to many places for a sum of Gaussians.
    grid = torch.arange(low, high, sigmas.min() / 4, dtype=torch.float64)
    with torch.no_grad():
        density = head.log_prob(hidden.expand(len(grid), -1), grid[:, None]).exp()
    assert float(torch.trapezoid(density, grid)) == pytest.approx(1.0, abs=1e-9)


def drawn(head: GaussianMixtureHead, hidden: Tensor, controls: Controls, rows: int) -> np.ndarray:
    rng = torch.Generator().manual_seed(1)
    return head.sample(hidden.expand(rows, -1), controls, rng).numpy()


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_samples_follow_the_tempered_mixture(temperature: float) -> None:
    head, rows = wild(2, 4), 20_000
    hidden = torch.randn(HIDDEN).double()
    weights, means, sigmas = mixture_of(head, hidden)
    weights = weights ** (1 / temperature)
    weights = weights / weights.sum()
    sigmas = sigmas * math.sqrt(temperature)
    values = drawn(head, hidden, Controls(temperature=temperature), rows)
    for column in range(2):

        def cdf(x: np.ndarray, c: int = column) -> np.ndarray:
            parts = stats.norm.cdf(x[:, None], means[:, c], sigmas[:, c])
            return np.asarray(parts @ weights)

        assert stats.kstest(values[:, column], cdf).pvalue > 1e-3
    # Together, not only one by one: the correlation is that of a choice among components.
    centre = weights @ means
    covariance = (weights[:, None] * (means - centre)).T @ (means - centre)
    covariance += np.diag(weights @ sigmas**2)
    error = np.cov(values.T) / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    expected = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_allclose(error, expected, atol=0.05)


def test_the_coldest_sample_is_the_mean_of_the_heaviest_component() -> None:
    head = wild(3, 5)
    hidden = torch.randn(HIDDEN).double()
    weights, means, sigmas = mixture_of(head, hidden)
    cold = drawn(head, hidden, Controls(temperature=0.0), 3)
    np.testing.assert_allclose(cold, np.tile(means[weights.argmax()], (3, 1)), rtol=1e-12)
    # top_p leaves only the heaviest component, but all of its width.
    narrow = drawn(head, hidden, Controls(top_p=0.01), 5000)
    standard = (narrow - means[weights.argmax()]) / sigmas[weights.argmax()]
    np.testing.assert_allclose(standard.mean(0), 0.0, atol=0.06)
    np.testing.assert_allclose(standard.std(0), 1.0, atol=0.05)


def test_the_dice_do_not_depend_on_the_controls() -> None:
    head, hidden = wild(3, 2), torch.randn(4, HIDDEN).double()

    def after(controls: Controls) -> Tensor:
        rng = torch.Generator().manual_seed(0)
        head.sample(hidden, controls, rng)
        return torch.rand(1, generator=rng)

    assert after(Controls(temperature=0.0)) == after(Controls()) == after(Controls(top_p=0.5))


def test_it_starts_as_the_plain_gaussian_of_the_data() -> None:
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((4000, 4)) * [0.01, 1, 30, 2] + [5, -80, 0, 1]
    head = GaussianMixtureHead(HIDDEN, (0,) * 4)
    head.initialise_bias(torch.from_numpy(steps))
    assert head.standardisation.mean.numpy() == pytest.approx(steps.mean(0), rel=1e-4, abs=1e-3)
    silent = torch.zeros(len(steps), HIDDEN)
    reached = float(head.log_prob(silent, torch.from_numpy(steps).float()).mean().detach())
    # The column that hardly varies is measured by a tenth of the usual spread.
    spread = steps.std(0).clip(0.1 * np.sqrt(np.square(steps.std(0)).mean()))
    expected = stats.norm.logpdf(steps, steps.mean(0), spread).sum(1).mean()
    assert reached == pytest.approx(expected, abs=0.2)  # it starts a little narrower


def test_samples_stay_within_what_was_seen() -> None:
    head = GaussianMixtureHead(HIDDEN, (0,) * 2, components=3)
    steps = torch.rand(200, 2) * torch.tensor([1.0, 30.0]) - torch.tensor([0.0, 80.0])
    head.initialise_bias(steps)
    hot = head.sample(
        torch.randn(500, HIDDEN), Controls(temperature=9.0), torch.Generator().manual_seed(0)
    )
    assert torch.equal(hot.amin(0), steps.amin(0))
    assert torch.equal(hot.amax(0), steps.amax(0))
    assert {"lowest", "highest"} <= set(head.state_dict())


def test_a_frame_that_never_changes_has_a_finite_density() -> None:
    head = GaussianMixtureHead(HIDDEN, (0,) * 6, components=2)
    silence = torch.full((50, 6), -80.0)
    head.initialise_bias(silence)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    hidden = torch.ones(50, HIDDEN)
    for _ in range(200):
        loss = head.loss(hidden, silence, torch.ones(50, dtype=torch.bool))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    limit = -6 * math.log(SMALLEST_SIGMA * math.sqrt(2 * math.pi))
    reached = float(head.log_prob(hidden[:1], silence[:1]).detach())
    assert 0.8 * limit < reached <= limit + 1e-3


def test_frames_are_looked_at_in_parts_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = wild(3, 4)
    hidden, value = torch.randn(9, HIDDEN).double(), torch.randn(9, 3).double()
    whole = head.log_prob(hidden, value)
    for at_once in (1, 24, 100):
        monkeypatch.setattr(mixture, "_NUMBERS_AT_ONCE", at_once)
        torch.testing.assert_close(head.log_prob(hidden, value), whole)
    assert head.log_prob(hidden[:0], value[:0]).shape == (0,)


def test_a_mixture_beats_one_gaussian_where_there_are_two_choices() -> None:
    """Bishop's example in small: the next value is +-1, and their mean 0 never comes."""
    value = torch.tensor([[1.0], [-1.0]]).repeat(100, 1) + 0.05 * torch.randn(200, 1)
    hidden = torch.ones(200, HIDDEN)
    reached = {}
    for components in (1, 2):
        torch.manual_seed(0)
        head = GaussianMixtureHead(HIDDEN, (0,), components=components)
        head.initialise_bias(value)
        optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
        for _ in range(300):
            loss = -head.log_prob(hidden, value).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        reached[components] = float(loss.detach())
    best = stats.norm.entropy(scale=0.05) + math.log(2)
    assert reached[2] == pytest.approx(best, abs=0.1)
    assert reached[1] > reached[2] + 1.5


def test_normal_numbers_are_quantiles_of_the_uniform_ones() -> None:
    like = torch.zeros(())
    dice = [torch.Generator().manual_seed(7) for _ in range(3)]
    numbers = normal((5000,), like, dice[0])
    assert stats.kstest(numbers.numpy(), "norm").pvalue > 1e-3
    chances = uniform((5000,), like, dice[1]).numpy()
    np.testing.assert_allclose(numbers, stats.norm.ppf(chances), rtol=1e-9, atol=1e-12)
    # Many at once or one after the other: a seed gives one sequence.
    one_by_one = torch.cat([normal((1,), like, dice[2]) for _ in range(20)])
    assert torch.equal(one_by_one, numbers[:20])
    assert torch.special.ndtri(torch.tensor(2.0**-54).double()).isfinite()
