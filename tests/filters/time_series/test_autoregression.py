"""Autoregressions in closed form, and the linear RNNs that gradient descent makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from statsmodels.regression.linear_model import burg, yule_walker
from statsmodels.tsa.ar_model import AutoReg
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.time_series import ar
from rnnmusic.recurrent.linear import LinearRecurrence

seeds = st.integers(0, 2**32 - 1)


def simulated(seed: int, count: int = 300, mean: float = 5.0) -> Any:
    noise = np.random.default_rng(seed).standard_normal(count)
    return mean + np.asarray(lfilter([1.0], [1, -1.2, 0.6], noise))


@settings(max_examples=30)
@given(seeds, st.integers(1, 6), st.booleans())
def test_least_squares_are_those_of_statsmodels(seed: int, order: int, has_mean: bool) -> None:
    series = simulated(seed)
    found = ar(series, order, has_mean=has_mean)
    wanted = AutoReg(series, order, trend="c" if has_mean else "n").fit()
    np.testing.assert_allclose(found.model.phi, wanted.params[has_mean:], atol=1e-8)
    np.testing.assert_allclose(found.log_likelihood, wanted.llf)
    np.testing.assert_allclose(found.aic, wanted.aic)
    np.testing.assert_allclose(found.bic, wanted.bic)
    np.testing.assert_allclose(found.forecast(5).mean, wanted.forecast(5), rtol=1e-8)
    if has_mean:
        intercept = found.model.mean * (1 - found.model.phi.sum())
        np.testing.assert_allclose(intercept, wanted.params[0], atol=1e-6)


@settings(max_examples=30)
@given(seeds, st.integers(1, 6))
def test_yule_walker_and_burg_are_those_of_statsmodels(seed: int, order: int) -> None:
    series = simulated(seed)
    found = ar(series, order, "yule_walker").model.phi
    np.testing.assert_allclose(
        found, yule_walker(series, order, method="mle", result_object=False)[0], atol=1e-8
    )
    np.testing.assert_allclose(ar(series, order, "burg").model.phi, burg(series, order)[0])


def test_an_unstable_autoregression_can_still_be_fitted_and_forecast() -> None:
    series = 1.1 ** np.arange(40) + 1e-3 * np.random.default_rng(0).standard_normal(40)
    found = ar(series, 1, has_mean=False)
    np.testing.assert_allclose(found.model.phi, 1.1, rtol=1e-3)
    np.testing.assert_allclose(found.forecast(3).mean, series[-1] * found.model.phi ** [1, 2, 3])


def predictions_of_a_delay_line(x: Tensor, weights: Tensor) -> Tensor:
    """A vanilla RNN without activations: h[t] = W h[t-1] + u x[t], the prediction v . h[t].

    W shifts the state by one and u puts the input first: the state is the last values.
    """
    order = len(weights)
    shift = torch.diag(torch.ones(order - 1, dtype=x.dtype), -1)
    enter = torch.eye(order, dtype=x.dtype)[0]
    h, predictions = torch.zeros(order, dtype=x.dtype), []
    for value in x:
        h = shift @ h + enter * value
        predictions.append(weights @ h)
    return torch.stack(predictions)


@pytest.mark.parametrize("order", [1, 3])
def test_gradient_descent_on_a_linear_rnn_comes_to_the_closed_form(order: int) -> None:
    series = simulated(1, 150, mean=0.0)
    wanted = ar(series, order, has_mean=False).model.phi
    x = torch.tensor(series)
    weights = torch.zeros(order, dtype=x.dtype, requires_grad=True)
    for _ in range(400):
        # The first values have no whole past: the closed form leaves them out, too.
        error = x[order:] - predictions_of_a_delay_line(x[:-1], weights)[order - 1 :]
        (slope,) = torch.autograd.grad((error**2).mean(), weights)
        with torch.no_grad():
            weights -= 0.09 * slope
        if abs(slope).max() < 1e-9:
            break
    np.testing.assert_allclose(weights.detach().numpy(), wanted, atol=1e-5)


@pytest.mark.slow
def test_a_linear_rnn_with_all_weights_free_learns_the_same_recursion() -> None:
    torch.manual_seed(0)
    series = simulated(0, 4_000, mean=0.0)
    x = torch.tensor(series)[None, :, None]
    network = LinearRecurrence(1, 1, states=2).double()
    optimizer = torch.optim.LBFGS(
        network.parameters(), max_iter=200, tolerance_grad=1e-9, line_search_fn="strong_wolfe"
    )

    def cost() -> Any:
        optimizer.zero_grad()
        error = (x[:, 3:] - network(x[:, :-1])[0][:, 2:]).square().mean()
        error.backward()
        return error

    optimizer.step(cost)
    (form,) = network.filters()
    taps = [
        form.D[0, 0],
        *((form.C @ np.linalg.matrix_power(form.A, k) @ form.B)[0, 0] for k in range(3)),
    ]
    # Free, it is an ARMA(2, 2) that has to learn that its second half is nothing.
    closed = ar(series, 2, has_mean=False).model.phi
    np.testing.assert_allclose(taps, [*closed, 0, 0], atol=3 / np.sqrt(len(series)))


def test_what_cannot_be_regressed_is_said_in_a_sentence() -> None:
    with pytest.raises(InputError, match="constant"):
        ar(np.ones(50), 2)
    with pytest.raises(InputError, match="lower order"):
        ar(np.arange(6.0), 4)
