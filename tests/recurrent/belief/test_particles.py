"""Filters that guess beside the one that knows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import InputError, UsageError
from rnnmusic.recurrent.belief import kalman
from rnnmusic.recurrent.belief.nonlinear import NonlinearGaussian, extended_kalman_filter
from rnnmusic.recurrent.belief.particles import particle_filter, systematic
from tests.recurrent.belief.test_kalman import drawn, model_of

LINEAR = model_of(2, 1)
auxiliary = pytest.mark.parametrize("auxiliary", [False, True])


def bent() -> NonlinearGaussian:
    one = torch.ones(1, 1).double()
    return NonlinearGaussian(
        lambda x: 2 * torch.sin(x), torch.exp, 0.1 * one, 0.05 * one, one[0], 0.2 * one
    )


@given(n=st.integers(1, 3), m=st.integers(1, 2), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_the_extended_filter_is_kalmans_where_all_is_straight(n: int, m: int, seed: int) -> None:
    model = model_of(n, m, seed)
    y = drawn(model, 3, 12, seed)
    exact = kalman.filter(model, y)
    found = extended_kalman_filter(NonlinearGaussian.of(model), y)
    torch.testing.assert_close(found.log_likelihood, exact.log_likelihood)
    torch.testing.assert_close(found.mean, exact.mean[..., 0])
    torch.testing.assert_close(found.covariance, exact.covariance)


@auxiliary
def test_particles_come_to_the_exact_figure_as_they_grow(auxiliary: bool) -> None:
    y = drawn(LINEAR, 1, 30).expand(16, -1, -1)
    exact, model = kalman.filter(LINEAR, y), NonlinearGaussian.of(LINEAR)
    rng, misses = torch.Generator().manual_seed(0), []
    for count in (20, 400, 8000):
        found = particle_filter(model, y, count, rng, auxiliary=auxiliary)
        misses.append(float((found.log_likelihood - exact.log_likelihood).abs().mean()))
    assert misses[1] < 0.5 * misses[0]
    assert misses[2] < 0.5 * misses[1]
    assert misses[2] < 0.1
    assert (found.mean - exact.mean[..., 0]).abs().mean() < 0.05
    assert found.effective.max() <= 8000 * (1 + 1e-9)


@auxiliary
def test_the_likelihood_is_right_on_average(auxiliary: bool) -> None:
    rows = 4000
    y = drawn(LINEAR, 1, 6).expand(rows, -1, -1)
    exact, rng = kalman.filter(LINEAR, y[:1]), torch.Generator().manual_seed(1)
    model = NonlinearGaussian.of(LINEAR)
    found = particle_filter(model, y, 16, rng, auxiliary=auxiliary)
    ratios = (found.log_likelihood - exact.log_likelihood).exp()
    assert abs(ratios.mean() - 1) < 5 * ratios.std() / rows**0.5


def test_where_nothing_is_straight_particles_know_better() -> None:
    model, rng = bent(), torch.Generator().manual_seed(0)
    x = [model.begin(50, 1, rng)]
    for _ in range(19):
        x.append(model.move(x[-1], rng))
    states = torch.cat(x, 1)
    noise = 0.05**0.5 * torch.randn(states.shape, generator=rng, dtype=states.dtype)
    y = model.observation(states) + noise
    errors = [
        float((found.mean - states).square().mean())
        for found in (
            particle_filter(model, y, 2000, rng),
            particle_filter(model, y, 2000, rng, auxiliary=True),
            extended_kalman_filter(model, y),
        )
    ]
    assert errors[0] == pytest.approx(errors[1], rel=0.1)
    assert errors[0] < 0.8 * errors[2]


@given(rows=st.integers(1, 4), count=st.integers(1, 50), seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_resampling_rounds_up_or_down_and_never_further(rows: int, count: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    weights = (3 * torch.randn(rows, count, generator=rng, dtype=torch.float64)).softmax(1)
    ancestors = systematic(weights, rng)
    for row in range(rows):
        children = torch.bincount(ancestors[row], minlength=count)
        assert ((children - count * weights[row]).abs() < 1 + 1e-9).all()


def test_what_cannot_be_is_refused() -> None:
    model, rng = NonlinearGaussian.of(LINEAR), torch.Generator().manual_seed(0)
    with pytest.raises(UsageError, match="0 particles"):
        particle_filter(model, torch.zeros(1, 3, 1).double(), 0, rng)
    y = torch.tensor([[[0.0], [torch.inf]]]).double()
    with pytest.raises(InputError, match="at step 1"):
        particle_filter(model, y, 10, rng)
