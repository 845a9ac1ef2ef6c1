from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from statsmodels.tsa.arima.estimators.hannan_rissanen import hannan_rissanen as statsmodels_estimate

from rnnmusic.errors import InputError
from rnnmusic.filters import design
from tests.filters.design.systems import random_filter, seeds


@settings(max_examples=30)
@given(seeds, st.floats(0.01, 100))
def test_the_spectrum_of_a_noise_is_found(seed: int, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    true = random_filter(rng, 1, radius=0.9)
    series = lfilter(true.b / true.b[0], true.a, sigma * rng.standard_normal(20_000))
    found = design.hannan_rissanen(series, 2, 2)
    np.testing.assert_allclose(found.b[0], sigma, rtol=0.05)
    omega = np.linspace(0, np.pi, 100)
    level_db = 20 * np.log10(abs(found.response(omega) * true.b[0] / true.response(omega) / sigma))
    assert np.sqrt(np.mean(level_db**2)) < 1


def test_the_estimate_is_as_good_as_that_of_statsmodels() -> None:
    ours, theirs = [], []
    truth = np.array([1.2, -0.6, 0.5, 0.3])
    for seed in range(30):
        noise = np.random.default_rng(seed).standard_normal(1_000)
        series = lfilter([1, *truth[2:]], [1, *-truth[:2]], noise)
        found = design.hannan_rissanen(series, 2, 2)
        ours.append(np.concatenate((-found.a[1:], found.b[1:] / found.b[0])) - truth)
        other = statsmodels_estimate(series, 2, 2, demean=False)[0]
        theirs.append(np.concatenate((other.ar_params, other.ma_params)) - truth)
    assert np.mean(np.square(ours)) < 1.1 * np.mean(np.square(theirs))


def test_a_pure_autoregression_is_least_squares() -> None:
    series = lfilter([1.0], [1, -0.5, 0.2], np.random.default_rng(0).standard_normal(300))
    found = design.hannan_rissanen(series, 2, 0)
    past = np.stack((series[1:-1], series[:-2]), axis=1)
    np.testing.assert_allclose(-found.a[1:], np.linalg.lstsq(past[2:], series[4:])[0], atol=1e-2)


@given(seeds)
def test_the_filter_can_be_run_backwards(seed: int) -> None:
    series = np.diff(np.random.default_rng(seed).standard_normal(100))  # a zero at 1
    found = design.hannan_rissanen(series, 0, 2)
    assert (abs(found.zeros()) < 1).all()


def test_what_has_no_filter_is_said_in_a_sentence() -> None:
    with pytest.raises(InputError, match="white noise"):
        design.hannan_rissanen(np.ones(100), 0, 0)
    with pytest.raises(InputError, match="constant"):
        design.hannan_rissanen(np.ones(100), 1, 1)
    with pytest.raises(InputError, match="lower order"):
        design.hannan_rissanen([1.0, 2.0, 1.0], 2, 2)
