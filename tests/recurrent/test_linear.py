"""The dense linear recurrence: where its poles are, and that it is the filter it says it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import LinearRecurrence, build
from rnnmusic.recurrent import linear as module


def scrambled(layer: LinearRecurrence, scale: float, seed: int) -> LinearRecurrence:
    """The layer with every parameter at random, as if an optimiser had run away."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=scale)
    return layer


@given(
    seed=st.integers(0, 9_999),
    states=st.sampled_from([1, 2, 5, 33]),
    scale=st.sampled_from([1e-3, 1.0, 1e3, 1e9]),
    orthogonal=st.booleans(),
    radius=st.sampled_from([0.5, 0.999, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_poles_stay_inside_whatever_the_parameters(
    seed: int, states: int, scale: float, orthogonal: bool, radius: float
) -> None:
    """Of the float32 matrix that runs, measured in double precision."""
    layer = LinearRecurrence(2, 3, states=states, orthogonal=orthogonal, max_radius=radius)
    scrambled(layer, scale, seed)
    matrix = layer.matrix().detach()
    assert matrix.dtype == torch.float32
    assert np.linalg.norm(matrix.double().numpy(), 2) < radius
    assert np.abs(layer.poles()).max() < radius
    if orthogonal:
        deviation = matrix.double() @ matrix.double().T / radius**2 - torch.eye(states)
        assert deviation.abs().max() < 4e-6


def test_many_draws_of_small_matrices_are_all_stable() -> None:
    layer = LinearRecurrence(1, 1, states=2, max_radius=1.0)
    generator = torch.Generator().manual_seed(0)
    free = torch.randn(100_000, 2, 2, generator=generator) * 10 ** (
        8 * torch.rand(100_000, 1, 1, generator=generator) - 4
    )
    one = torch.eye(2, dtype=torch.float64).expand(len(free), 2, 2)
    q, r = torch.linalg.qr(torch.cat([free.double(), one], 1))
    matrices = layer._limit * q[:, :2] * r.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)
    assert torch.linalg.matrix_norm(matrices.float().double(), 2).max() < 1.0
    with torch.no_grad():  # and that is what the layer does
        layer.recurrent_weight.copy_(free[7])
    torch.testing.assert_close(layer.matrix().detach(), matrices[7].float())


@pytest.mark.parametrize("orthogonal", [False, True])
def test_the_optimiser_cannot_leave(orthogonal: bool) -> None:
    """Gradient steps that reward nothing but a louder output."""
    torch.manual_seed(0)
    layer = LinearRecurrence(1, 1, states=4, orthogonal=orthogonal, max_radius=0.99)
    optimiser = torch.optim.SGD(layer.parameters(), lr=100.0)
    for _ in range(50):
        optimiser.zero_grad()
        y, _ = layer(torch.ones(1, 30, 1))
        (-(y.square().mean() + 1).log()).backward()
        optimiser.step()
        assert np.abs(layer.poles()).max() < 0.99


@pytest.mark.parametrize("orthogonal", [False, True])
def test_its_form_is_the_filter_that_it_runs(orthogonal: bool) -> None:
    layer = scrambled(LinearRecurrence(2, 3, states=4, orthogonal=orthogonal).double(), 1.0, 3)
    (form,) = layer.filters()
    x = torch.randn(50, 2, dtype=torch.float64)
    state, expected = np.zeros(4), []
    for sample in x.numpy():
        expected.append(form.C @ state + form.D @ sample)
        state = form.A @ state + form.B @ sample
    np.testing.assert_allclose(layer(x[None])[0][0].detach(), expected, atol=1e-12)
    np.testing.assert_allclose(np.sort(np.abs(layer.poles())), np.sort(np.abs(form.poles())))


@given(time=st.integers(1, 120), batch=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_two_passes_over_chunks_equal_one(time: int, batch: int, seed: int) -> None:
    torch.manual_seed(seed)
    u = torch.randn(batch, time, 3, dtype=torch.float64)
    a = torch.randn(3, 3, dtype=torch.float64) / 3
    h = torch.randn(batch, 3, dtype=torch.float64)
    plain = torch.stack(module._loop(u.unbind(1), a, h), 1)
    torch.testing.assert_close(module.linear_states(u, a, h), plain)


def test_the_matrix_is_kept_while_playing_and_found_again_after_a_change() -> None:
    layer = LinearRecurrence(2, 3, orthogonal=True)
    with torch.no_grad():
        kept = layer.matrix()
        assert layer.matrix() is kept
        layer.recurrent_weight.mul_(2)
        changed = layer.matrix()
        assert not torch.equal(changed, kept)
    assert layer.matrix().requires_grad
    with torch.no_grad():
        layer.load_state_dict(LinearRecurrence(2, 3, orthogonal=True).state_dict())
        assert not torch.equal(layer.matrix(), changed)
    with torch.inference_mode():
        x = torch.zeros(1, 2)
        assert layer.step(x, layer.initial_state(1))[0].shape == (1, 3)
    assert layer.double().matrix().dtype == torch.float64


def test_a_large_layer_is_stable_from_the_start() -> None:
    layer = LinearRecurrence(64, 64, states=256)
    assert 0.8 < np.abs(layer.poles()).max() < 0.96
    y, _ = layer(torch.randn(2, 200, 64))
    assert 0.1 < y.std() < 10


@pytest.mark.parametrize(
    "options",
    [{"states": 0}, {"max_radius": 0.0}, {"max_radius": 1.1}, {"max_radius": float("nan")}],
)
def test_mistakes_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        build("linear", 2, 3, **options)
    with pytest.raises(UsageError):
        LinearRecurrence(0, 3)
