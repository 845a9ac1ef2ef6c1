"""Time is time: halving a step changes little, and the equations are solved as they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, fit, model_for
from rnnmusic.recurrent import build
from rnnmusic.recurrent.continuous import ContinuousState, Ctrnn, GruOde, OdeRnn
from rnnmusic.recurrent.continuous.layer import ContinuousLayer
from rnnmusic.tasks import Parity


def made(kind: Any, **options: Any) -> ContinuousLayer:
    torch.manual_seed(0)
    layer: ContinuousLayer = kind(3, 6, **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return layer


@pytest.mark.parametrize(
    ("kind", "options"), [(Ctrnn, {"parts": 4}), (GruOde, {"parts": 2}), (GruOde, {"parts": 8})]
)
def test_two_half_steps_are_one(kind: Any, options: dict[str, Any]) -> None:
    layer = made(kind, **options)
    x, state = torch.randn(4, 3).double(), ContinuousState(torch.randn(4, 6).double())
    with torch.no_grad():
        whole, _ = layer.step(x, state, 1.0)
        _, middle = layer.step(x, state, 0.5)
        halves, _ = layer.step(x, middle, 0.5)
    assert (whole - halves).abs().max() < 0.01 * whole.abs().max()


def test_the_ode_between_steps_does_not_depend_on_how_it_is_cut() -> None:
    rough, fine = made(OdeRnn, parts=2), made(OdeRnn, parts=16)
    fine.load_state_dict(rough.state_dict())
    x, dt = torch.randn(2, 10, 3).double(), 0.2 + torch.rand(2, 10).double()
    with torch.no_grad():
        one, other = rough(x, None, dt)[0], fine(x, None, dt)[0]
    assert (one - other).abs().max() < 0.01 * other.abs().max()


@pytest.mark.parametrize("kind", [Ctrnn, GruOde])
def test_fine_steps_solve_the_equation_of_the_docstring(kind: Any) -> None:
    layer = made(kind, parts=400)
    x, start = torch.randn(1, 3).double(), torch.randn(1, 6).double()

    def slope(_: float, h: Any) -> Any:
        h = torch.from_numpy(h).unsqueeze(0)
        with torch.no_grad():
            if isinstance(layer, Ctrnn):
                sent = torch.sigmoid(h + layer.threshold) @ layer.recurrent_weight.T
                change = (-h + sent + x @ layer.input_weight.T) / layer.tau
            else:
                x_r, x_z, x_n = layer.from_input(x).chunk(3, 1)
                h_r, h_z = layer.gates(h).chunk(2, 1)
                n = torch.tanh(x_n + layer.candidate(torch.sigmoid(x_r + h_r) * h))
                change = (1 - torch.sigmoid(x_z + h_z)) * (n - h)
        return change[0].numpy()

    exact = solve_ivp(slope, (0, 1.5), start[0].numpy(), rtol=1e-10, atol=1e-12).y[:, -1]
    with torch.no_grad():
        _, after = layer.step(x, ContinuousState(start), 1.5)
    assert np.abs(after.h[0].numpy() - exact).max() < 1e-5


def test_the_leak_of_a_ctrnn_is_exact_however_short_its_time_constant() -> None:
    layer = Ctrnn(1, 2).double()
    with torch.no_grad():
        layer.recurrent_weight.zero_()
        layer.input_weight.zero_()
        _, after = layer.step(
            torch.zeros(1, 1).double(), ContinuousState(torch.ones(1, 2).double()), 100.0
        )
        expected = torch.exp(-100.0 / layer.tau)
    assert torch.allclose(after.h[0], expected, atol=1e-15)
    assert after.h.isfinite().all()


def beers_oscillator() -> Ctrnn:
    """The two-unit limit cycle of Beer 1995, figure 4."""
    layer = Ctrnn(1, 2, parts=4).double()
    with torch.no_grad():
        layer.recurrent_weight.copy_(torch.tensor([[4.5, 1.0], [-1.0, 4.5]]))
        layer.threshold.copy_(torch.tensor([-2.75, -1.75]))
        layer.free_tau.fill_(float(np.log(np.expm1(0.5))))  # tau = 1
        layer.input_weight.zero_()
    return layer


def test_two_units_have_a_limit_cycle() -> None:
    layer = beers_oscillator()
    dt = torch.full((2, 4000), 0.05).double()
    begins = ContinuousState(torch.tensor([[2.0, 2.0], [4.0, 1.0]]).double())
    with torch.no_grad():
        y, _ = layer(torch.zeros(2, 4000, 1).double(), begins, dt)
    late = y[:, 2000:, 0].numpy()
    # It doesn't settle, and whatever it began with it swings as far.
    assert np.ptp(late, axis=1).min() > 0.3
    assert abs(np.ptp(late[0]) - np.ptp(late[1])) < 0.01
    for row in late:
        middle = (row.max() + row.min()) / 2
        rises = np.flatnonzero((row[:-1] < middle) & (row[1:] >= middle))
        periods = np.diff(rises)
        assert len(periods) >= 2
        assert np.ptp(periods) <= 1


@pytest.mark.parametrize("name", ["ctrnn", "ode-rnn", "gru-ode", "cfc"])
def test_they_learn_what_a_memoryless_twin_cannot(name: str) -> None:
    task = Parity(3, every_step=True)
    torch.manual_seed(0)
    options = {"longest": 2.0} if name == "ctrnn" else {}
    model = model_for(task, build(name, 2, 24, **options))
    found = fit(
        model, task, FitConfig(updates=400, learning_rate=2e-2, check_every=50, target=0.99)
    )
    # Without memory the first of three bits is right, and half of the others.
    assert found.score > 0.9


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="parts is 0"):
        build("ode-rnn", 3, 4, parts=0)
    with pytest.raises(UsageError, match="Time constants"):
        build("ctrnn", 3, 4, shortest=3.0, longest=2.0)
