"""Recursive least squares is ridge regression; FORCE makes networks that play on alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.learning.readouts import ridge, run_free
from rnnmusic.learning.recursive import RecursiveReadout, force
from rnnmusic.recurrent import build


@given(
    seed=st.integers(0, 999),
    steps=st.integers(2, 200),
    states=st.integers(1, 20),
    outputs=st.integers(1, 3),
    regularisation=st.floats(1e-2, 1e2),
)
@settings(max_examples=40, deadline=None)
def test_recursive_least_squares_is_ridge(
    seed: int, steps: int, states: int, outputs: int, regularisation: float
) -> None:
    rng = np.random.default_rng(seed)
    h, y = np.tanh(rng.standard_normal((steps, states))), rng.standard_normal((steps, outputs))
    learner = RecursiveReadout.start(states, outputs, regularisation=regularisation)
    for state, target in zip(h, y, strict=True):
        learner = learner.updated(state, target)
    expected = ridge(h, y, regularisation=regularisation).weight
    np.testing.assert_allclose(learner.weight, expected, atol=1e-6, rtol=0)


def test_it_is_a_value() -> None:
    learner = RecursiveReadout.start(3, 1)
    before = learner.weight.copy(), learner.covariance.copy()
    once = learner.updated(np.ones(3), np.ones(1))
    again = learner.updated(np.ones(3), np.ones(1))
    assert np.array_equal(learner.weight, before[0])
    assert np.array_equal(learner.covariance, before[1])
    assert np.array_equal(once.weight, again.weight)


def test_forgetting_follows_a_system_that_changes() -> None:
    rng = np.random.default_rng(0)
    h = rng.standard_normal((600, 4))
    first, second = rng.standard_normal((2, 4))
    y = np.concatenate([h[:300] @ first, h[300:] @ second])[:, None]

    def end(forgetting: float) -> float:
        learner = RecursiveReadout.start(4, 1, forgetting=forgetting)
        for state, target in zip(h, y, strict=True):
            learner = learner.updated(state, target)
        return float(np.abs(learner.weight[0, :-1] - second).max())

    assert end(0.95) < 1e-3
    assert end(1.0) > 0.1


@pytest.mark.parametrize("options", [{"regularisation": 0.0}, {"forgetting": 1.5}])
def test_what_cannot_be_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        RecursiveReadout.start(2, 1, **options)


@pytest.mark.parametrize(
    "wave",
    [
        lambda t: np.sin(math.tau * t / 60),
        lambda t: 0.6 * np.sin(math.tau * t / 80) + 0.4 * np.sin(math.tau * t / 40 + 1),
    ],
    ids=["sine", "sum of sines"],
)
def test_force_leaves_a_network_that_plays_the_wave_alone(wave: object) -> None:
    torch.manual_seed(1)
    network = build(
        "esn", 1, 200, spectral_radius=1.2, leak=0.3, input_scale=1.0, bias_scale=0.0
    ).double()
    t = np.arange(3600)
    series = wave(t)  # type: ignore[operator]
    forced = force(network, series[:3000, None])
    alone = run_free(network, forced.readout, forced.state, forced.output, 600)[0, :, 0]
    assert forced.errors[2500:].mean() < 0.02
    assert np.sqrt(np.mean((alone - series[3000:]) ** 2)) < 0.2 * series.std()


def test_force_needs_a_network_that_reads_what_it_produces() -> None:
    with pytest.raises(UsageError, match="reads"):
        force(build("esn", 2, 10), np.zeros((5, 1)))
