"""The local filter of a layer against finite differences and a system that is linear."""

import numpy as np
import pytest
import torch

from rnnmusic.filters.forms import StateSpace
from rnnmusic.inspection import linearise, measure
from rnnmusic.inspection.gain import gain_db
from rnnmusic.inspection.trajectory import Trajectory, _follow
from rnnmusic.recurrent import RECURRENT, tree_map


def trajectory_of(name: str, size: int = 5, steps: int = 12) -> Trajectory:
    torch.manual_seed(3)
    layer = RECURRENT[name].make(4, size).double()
    with torch.no_grad():
        return _follow(layer, torch.randn(steps, 4, dtype=torch.float64))[0]


def moved(trajectory: Trajectory, step: int, dx: torch.Tensor, ds: torch.Tensor):
    """Outputs and next state, flattened, after a move of the input and the state."""
    at = 0

    def shifted(leaf: torch.Tensor) -> torch.Tensor:
        nonlocal at
        part = ds[at : at + leaf[0].numel()]
        at += leaf[0].numel()
        return leaf[step : step + 1] + part.view(1, *leaf.shape[1:])

    state = tree_map(shifted, trajectory.states)
    with torch.no_grad():
        y, after = trajectory.layer.step(trajectory.inputs[step : step + 1] + dx, state)
    leaves = []
    tree_map(lambda leaf: leaves.append(leaf.flatten()), after)
    return y[0].numpy(), torch.cat(leaves).numpy()


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_the_local_filter_is_the_derivative(name):
    trajectory = trajectory_of(name)
    moment = linearise(trajectory, np.array([7]))[0]
    form = moment.form
    assert moment.step == 7
    assert form.order == (10 if name == "lstm" else 5)
    rng = np.random.default_rng(0)
    dx, ds = rng.normal(size=4), rng.normal(size=form.order)
    small = 1e-6
    plus = moved(trajectory, 7, torch.tensor(small * dx), torch.tensor(small * ds))
    minus = moved(trajectory, 7, torch.tensor(-small * dx), torch.tensor(-small * ds))
    dy, after = ((p - m) / (2 * small) for p, m in zip(plus, minus, strict=True))
    np.testing.assert_allclose(form.C @ ds + form.D @ dx, dy, atol=1e-8)
    np.testing.assert_allclose(form.A @ ds + form.B @ dx, after, atol=1e-8)


def test_weights_stay_trainable():
    trajectory = trajectory_of("gru")
    linearise(trajectory, np.array([0, 3]))
    assert all(parameter.requires_grad for parameter in trajectory.layer.parameters())


@pytest.mark.parametrize("is_defective", [False, True])
def test_gain_is_the_root_mean_square_of_the_response(is_defective):
    rng = np.random.default_rng(1)
    a = 0.4 * rng.normal(size=(6, 6)) / np.sqrt(6)
    if is_defective:
        a = 0.5 * np.eye(6) + np.eye(6, k=1)
    form = StateSpace(a, rng.normal(size=(6, 3)), rng.normal(size=(2, 6)), rng.normal(size=(2, 3)))
    omega = np.linspace(0, np.pi, 9)
    power = np.square(np.abs(form.response(omega))).sum(axis=(1, 2)) / 3
    np.testing.assert_allclose(gain_db(form, omega), 10 * np.log10(power), atol=1e-9)


def test_memory_of_a_linear_recurrence_is_the_power_of_its_matrix():
    torch.manual_seed(0)
    trajectory = trajectory_of("rnn", size=40, steps=30)
    layer = trajectory.layer
    with torch.no_grad():  # tanh of little is linear: 0.9 of the state is left after each step
        layer.weight_hh.copy_(0.9 * torch.eye(40, dtype=torch.float64))
        layer.weight_ih.zero_()
        layer.bias_ih.zero_()
        layer.bias_hh.zero_()
        still = _follow(layer, trajectory.inputs)[0]
    memory = measure(still, horizon=20)
    np.testing.assert_allclose(memory.decay, 0.9 ** np.arange(21), rtol=1e-9)
    assert memory.steps == 10  # 0.9 ** 10 is the first below 1 / e


def test_memory_that_does_not_fade_has_no_length():
    trajectory = trajectory_of("rnn", size=8, steps=20)
    with torch.no_grad():
        trajectory.layer.weight_hh.copy_(torch.eye(8))
        trajectory.layer.weight_ih.zero_()
        still = _follow(trajectory.layer, trajectory.inputs)[0]
    assert measure(still, horizon=100).steps is None
    assert len(measure(still, horizon=100).decay) == 20  # as far as the piece goes
