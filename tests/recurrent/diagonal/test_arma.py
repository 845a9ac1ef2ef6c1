"""The ARMA recurrence: its models, its stability, and what gradient descent makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from statsmodels.tsa.ar_model import AutoReg
from statsmodels.tsa.innovations.arma_innovations import arma_innovations

from rnnmusic.errors import UsageError
from rnnmusic.filters.time_series.parameters import coefficients
from rnnmusic.flavours.rows.diagonal import by_gradient
from rnnmusic.recurrent.diagonal import Arma


def drawn(seed: int, p: int, q: int, size: int = 3, **options: Any) -> Arma:
    torch.manual_seed(seed)
    return Arma(size, size, p=p, q=q, **options).double()


orders = st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(any)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), orders=orders)
def test_coefficients_are_those_of_the_partial_autocorrelations(
    seed: int, orders: tuple[int, int]
) -> None:
    layer = drawn(seed, *orders, max_radius=1.0)
    phi, theta = (part.detach().numpy() for part in layer.coefficients())
    for k in range(3):
        wanted, _ = coefficients(layer.autoregressive[k].detach().numpy())
        np.testing.assert_allclose(phi[k, : orders[0]], wanted, rtol=1e-4, atol=1e-5)
        # 1 + theta z^-1 ... has the same recursion with k = -r.
        wanted, _ = coefficients(-layer.moving_average[k].detach().numpy())
        np.testing.assert_allclose(theta[k, : orders[1]], -wanted, rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    orders=orders,
    scale=st.sampled_from([1.0, 30.0, 1e6]),
    radius=st.sampled_from([0.7, 0.99, 0.9999]),
)
def test_models_stay_stationary_and_invertible(
    seed: int, orders: tuple[int, int], scale: float, radius: float
) -> None:
    layer = drawn(seed, *orders, max_radius=radius)
    with torch.no_grad():
        layer.autoregressive.mul_(scale)
        layer.moving_average.mul_(scale)
        phi, theta = (part.double().numpy() for part in layer.coefficients())
    # Roots that meet at the edge are as ill-conditioned as the order is high.
    slack = 1e-3 if max(orders) > 1 and scale > 1 else 1e-9
    for k in range(3):
        for polynomial in (np.append(1.0, -phi[k]), np.append(1.0, theta[k])):
            assert np.abs(np.roots(polynomial)).max(initial=0.0) <= radius + slack
    assert np.isfinite(layer.poles()).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), orders=orders)
def test_what_is_left_of_a_model_of_its_own_is_its_noise(
    seed: int, orders: tuple[int, int]
) -> None:
    """Series made by scipy of the layer's models: one step later its error is what went in."""
    layer = drawn(seed, *orders)
    with torch.no_grad():
        layer.input_weight.copy_(torch.eye(3))
        phi, theta = (part.numpy() for part in layer.coefficients())
        noise = np.random.default_rng(seed).standard_normal((60, 3))
        series = np.stack(
            [
                lfilter(np.append(1.0, theta[k]), np.append(1.0, -phi[k]), noise[:, k])
                for k in range(3)
            ],
            1,
        )
        y, _ = layer(torch.from_numpy(series)[None])
    expected = np.concatenate([np.zeros((1, 3)), y[0, :-1].numpy()])
    scale = max(1.0, np.abs(series).max())
    np.testing.assert_allclose(series - expected, noise, atol=1e-9 * scale)


def test_its_filters_are_what_it_runs() -> None:
    layer = drawn(0, 3, 2)
    x = torch.randn(1, 50, 3, dtype=torch.float64)
    with torch.no_grad():
        y, _ = layer(x)
        u = (x[0] @ layer.input_weight.T).numpy()
    for k, form in enumerate(layer.filters()):
        np.testing.assert_allclose(y[0, :, k], lfilter(form.b, form.a, u[:, k]), atol=1e-10)
    np.testing.assert_allclose(
        np.sort_complex(layer.poles()),
        np.sort_complex(np.concatenate([form.poles() for form in layer.filters()])),
    )


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_gradient_descent_comes_to_least_squares(order: int) -> None:
    """Against statsmodels, on a series that no model of its order fits."""
    noise = np.random.default_rng(order).standard_normal(250)
    series = 5 + lfilter([1.0, 0.4], [1.0, -1.2, 0.7], noise)
    wanted = AutoReg(series, order, trend="c").fit().params[1:]
    np.testing.assert_allclose(by_gradient(series, order), wanted, atol=1e-6)


def test_it_learns_what_a_filter_without_memory_cannot() -> None:
    """An ARMA(2, 1) by Adam, from random coefficients: the error comes down to its noise."""
    noise = np.random.default_rng(0).standard_normal(2000)
    series = torch.from_numpy(lfilter([1.0, 0.6], [1.0, -1.5, 0.8], noise)).view(1, -1, 1)
    torch.manual_seed(0)
    layer = Arma(1, 1, p=2, q=1).double()
    with torch.no_grad():
        layer.input_weight.fill_(1.0)
    trained = [layer.autoregressive, layer.moving_average]
    optimizer = torch.optim.Adam(trained, lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        y, _ = layer(series)
        loss = (y[:, :-1] - series[:, 1:]).square().mean()
        loss.backward()
        optimizer.step()
    now, after = series[0, :-1, 0].numpy(), series[0, 1:, 0].numpy()
    memoryless = np.mean((after - now * (now @ after) / (now @ now)) ** 2)
    assert loss.item() < 1.02 * np.mean(noise**2)
    assert memoryless > 1.5 * np.mean(noise**2)
    (phi, theta) = (part.detach().numpy()[0] for part in layer.coefficients())
    np.testing.assert_allclose(phi, [1.5, -0.8], atol=0.05)
    np.testing.assert_allclose(theta[0], 0.6, atol=0.05)


def test_errors_are_the_innovations_of_statsmodels_once_the_start_is_forgotten() -> None:
    layer = drawn(4, 2, 2, size=1)
    with torch.no_grad():
        layer.input_weight.fill_(1.0)
        phi, theta = (part.numpy()[0] for part in layer.coefficients())
        series = np.random.default_rng(0).standard_normal(400)
        y, _ = layer(torch.from_numpy(series).view(1, -1, 1))
    theirs, _ = arma_innovations(series, ar_params=phi, ma_params=theta)
    np.testing.assert_allclose(series[300:] - y[0, 299:-1, 0].numpy(), theirs[300:], atol=1e-5)


@pytest.mark.parametrize("options", [{"p": 0, "q": 0}, {"p": -1, "q": 2}, {"max_radius": 0.0}])
def test_mistakes_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Arma(2, 3, **options)
