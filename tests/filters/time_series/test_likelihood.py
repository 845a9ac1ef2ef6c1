from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import approx_fprime
from statsmodels.tsa.arima.model import ARIMA

from rnnmusic.filters.time_series.likelihood import conditional, exact
from rnnmusic.filters.time_series.parameters import coefficients, free_parameters

free = st.floats(-1.5, 1.5)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def models(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """phi, theta of up to three coefficients, and a series they needn't fit."""
    phi, minus_theta = (
        coefficients(draw(arrays(np.float64, draw(st.integers(0, 3)), elements=free)))[0]
        for _ in range(2)
    )
    rng = np.random.default_rng(draw(seeds))
    return phi, -minus_theta, rng.standard_normal(40) + 1


@settings(max_examples=40)
@given(models())
def test_the_exact_likelihood_is_that_of_the_kalman_filter(model: Any) -> None:
    phi, theta, series = model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, about its starting values
        oracle = ARIMA(series, order=(len(phi), 0, len(theta)), trend="c")
        wanted = oracle.loglike(np.concatenate(([0.7], phi, theta, [1.3])))
    found = exact(series, phi, theta, 0.7, 1.3)
    np.testing.assert_allclose(found.log_likelihood, wanted, rtol=1e-7)


@pytest.mark.parametrize("likelihood", [exact, conditional])
@pytest.mark.parametrize("mean", [None, 0.5])
@pytest.mark.parametrize("variance", [None, 1.3])
@settings(max_examples=15)
@given(models())
def test_gradients_are_those_of_finite_differences(
    likelihood: Any, mean: float | None, variance: float | None, model: Any
) -> None:
    phi, theta, series = model
    at, p = np.concatenate((phi, theta)), len(phi)

    def value(x: Any) -> float:
        return float(likelihood(series, x[:p], x[p:], mean, variance).log_likelihood)

    found = likelihood(series, phi, theta, mean, variance)
    slope = np.concatenate((found.by_phi, found.by_theta))
    numeric = approx_fprime(at, value, 1e-7) if len(at) else slope
    size = 1 + abs(slope).max(initial=0)
    np.testing.assert_allclose(slope / size, numeric / size, atol=1e-2)


@given(models())
def test_mean_and_variance_that_are_fitted_are_the_most_likely(model: Any) -> None:
    phi, theta, series = model
    for likelihood in (exact, conditional):
        best = likelihood(series, phi, theta, None)
        for mean in (-0.01, 0.01):
            for factor in (0.99, 1.01):
                other = likelihood(series, phi, theta, best.mean + mean, best.variance * factor)
                assert other.log_likelihood < best.log_likelihood


@given(arrays(np.float64, st.integers(0, 6), elements=st.floats(-4, 4)))
def test_any_numbers_are_a_stationary_model(numbers: Any) -> None:
    phi, jacobian = coefficients(numbers)
    assert (abs(np.roots(np.concatenate(([1.0], -phi)))) < 1 + 1e-6).all()
    again = free_parameters(phi)
    if again is not None:  # rounding may leave a root on the circle
        np.testing.assert_allclose(coefficients(again)[0], phi, atol=1e-6)
    assert jacobian.shape == (len(numbers), len(numbers))


@given(arrays(np.float64, st.integers(1, 5), elements=free))
def test_the_jacobian_is_that_of_finite_differences(numbers: Any) -> None:
    phi, jacobian = coefficients(numbers)
    for k in range(len(numbers)):
        moved = numbers + 1e-6 * np.eye(len(numbers))[k]
        np.testing.assert_allclose((coefficients(moved)[0] - phi) / 1e-6, jacobian[:, k], atol=1e-4)


def test_what_is_not_stationary_has_no_free_parameters() -> None:
    assert free_parameters(np.array([1.2])) is None
    assert free_parameters(np.array([0.5, 0.6])) is None
