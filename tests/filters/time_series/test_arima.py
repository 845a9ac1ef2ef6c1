from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.tsa.arima.model import ARIMA

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.time_series import Arima, ArimaModel, ljung_box

ORDERS = [(2, 0, 1), (1, 1, 1), (3, 0, 0), (0, 0, 2), (0, 1, 2), (2, 2, 1), (0, 1, 0), (0, 0, 0)]


def simulated(p: int, d: int, q: int, count: int = 300, seed: int = 0) -> Any:
    phi, theta = np.array([0.6, -0.3, 0.1])[:p], np.array([0.4, 0.2])[:q]
    noise = np.random.default_rng(seed).standard_normal(count + 100)
    series = lfilter(np.append(1, theta), np.append(1, -phi), noise)[100:]
    for _ in range(d):
        series = np.cumsum(series)
    # Their prior on integrated states, of variance 1e6, is only vague beside small numbers.
    return series if d else 100 * series + 300


def reference(series: Any, order: tuple[int, int, int], trend: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, about starting values and steps
        return ARIMA(series, order=order, trend=trend).fit(method_kwargs={"maxiter": 500})


@pytest.mark.parametrize("order", ORDERS)
def test_fits_and_forecasts_are_those_of_statsmodels(order: tuple[int, int, int]) -> None:
    p, d, q = order
    series = simulated(p, d, q)
    trend = "n" if d else "c"
    theirs, ours = reference(series, order, trend), Arima(p, d, q).fit(series)
    assert ours.log_likelihood > theirs.llf - 1e-3
    np.testing.assert_allclose(ours.log_likelihood, theirs.llf, atol=2e-2)
    np.testing.assert_allclose(ours.aic, theirs.aic, atol=4e-2)
    np.testing.assert_allclose(ours.bic, theirs.bic, atol=4e-2)
    theirs_ar_ma = theirs.params[1:-1] if trend == "c" else theirs.params[:-1]
    np.testing.assert_allclose(
        np.concatenate((ours.model.phi, ours.model.theta)), theirs_ar_ma, atol=2e-2
    )
    # The forecasts of one model, not of two slightly different optima.
    model = ArimaModel(
        theirs_ar_ma[:p],
        theirs_ar_ma[p:],
        d,
        theirs.params[0] if trend == "c" else 0.0,
        theirs.params[-1],
    )
    prediction, found = theirs.get_forecast(20), model.forecast(series, 20, coverage=0.9)
    spread = np.sqrt(prediction.var_pred_mean)
    assert (abs(found.mean - prediction.predicted_mean) < 1e-4 * spread).all()
    np.testing.assert_allclose(found.variance, prediction.var_pred_mean, rtol=1e-4)
    interval = prediction.conf_int(alpha=0.1)
    assert (abs(found.lower - interval[:, 0]) < 1e-3 * spread).all()
    assert (abs(found.upper - interval[:, 1]) < 1e-3 * spread).all()


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(12, 40))
def test_short_series_leave_the_first_state_uncertain(seed: int, count: int) -> None:
    series = np.random.default_rng(seed).standard_normal(count)
    phi, theta = np.array([0.7]), np.array([0.9, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = ARIMA(series, order=(1, 0, 2), trend="n").smooth([0.7, 0.9, 0.0, 2.0])
    wanted = oracle.get_forecast(5)
    found = ArimaModel(phi, theta, 0, 0.0, 2.0).forecast(series, 5)
    np.testing.assert_allclose(found.mean, wanted.predicted_mean, atol=1e-6)
    np.testing.assert_allclose(found.variance, wanted.var_pred_mean, rtol=1e-6)


def test_a_slope_is_the_mean_of_the_differences() -> None:
    series = simulated(1, 1, 1) + 0.5 * np.arange(300)
    theirs, ours = reference(series, (1, 1, 1), "t"), Arima(1, 1, 1, has_mean=True).fit(series)
    np.testing.assert_allclose(ours.log_likelihood, theirs.llf, atol=2e-2)
    spread = np.sqrt(theirs.get_forecast(20).var_pred_mean)
    assert (abs(ours.forecast(20).mean - theirs.forecast(20)) < 1e-2 * spread).all()


def test_intervals_cover_what_they_say() -> None:
    covered = []
    for seed in range(60):
        series = simulated(1, 1, 1, count=310, seed=seed)
        found = Arima(1, 1, 1).fit(series[:300]).forecast(10, coverage=0.8)
        covered.append((series[300:] > found.lower) & (series[300:] < found.upper))
    assert 0.72 < np.mean(covered) < 0.88


def test_psi_weights_are_the_response_to_one_shock() -> None:
    model = ArimaModel(np.array([0.5]), np.array([0.3]), 1, 0.0, 4.0)
    np.testing.assert_allclose(model.psi_weights(4), np.cumsum([1, 0.8, 0.4, 0.2]))
    np.testing.assert_allclose(model.noise_filter().b, [2, 0.6])
    np.testing.assert_allclose(model.noise_filter().a, [1, -0.5])


def test_conditional_and_exact_likelihoods_agree_on_long_series() -> None:
    series = simulated(2, 0, 1, count=5_000)
    one, other = (Arima(2, 0, 1).fit(series, kind) for kind in ("exact", "conditional"))  # type: ignore[arg-type]
    np.testing.assert_allclose(one.model.phi, other.model.phi, atol=5e-3)
    assert len(one.residuals) == 5_000
    assert len(other.residuals) == 4_998


def test_ljung_box_is_that_of_statsmodels() -> None:
    fit = Arima(1, 0, 1).fit(simulated(2, 0, 1))
    wanted = acorr_ljungbox(fit.residuals, lags=12, model_df=2)
    found = fit.ljung_box(12)
    np.testing.assert_allclose(found.statistic, wanted["lb_stat"])
    np.testing.assert_allclose(found.p_value, wanted["lb_pvalue"])
    assert np.isnan(found.p_value[:2]).all()


def test_a_good_model_leaves_white_residuals_and_a_poor_one_does_not() -> None:
    series = simulated(2, 0, 1, count=1_000)
    assert Arima(2, 0, 1).fit(series).ljung_box(12).p_value[-1] > 0.05
    assert Arima(0, 0, 0).fit(series).ljung_box(12).p_value[-1] < 1e-6


def test_the_better_order_has_the_better_criterion() -> None:
    series = simulated(2, 0, 0, count=1_000)
    criteria = [Arima(p, 0, 0).fit(series).bic for p in range(5)]
    assert int(np.argmin(criteria)) == 2


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Arima(-1), UsageError, "p is -1"),
        (lambda: Arima(1, 0, 0).fit(np.ones(50)), InputError, "constant"),
        (lambda: Arima(1, 1, 0).fit(np.arange(50)), InputError, "constant after 1"),
        (lambda: Arima(2, 1, 2).fit(np.arange(6.0) ** 2), InputError, "lower order"),
        (lambda: Arima(1).fit([1.0, np.nan, 2.0]), InputError, "finite"),
        (lambda: Arima(1).fit(simulated(1, 0, 0), "both"), UsageError, "exact"),  # type: ignore[arg-type]
        (lambda: Arima(1).fit(simulated(1, 0, 0)).forecast(0), UsageError, "steps is 0"),
        (
            lambda: Arima(1).fit(simulated(1, 0, 0)).forecast(1, coverage=95),
            UsageError,
            "between 0 and 1",
        ),
        (lambda: ljung_box(np.ones(20), 3), InputError, "constant"),
        (lambda: ljung_box(np.arange(5.0), 9), UsageError, "fewer lags"),
        (
            lambda: ArimaModel(np.array([1.5]), np.zeros(0), 0, 0, 1).evaluate(np.arange(9.0)),
            UsageError,
            "stationary",
        ),
    ],
)
def test_what_makes_no_model_is_said_in_a_sentence(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()
