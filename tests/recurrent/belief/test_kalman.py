"""Kalman's filter and smoother beside statsmodels, and beside the joint normal distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.statespace.mlemodel import MLEModel
from torch import Tensor

from rnnmusic.errors import InputError, UsageError
from rnnmusic.recurrent.belief import kalman, linear_dynamics
from rnnmusic.recurrent.belief.kalman import LinearGaussian


def model_of(n: int, m: int, seed: int = 0, *, diffuse: bool = False) -> LinearGaussian:
    rng = np.random.default_rng(seed)

    def positive(size: int) -> Tensor:
        factor = rng.normal(size=(size, size + 2))
        return torch.tensor(factor @ factor.T / size)

    a, c = rng.normal(size=(n, n)), torch.tensor(rng.normal(size=(m, n)))
    a = torch.tensor(0.9 * a / np.abs(np.linalg.eigvals(a)).max())
    mean, covariance = torch.tensor(rng.normal(size=n)), positive(n)
    if diffuse:
        mean, covariance = torch.zeros_like(mean), torch.zeros_like(covariance)
    everything = torch.eye(n).double() if diffuse else None
    return LinearGaussian(a, c, positive(n), positive(m), mean, covariance, everything)


def drawn(model: LinearGaussian, batch: int, time: int, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)

    def noise(covariance: Tensor) -> Tensor:
        return torch.randn(batch, len(covariance)).double() @ torch.linalg.cholesky(covariance).T

    x, seen = model.mean + noise(model.covariance), []
    for t in range(time):
        x = x @ model.transition.T + noise(model.process_noise) if t else x
        seen.append(x @ model.observation.T + noise(model.observation_noise))
    return torch.stack(seen, 1)


def statsmodels_of(model: LinearGaussian, y: Tensor) -> Any:
    other = MLEModel(y.numpy(), k_states=len(model.mean), k_posdef=len(model.mean))
    other["design"], other["transition"] = model.observation.numpy(), model.transition.numpy()
    other["selection"] = np.eye(len(model.mean))
    other["state_cov"] = model.process_noise.numpy()
    other["obs_cov"] = model.observation_noise.numpy()
    if model.diffuse is None:
        other.ssm.initialize_known(model.mean.numpy(), model.covariance.numpy())
    else:
        other.ssm.initialize_diffuse()
    return other.ssm.smooth()


@pytest.mark.filterwarnings("ignore:The univariate filtering approach")
@pytest.mark.parametrize("diffuse", [False, True])
@given(n=st.integers(1, 3), m=st.integers(1, 3), seed=st.integers(0, 999))
@settings(max_examples=15, deadline=None)
def test_filter_and_smoother_equal_statsmodels(diffuse: bool, n: int, m: int, seed: int) -> None:
    model = model_of(n, m, seed, diffuse=diffuse)
    y = torch.tensor(np.random.default_rng(seed).normal(size=(10, m)))
    theirs = statsmodels_of(model, y)
    smoothed, found = kalman.smooth(model, y[None])
    np.testing.assert_allclose(found.log_likelihood[0], theirs.llf_obs.sum(), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(smoothed.mean[0], theirs.smoothed_state.T, rtol=1e-6, atol=1e-6)
    covariance = theirs.smoothed_state_cov.transpose(2, 0, 1)
    np.testing.assert_allclose(smoothed.covariance[0], covariance, rtol=1e-6, atol=1e-6)
    if not diffuse:
        mean = theirs.filtered_state.T
        np.testing.assert_allclose(found.mean[0, ..., 0], mean, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("diffuse", [False, True])
def test_the_smoother_conditions_the_joint_distribution(diffuse: bool) -> None:
    """All states and observations are one normal vector; a diffuse start adds flat directions."""
    n, m, time = 2, 2, 5
    model = model_of(n, m, 3, diffuse=diffuse)
    y = torch.randn(1, time, m, generator=torch.Generator().manual_seed(0)).double()
    # x = mean + L e, with e the start and all noises; a flat prior is one without precision.
    size = time * n
    step = torch.eye(size).double()
    for t in range(1, time):
        step[t * n : (t + 1) * n, (t - 1) * n : t * n] = -model.transition
    start = torch.zeros(n, n).double() if diffuse else torch.linalg.inv(model.covariance)
    inner = [start] + [torch.linalg.inv(model.process_noise)] * (time - 1)
    prior = step.T @ torch.block_diag(*inner) @ step
    view = torch.block_diag(*[model.observation] * time)
    trust = torch.block_diag(*[torch.linalg.inv(model.observation_noise)] * time)
    precision = prior + view.T @ trust @ view
    centre = torch.linalg.solve(step, torch.cat([model.mean, torch.zeros(size - n).double()]))
    right = prior @ centre + view.T @ trust @ y.flatten()
    covariance = torch.linalg.inv(precision)
    smoothed, _ = kalman.smooth(model, y)
    torch.testing.assert_close(smoothed.mean[0].flatten(), covariance @ right)
    for t in range(time):
        now = slice(t * n, (t + 1) * n)
        torch.testing.assert_close(smoothed.covariance[0, t], covariance[now, now])
        if t:
            before = slice((t - 1) * n, t * n)
            torch.testing.assert_close(smoothed.cross[0, t - 1], covariance[now, before])


@pytest.mark.parametrize("diffuse", [False, True])
def test_lengths_end_rows(diffuse: bool) -> None:
    model = model_of(2, 1, diffuse=diffuse)
    y, lengths = torch.randn(3, 8, 1).double(), torch.tensor([8, 3, 5])
    whole, found = kalman.smooth(model, y, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone, its = kalman.smooth(model, y[row : row + 1, :length])
        torch.testing.assert_close(found.log_likelihood[row], its.log_likelihood[0])
        torch.testing.assert_close(whole.mean[row, :length], alone.mean[0])
        torch.testing.assert_close(whole.covariance[row, :length], alone.covariance[0])


def test_gradients_are_right() -> None:
    model = model_of(2, 1, diffuse=True)
    y = torch.randn(2, 5, 1).double().requires_grad_()

    def run(y: Tensor, a: Tensor, c: Tensor, root: Tensor) -> Tensor:
        moved = model._replace(transition=a, observation=c, process_noise=root @ root.T)
        return kalman.filter(moved, y).log_likelihood

    parts = [part.clone().requires_grad_() for part in model[:3]]
    assert torch.autograd.gradcheck(run, (y, *parts))


def test_a_belief_stays_one_in_single_precision() -> None:
    """Observations a million times as exact as the states are known."""
    model = LinearGaussian(*(None if p is None else p.float() for p in model_of(3, 2)))
    model = model._replace(observation_noise=1e-6 * torch.eye(2), covariance=1e3 * torch.eye(3))
    found = kalman.filter(model, torch.randn(1, 200, 2))
    assert found.log_likelihood.isfinite().all()
    assert torch.equal(found.covariance, found.covariance.mT)
    sizes = torch.linalg.eigvalsh(found.covariance.double())
    assert (sizes[..., 0] > -1e-6 * sizes[..., -1]).all()


LEARNED = st.sets(st.sampled_from(linear_dynamics.LEARNED), min_size=1)


@given(learned=LEARNED, diffuse=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_em_never_falls(learned: set[str], diffuse: bool, seed: int) -> None:
    y = drawn(model_of(2, 2, seed), 4, 12, seed)
    lengths = torch.tensor([12, 5, 9, 12])
    start = model_of(2, 2, seed + 1, diffuse=diffuse)
    _, history = linear_dynamics.fit(start, y, lengths, learned=learned, rounds=8, tolerance=0.0)
    assert torch.tensor(history).isfinite().all()
    assert (torch.tensor(history).diff() > -1e-8 * abs(history[0])).all()


def test_em_learns_what_a_model_without_memory_cannot() -> None:
    """A slow level in noise: without A, each step is a draw from the same normal distribution."""
    one = torch.ones(1, 1).double()
    truth = LinearGaussian(0.95 * one, one, 0.1 * one, one, torch.zeros(1).double(), one)
    y, test = drawn(truth, 10, 60), drawn(truth, 10, 60, seed=1)
    start = truth._replace(transition=0.5 * one, process_noise=one, observation_noise=one)
    found, _ = linear_dynamics.fit(start, y, rounds=60)
    alone, _ = linear_dynamics.fit(
        start._replace(transition=0 * one), y, rounds=60, learned=("process_noise", "covariance")
    )
    nats = [float(kalman.filter(m, test).log_likelihood.mean()) / 60 for m in (found, truth, alone)]
    assert nats[0] == pytest.approx(nats[1], abs=0.02)
    assert nats[0] > nats[2] + 0.05
    assert float(found.transition) == pytest.approx(0.95, abs=0.07)


def test_what_does_not_fit_is_refused() -> None:
    model = model_of(2, 1)
    with pytest.raises(UsageError, match="doesn't fit together"):
        kalman.filter(model._replace(mean=torch.zeros(3)), torch.zeros(1, 4, 1))
    with pytest.raises(UsageError, match="1 values per step"):
        kalman.filter(model, torch.zeros(1, 4, 2))
    with pytest.raises(UsageError, match="can't learn 'diffuse'"):
        linear_dynamics.refit(model, torch.zeros(1, 4, 1).double(), learned=("diffuse",))
    with pytest.raises(InputError, match="determine the start"):
        kalman.filter(model_of(2, 1, diffuse=True), torch.zeros(1, 1, 1).double())
