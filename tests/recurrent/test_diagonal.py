"""The diagonal state space: its poles, its discretisations, its time steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.filters.forms import StateSpace, convert
from rnnmusic.filters.functional.scan import diagonal_scan
from rnnmusic.recurrent import DiagonalSsm, build
from rnnmusic.recurrent.protocol import Recurrent

KINDS = ["lru", "zoh", "bilinear"]


def scrambled(seed: int = 0, **options: Any) -> DiagonalSsm:
    """A layer in double precision, whose every parameter is random."""
    torch.manual_seed(seed)
    layer = DiagonalSsm(2, 3, modes=4, learned_initial_state=True, **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


@pytest.mark.parametrize("radius", [0.5, 0.9999, 1.0])
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e20])
def test_poles_stay_inside_whatever_the_parameters(radius: float, scale: float) -> None:
    """100,000 draws of the float32 numbers that run, measured in double precision."""
    layer = DiagonalSsm(1, 1, modes=100_000, max_radius=radius)
    torch.manual_seed(0)
    with torch.no_grad():
        layer.decay.normal_(std=scale)
        layer.phase.normal_(std=min(scale, 1e6))
    assert np.abs(layer.poles()).max() < radius
    assert np.isfinite(layer.poles()).all()


@pytest.mark.parametrize("discretization", KINDS)
def test_the_optimiser_cannot_leave(discretization: Any) -> None:
    """Gradient steps that reward nothing but a louder output."""
    torch.manual_seed(0)
    layer = DiagonalSsm(1, 1, modes=4, discretization=discretization, max_radius=0.99)
    optimiser = torch.optim.SGD(layer.parameters(), lr=100.0)
    for _ in range(50):
        optimiser.zero_grad()
        y, _ = layer(torch.ones(1, 30, 1))
        (-(y.square().mean() + 1).log()).backward()
        optimiser.step()
        assert np.isfinite(layer.poles()).all()
        assert np.abs(layer.poles()).max() < 0.99


@pytest.mark.parametrize("discretization", KINDS)
def test_its_form_is_the_filter_that_it_runs(discretization: Any) -> None:
    layer = scrambled(discretization=discretization)
    (diagonal,) = layer.filters()
    form = convert(diagonal, StateSpace)
    x = torch.randn(50, 2, dtype=torch.float64)
    state, expected = np.zeros(8), []
    for sample in x.numpy():
        expected.append(form.C @ state + form.D @ sample)
        state = form.A @ state + form.B @ sample
    zeros = torch.zeros(1, 4, 2, dtype=torch.float64)
    y, _ = layer(x[None], type(layer.initial_state(1))(zeros))
    np.testing.assert_allclose(y[0].detach(), expected, atol=1e-12)
    np.testing.assert_allclose(np.sort_complex(layer.poles()), np.sort_complex(diagonal.poles()))


@given(data=st.data(), discretization=st.sampled_from(KINDS))
@settings(max_examples=30, deadline=None)
def test_time_steps_resets_and_lengths_equal_the_plain_loop(
    data: st.DataObject, discretization: Any
) -> None:
    layer = scrambled(data.draw(st.integers(0, 99)), discretization=discretization)
    batch, time = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 9))
    x, dt = torch.randn(batch, time, 2).double(), 3 * torch.rand(batch, time).double()
    reset = torch.rand(batch, time) < 0.2 if data.draw(st.booleans()) else None
    lengths = torch.randint(0, time + 1, (batch,)) if data.draw(st.booleans()) else None
    with torch.no_grad():
        y, end = layer(x, None, dt, reset, lengths)
        expected, expected_end = Recurrent.forward(layer, x, None, dt, reset, lengths)
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(end.h, expected_end.h, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("discretization", KINDS)
def test_unit_time_steps_are_no_time_steps(discretization: Any) -> None:
    layer = scrambled(discretization=discretization)
    x = torch.randn(2, 7, 2, dtype=torch.float64)
    y, _ = layer(x)
    torch.testing.assert_close(layer(x, dt=torch.ones(2, 7))[0], y)
    stepped, _ = layer.step(x[:, 0], layer.initial_state(2), torch.ones(2))
    torch.testing.assert_close(stepped, y[:, 0])


def test_zero_order_hold_is_the_exact_answer_to_a_held_input() -> None:
    """Against the matrix exponential of the continuous system with its input as a state."""
    layer = scrambled(discretization="zoh")
    p = layer.poles()[:4]
    for dt in (0.1, 1.0, 2.7):
        multiplier, gain = layer._coefficients(torch.tensor(dt, dtype=torch.float64))
        for k, pole in enumerate(p):
            # log p has the parameters' phase, whatever its number of turns.
            rate = np.log(np.abs(pole)) + 1j * layer.phase[k].item()
            exact = expm(dt * np.array([[rate, 1], [0, 0]]))
            np.testing.assert_allclose(multiplier[k].item(), exact[0, 0], rtol=1e-9)
            np.testing.assert_allclose(gain[k].item(), exact[0, 1], rtol=1e-9)


def test_the_bilinear_rule_maps_s_as_tustin_says() -> None:
    layer = scrambled(discretization="bilinear")
    p1 = layer.poles()[:4]
    s = 2 * (p1 - 1) / (p1 + 1)
    for dt in (0.1, 1.0, 2.7):
        multiplier, gain = layer._coefficients(torch.tensor(dt, dtype=torch.float64))
        exact = (1 + s * dt / 2) / (1 - s * dt / 2)
        np.testing.assert_allclose(multiplier.detach(), exact, rtol=1e-9)
        np.testing.assert_allclose(gain.detach(), dt / (1 - s * dt / 2), rtol=1e-9)


def test_two_half_steps_of_a_held_input_are_one_whole() -> None:
    layer = scrambled(discretization="zoh")
    x = torch.randn(1, 1, 2, dtype=torch.float64)
    _, once = layer(x, dt=torch.ones(1, 1))
    _, twice = layer(x.expand(1, 2, 2), dt=torch.full((1, 2), 0.5))
    torch.testing.assert_close(twice.h, once.h)


def test_the_lru_normaliser_gives_states_the_variance_of_the_input() -> None:
    torch.manual_seed(0)
    layer = DiagonalSsm(1, 1, modes=50, ring=(0.9, 0.99)).double()
    with torch.no_grad():
        layer.input_weight.copy_(torch.tensor([[1.0], [0.0]]))
        p, u = layer.lift(torch.randn(20_000, 1, dtype=torch.float64), None)
        h = diagonal_scan(u, p)
    variance = h[1_000:].abs().square().mean(0)
    assert (variance - 1).abs().max() < 0.35
    assert (variance.mean() - 1).abs() < 0.1


def test_starts_are_where_they_are_said_to_be() -> None:
    torch.manual_seed(0)
    ring = np.abs(DiagonalSsm(1, 1, modes=5_000, ring=(0.6, 0.9)).poles())
    assert ring.min() + 1e-6 >= 0.6
    assert ring.max() <= 0.9 + 1e-6
    np.testing.assert_allclose((ring**2).mean(), (0.36 + 0.81) / 2, rtol=0.02)  # even in area
    poles = DiagonalSsm(1, 1, modes=8, start="s4d-lin").poles()[:8]
    np.testing.assert_allclose(np.angle(poles), np.pi * np.arange(8) / 8, atol=1e-6)
    np.testing.assert_allclose(np.abs(poles), np.exp(-1 / 16), rtol=1e-5)


def test_outputs_are_of_the_order_of_the_inputs() -> None:
    torch.manual_seed(0)
    layer = DiagonalSsm(64, 128)
    y, _ = layer(torch.randn(4, 300, 64))
    assert 0.3 < y.std() < 3


def test_coefficients_are_kept_while_playing() -> None:
    layer = DiagonalSsm(2, 3)
    calls = []
    found = layer._coefficients
    layer._coefficients = lambda *dt: (calls.append(1), found(*dt))[1]  # type: ignore[method-assign, func-returns-value]
    x, state = torch.zeros(1, 2), layer.initial_state(1)
    with torch.no_grad():
        for _ in range(3):
            _, state = layer.step(x, state)
        assert len(calls) == 1
        layer.decay.add_(1)
        layer.step(x, state)
    assert len(calls) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"modes": 0},
        {"discretization": "euler"},
        {"start": "zero"},
        {"ring": (0.9, 0.5)},
        {"ring": (0.5, 1.0)},
        {"max_radius": 2.0},
        {"time_step": (0.0, 1.0)},
        {"feedthrough": "none"},
        {"feedthrough": "diagonal"},
    ],
)
def test_mistakes_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        build("ssm", 2, 3, **options)


def test_gradients_reach_every_parameter_through_time_steps() -> None:
    for discretization in KINDS:
        layer = scrambled(discretization=discretization)
        dt = torch.rand(2, 4, dtype=torch.float64)

        def run(x: Tensor, dt: Tensor, *weights: Tensor, layer: Any = layer) -> Any:
            given = dict(zip(dict(layer.named_parameters()), weights, strict=True))
            y, end = torch.func.functional_call(layer, given, (x, None, dt))
            return y, end.h

        x = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
        weights = tuple(layer.parameters())
        assert torch.autograd.gradcheck(run, (x, dt.requires_grad_(), *weights), fast_mode=True)
