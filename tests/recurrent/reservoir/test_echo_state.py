"""Echo state networks: what they promise of their weights, and that they remember."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.learning.readouts import ridge
from rnnmusic.recurrent.reservoir import EchoStateNetwork
from rnnmusic.recurrent.reservoir.sparse_scan import SparseWeight


@given(
    size=st.integers(1, 40),
    leak=st.floats(0.05, 1.0),
    above=st.floats(0.05, 1.0),
    connectivity=st.floats(0.01, 1.0),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_the_spectral_radius_is_that_of_the_leaky_map(
    size: int, leak: float, above: float, connectivity: float, seed: int
) -> None:
    torch.manual_seed(seed)
    radius = 1.0 - leak + above * leak
    net = EchoStateNetwork(
        1, size, spectral_radius=radius, leak=leak, connectivity=connectivity, bias_scale=0.0
    )
    # By the derivative of the step itself, at rest.
    jacobian = torch.autograd.functional.jacobian(
        lambda h: net.double().step(
            torch.zeros(1, 1).double(), net.initial_state(1)._replace(h=h[None])
        )[0][0],
        torch.zeros(size, dtype=torch.float64),
    )
    assert np.abs(np.linalg.eigvals(jacobian.numpy())).max() == pytest.approx(radius, rel=1e-5)


def test_as_many_units_are_heard_as_asked_for() -> None:
    net = EchoStateNetwork(3, 50, connectivity=0.06)
    assert ((net.recurrent_weight != 0).sum(1) == 3).all()
    assert not list(net.parameters())
    assert {"recurrent_weight", "input_weight", "bias"} <= set(net.state_dict())


@given(seed=st.integers(0, 999), rows=st.integers(1, 9), columns=st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_sparse_weights_are_the_dense_ones(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < 0.4)
    sparse = SparseWeight.of(dense)
    again = np.zeros_like(dense)
    for value, column in zip(sparse.value, sparse.column, strict=True):
        again[np.arange(rows), column] += value
    assert np.array_equal(again, dense)


def test_new_weights_are_used_at_once() -> None:
    torch.manual_seed(0)
    one, other = EchoStateNetwork(2, 20), EchoStateNetwork(2, 20)
    x = torch.randn(1, 30, 2)
    with torch.no_grad():
        expected = other(x)[0]
        assert not torch.allclose(one(x)[0], expected)
        one.load_state_dict(other.state_dict())
        assert torch.equal(one(x)[0], expected)


def test_noise_is_for_training_only() -> None:
    torch.manual_seed(0)
    net, x = EchoStateNetwork(2, 20, state_noise=0.1), torch.randn(1, 30, 2)
    with torch.no_grad():
        quiet = net.eval()(x)[0]
        assert torch.equal(net(x)[0], quiet)
        noisy = net.train()(x)[0]
        stepped = net.step(x[:, 0], net.initial_state(1))[0]
        torch.testing.assert_close(stepped, quiet[:, 0], atol=1e-6, rtol=0)
    assert 0.02 < float((noisy - quiet).std()) < 0.2


def test_gradients_reach_the_inputs() -> None:
    torch.manual_seed(0)
    net, x = EchoStateNetwork(2, 20), torch.randn(2, 10, 2, requires_grad=True)
    with torch.no_grad():
        fast = net(x)[0]
    torch.testing.assert_close(net(x)[0], fast, atol=1e-5, rtol=0)
    net(x)[0][:, -1].sum().backward()
    assert x.grad is not None
    assert x.grad[:, 0].any()


@pytest.mark.parametrize(
    "options",
    [
        {"leak": 0.0},
        {"connectivity": 0.0},
        {"leak": 0.2, "spectral_radius": 0.7},
        {"input_scale": -1.0},
        {"learned_initial_state": 2.0},
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        EchoStateNetwork(1, 10, **options)  # type: ignore[arg-type]


def test_it_remembers_what_a_memoryless_twin_cannot() -> None:
    """The product of the last two inputs, which the input alone says nothing about."""
    torch.manual_seed(0)
    net = EchoStateNetwork(1, 100, leak=1.0).double()
    u = np.random.default_rng(0).uniform(-1, 1, 1200)
    wanted = (u * np.roll(u, 1))[:, None]
    with torch.no_grad():
        states = net(torch.tensor(u)[None, :, None])[0][0].numpy()
        forgetful = net.step(torch.tensor(u)[:, None], net.initial_state(len(u)))[0].numpy()

    def error(h: np.ndarray) -> float:
        readout = ridge(h[:900], wanted[:900], washout=100)
        return float(np.std(readout(h[900:]) - wanted[900:]) / np.std(wanted[900:]))

    assert error(states) < 0.5
    assert error(forgetful) > 0.9
