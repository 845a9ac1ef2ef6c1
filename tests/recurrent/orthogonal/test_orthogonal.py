"""Rotations stay rotations, and carry what is far away."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, fit, model_for
from rnnmusic.recurrent import build
from rnnmusic.recurrent.orthogonal import LosslessNetwork, OrthogonalRnn
from rnnmusic.recurrent.orthogonal.maps import SHARE, Map, OrthogonalMatrix
from rnnmusic.tasks import CopyMemory

MAPS: list[Map] = ["cayley", "householder", "rotations"]


@given(
    how=st.sampled_from(MAPS),
    size=st.integers(1, 12),
    scale=st.floats(0.01, 100.0),
    seed=st.integers(0, 999),
)
def test_any_parameters_make_an_orthogonal_matrix(
    how: Map, size: int, scale: float, seed: int
) -> None:
    torch.manual_seed(seed)
    made = OrthogonalMatrix(size, how)
    with torch.no_grad():
        made.free.normal_(std=scale)
        q = made()
    assert torch.allclose(q.T @ q, torch.eye(size, dtype=q.dtype), atol=1e-9)


@pytest.mark.parametrize("how", ["householder", "rotations"])
def test_depth_says_how_many_parameters(how: Map) -> None:
    made = OrthogonalMatrix(8, how, 3)
    assert made.free.numel() == (8 * 3 if how == "householder" else 4 * 3)
    q = made()
    assert torch.allclose(q.T @ q, torch.eye(8, dtype=q.dtype), atol=1e-12)
    if how == "householder":
        # Three reflections leave five directions alone.
        assert np.linalg.matrix_rank((q - torch.eye(8)).detach().numpy(), tol=1e-9) == 3


def test_a_householder_product_is_that_of_its_reflections() -> None:
    made = OrthogonalMatrix(5, "householder", 2)
    vectors = SHARE * made.free.detach().double().tril(-1)
    vectors[0, 0] = vectors[1, 1] = 1.0
    expected = torch.eye(5, dtype=torch.float64)
    for v in vectors.T:
        expected = expected @ (torch.eye(5) - 2 * torch.outer(v, v) / v.dot(v))
    assert torch.allclose(made(), expected, atol=1e-12)


@pytest.mark.parametrize("how", MAPS)
def test_it_is_still_orthogonal_after_training(how: Map) -> None:
    task = CopyMemory(10, symbols=2, remembered=2)
    layer = OrthogonalRnn(4, 24, map=how)
    fit(model_for(task, layer), task, FitConfig(updates=30, learning_rate=0.05))
    with torch.no_grad():
        q = layer.matrix().double()
    assert (q.T @ q - torch.eye(24)).abs().max() <= 1e-6


@pytest.mark.parametrize("how", MAPS)
def test_gradients_reach_far_back_without_growing(how: Map) -> None:
    torch.manual_seed(0)
    layer = OrthogonalRnn(3, 16, map=how)
    x = torch.randn(1, 400, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x)[0][0, -1, 0], x)
    sizes = gradient[0].norm(dim=1)
    # Of a unit gradient, seen through W: neither vanished nor exploded 400 steps earlier.
    assert sizes[0] > 0.01
    assert sizes.max() < 10 * layer.input_weight.norm()


def test_the_written_out_backward_is_the_loops() -> None:
    torch.manual_seed(0)
    layer = OrthogonalRnn(3, 6).double()
    with torch.no_grad():
        layer.bias.uniform_(-0.4, 0.4)
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    gradients = []
    for run in (layer.forward, lambda x: super(OrthogonalRnn, layer).forward(x)):
        layer.zero_grad()
        run(x)[0].square().sum().backward()
        gradients.append([p.grad.clone() for p in layer.parameters() if p.grad is not None])
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-10)


@pytest.mark.parametrize("how", MAPS)
def test_the_lossless_network_keeps_the_energy(how: Map) -> None:
    torch.manual_seed(1)
    layer = LosslessNetwork(3, 4, states=6, map=how, max_radius=1.0).double()
    x, silence = torch.randn(2, 20, 3).double(), torch.zeros(2, 4000, 3).double()
    with torch.no_grad():
        y, state = layer(torch.cat([x, silence], 1))
        went_in = (x @ layer.input_weight.T).square().sum((1, 2))
    came_out = y.square().sum((1, 2)) + state.h.square().sum(1)
    # The margin that float32 needs takes a millionth a step from the state.
    assert torch.allclose(came_out, went_in, rtol=1e-2)
    assert came_out.le(went_in).all()
    assert np.abs(layer.poles()).max() < 1


def test_the_lossless_network_is_the_filter_it_says() -> None:
    torch.manual_seed(1)
    layer = LosslessNetwork(1, 1, states=5).double()
    x = torch.randn(1, 200, 1).double()
    (form,) = layer.filters()
    _, expected, _ = signal.dlsim((form.A, form.B, form.C, form.D, 1), x[0].numpy())
    with torch.no_grad():
        assert np.allclose(layer(x)[0][0].numpy(), expected, atol=1e-10)


def test_it_remembers_what_a_memoryless_twin_cannot() -> None:
    task = CopyMemory(40, symbols=4, remembered=3)
    torch.manual_seed(0)
    model = model_for(task, build("orthogonal", task.input_size, 64))
    found = fit(model, task, FitConfig(updates=300, learning_rate=3e-3))
    assert found.score < 0.5 * task.memoryless


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="map is 'qr'"):
        build("orthogonal", 3, 4, map="qr")
    with pytest.raises(UsageError, match="depth is 9"):
        build("orthogonal", 3, 4, map="householder", depth=9)
    with pytest.raises(UsageError, match="none with cayley"):
        build("orthogonal", 3, 4, depth=2)
    with pytest.raises(UsageError, match="states is 0"):
        build("lossless", 3, 4, states=0)
