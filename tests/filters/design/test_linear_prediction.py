from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter
from statsmodels.regression.linear_model import burg

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters import design
from tests.filters.design.systems import impulse_response, random_filter, seeds

orders = st.integers(1, 12)


@given(seeds, orders, st.floats(1e-9, 1e9))
def test_burgs_method_is_that_of_statsmodels(seed: int, order: int, scale: float) -> None:
    signal = np.random.default_rng(seed).standard_normal(200).cumsum()
    found = design.lpc(scale * signal, order, "burg")
    np.testing.assert_allclose(
        found.a,
        np.concatenate(([1.0], -burg(signal, order, demean=False)[0])),
        rtol=1e-6,
        atol=1e-9,
    )


@given(seeds, orders)
def test_the_autocorrelation_method_solves_the_yule_walker_equations(seed: int, order: int) -> None:
    signal = np.random.default_rng(seed).standard_normal(100)
    r = np.correlate(signal, signal, "full")[99 : 100 + order]
    found = design.lpc(signal, order)
    np.testing.assert_allclose(found.a[1:], -solve_toeplitz(r[:-1], r[1:]), atol=1e-8)
    # White noise of variance 1 comes out with the signal's power.
    power = np.sum(impulse_response(found, 20_000) ** 2)
    np.testing.assert_allclose(power, np.mean(signal**2), rtol=1e-6)


@given(seeds, st.integers(1, 4))
def test_the_covariance_method_finds_the_recursion_of_a_signal(seed: int, pairs: int) -> None:
    rng = np.random.default_rng(seed)
    true = random_filter(rng, pairs)
    # The ringing alone obeys the recursion.
    signal = lfilter([1.0], true.a, np.eye(1, 60)[0])
    found = design.lpc(signal, 2 * pairs, "covariance")
    np.testing.assert_allclose(found.a, true.a, atol=1e-6)


@given(seeds, orders, st.sampled_from(["autocorrelation", "burg"]))
def test_two_methods_are_always_stable(seed: int, order: int, method: Any) -> None:
    rng = np.random.default_rng(seed)
    kinds = [rng.standard_normal(80), np.sin(np.arange(80.0)), np.arange(80.0), np.ones(80)]
    for signal in kinds:
        found = design.lpc(signal, order, method)
        assert (abs(found.poles()) < 1 + 1e-6).all()


def test_what_cannot_be_predicted_is_said_in_a_sentence() -> None:
    with pytest.raises(InputError, match="silent"):
        design.lpc(np.zeros(100), 2)
    with pytest.raises(InputError, match="lower order"):
        design.lpc(np.ones(3), 4)
    with pytest.raises(UsageError, match="autocorrelation, burg, covariance"):
        design.lpc(np.ones(100), 2, "maximum")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="order is 0"):
        design.lpc(np.ones(100), 0)
