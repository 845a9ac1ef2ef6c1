"""Liquid state machines: membranes against the closed form, and that they remember."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rnnmusic.errors import UsageError
from rnnmusic.learning.parallel_perceptron import p_delta
from rnnmusic.learning.readouts import ridge
from rnnmusic.recurrent.reservoir import LiquidStateMachine


def lone_unit(drive: float, **options: float) -> LiquidStateMachine:
    """One unit that hears nothing but a constant, not even itself."""
    net = LiquidStateMachine(1, 1, connectivity=1.0, **options).double()
    net.recurrent_weight.zero_()
    net.input_weight.zero_()
    net.bias.fill_(drive)
    return net


def test_a_membrane_charges_as_an_exponential() -> None:
    net = lone_unit(0.1, membrane_steps=5.0, synapse_steps=1e-3)
    state = net.initial_state(1)
    for t in range(1, 12):
        _, state = net.step(torch.zeros(1, 1).double(), state)
        assert float(state.potential) == pytest.approx(0.1 * (1 - math.exp(-t / 5)))
        assert not state.spikes.any()


def test_half_a_step_twice_is_a_step() -> None:
    net = lone_unit(0.0, membrane_steps=3.0, synapse_steps=2.0)
    state = net.initial_state(1)._replace(trace=torch.ones(1, 1).double())
    x = torch.zeros(1, 1).double()
    whole = net.step(x, state)[1]
    halves = net.step(x, net.step(x, state, 0.5)[1], 0.5)[1]
    assert float(whole.trace) == pytest.approx(float(halves.trace), abs=1e-12)


def test_a_spike_resets_the_membrane_and_is_filtered() -> None:
    net = lone_unit(3.0, membrane_steps=1.0, synapse_steps=1e-3, readout_steps=4.0)
    y, state = net.step(torch.zeros(1, 1).double(), net.initial_state(1))
    assert state.spikes.item() == 1.0
    assert state.potential.item() == 0.0
    assert float(y) == pytest.approx(1 - math.exp(-1 / 4))


def test_units_are_excitatory_or_inhibitory() -> None:
    torch.manual_seed(0)
    weight = LiquidStateMachine(1, 60, inhibitory=0.25).recurrent_weight
    signs = torch.stack([(weight > 0).any(0), (weight < 0).any(0)])
    assert not signs.all(0).any()
    assert int(signs[1].sum()) == 15


@pytest.mark.parametrize(
    "options", [{"membrane_steps": 0.0}, {"inhibitory": 1.5}, {"connectivity": -1.0}]
)
def test_what_cannot_be_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        LiquidStateMachine(1, 10, **options)  # type: ignore[arg-type]


def spike_trains() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a liquid and its memoryless twin make of noise, and the noise of a step ago."""
    torch.manual_seed(0)
    net = LiquidStateMachine(1, 150, input_scale=2.0, membrane_steps=1.0).double()
    u = np.random.default_rng(0).uniform(-1, 1, 1500)
    with torch.no_grad():
        states = net(torch.tensor(u)[None, :, None])[0][0].numpy()
        forgetful = net.step(torch.tensor(u)[:, None], net.initial_state(len(u)))[0].numpy()
    return states, forgetful, np.roll(u, 1)


def test_it_remembers_what_a_memoryless_twin_cannot() -> None:
    states, forgetful, wanted = spike_trains()

    def explained(h: np.ndarray) -> float:
        readout = ridge(h[:1000], wanted[:1000, None], washout=100)
        return 1.0 - float(np.var(readout(h[1000:])[:, 0] - wanted[1000:]) / np.var(wanted[1000:]))

    assert explained(states) > 0.2
    assert explained(forgetful) < 0.05


def test_parallel_perceptrons_read_it_too() -> None:
    states, forgetful, wanted = spike_trains()

    def error(h: np.ndarray) -> float:
        readout = p_delta(h[100:1000], wanted[100:1000], epochs=5)
        return float(np.mean((readout(h[1000:]) - wanted[1000:]) ** 2) / np.var(wanted[1000:]))

    assert error(states) < 0.85
    assert error(forgetful) > 0.95
