"""Ridge readouts against what they are defined by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.learning.readouts import ridge


def problem(seed: int, steps: int, states: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    h = rng.standard_normal((steps, states)) @ rng.standard_normal((states, states))
    y = h @ rng.standard_normal((states, 2)) + 3.0 + noise * rng.standard_normal((steps, 2))
    return h, y


@given(
    seed=st.integers(0, 999),
    steps=st.integers(3, 60),
    states=st.integers(1, 12),
    regularisation=st.floats(1e-3, 1e3),
)
@settings(max_examples=60, deadline=None)
def test_it_solves_the_normal_equations(
    seed: int, steps: int, states: int, regularisation: float
) -> None:
    h, y = problem(seed, steps, states, 0.5)
    r = np.concatenate([h, np.ones((steps, 1))], 1)
    expected = np.linalg.solve(r.T @ r + regularisation * np.eye(states + 1), r.T @ y).T
    found = ridge(h, y, regularisation=regularisation)
    np.testing.assert_allclose(found.weight, expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found(h), r @ expected.T, rtol=1e-6, atol=1e-7)


@given(seed=st.integers(0, 999), noise=st.floats(0.1, 20.0))
@settings(max_examples=30, deadline=None)
def test_cross_validation_finds_the_least_generalised_error(seed: int, noise: float) -> None:
    """Against the smoother written out, on a grid of its own."""
    h, y = problem(seed, 40, 10, noise)
    r = np.concatenate([h, np.ones((40, 1))], 1)

    def score(regularisation: float) -> float:
        smoother = r @ np.linalg.solve(r.T @ r + regularisation * np.eye(11), r.T)
        return float(np.sum((y - smoother @ y) ** 2) / (1 - np.trace(smoother) / 40) ** 2)

    chosen = ridge(h, y).regularisation
    assert chosen is not None
    assert score(chosen) <= 1.02 * min(score(10.0**k) for k in np.linspace(-6, 4, 101))


def test_the_washout_does_not_count() -> None:
    h, y = problem(0, 50, 5, 0.1)
    spoilt = h.copy()
    spoilt[:10] = 1e6
    assert np.array_equal(ridge(spoilt, y, washout=10).weight, ridge(h[10:], y[10:]).weight)


def test_without_a_ridge_useless_directions_get_nothing() -> None:
    h, y = problem(0, 50, 3, 0.0)
    found = ridge(np.concatenate([h, h], 1), y, regularisation=0.0)
    np.testing.assert_allclose(found(np.concatenate([h, h], 1)), y, atol=1e-8)
    assert np.abs(found.weight).max() < 1e3


def test_what_cannot_be_is_refused() -> None:
    h, y = problem(0, 10, 3, 0.0)
    with pytest.raises(UsageError, match="washout"):
        ridge(h, y, washout=9)
    with pytest.raises(UsageError, match="regularisation"):
        ridge(h, y, regularisation=-1.0)
