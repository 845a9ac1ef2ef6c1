"""Rows of the reservoir family: series to go on with, how long inputs are remembered, music."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmusic import recurrent
from rnnmusic.flavours.music import POOLED, trained
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.learning.readouts import Readout, ridge, run_free
from rnnmusic.recurrent import State, tree_map
from rnnmusic.tasks import mackey_glass, narma10

Doubles = NDArray[np.float64]

WASHOUT = 1000
#: Steps that a Mackey-Glass series is played on for, and how often (Jaeger and Haas 2004).
AHEAD, TRIALS = 84, 100


class _Outcome(NamedTuple):
    value: float
    parameters: int


def _median(one: Callable[[int, int], _Outcome], full: int, quick: int) -> Callable[..., Measured]:
    """A row's `run`: the median over seeds of what one(seed, steps to learn from) finds.

    Ten seeds in the full variant, two in the quick one, of so many steps each.
    """

    def run(setting: Setting) -> Measured:
        count, steps = (10, full) if setting.variant == "full" else (2, quick)
        outcomes, seconds = [], []
        for seed in range(setting.seed, setting.seed + count):
            begun = time.monotonic()
            outcomes.append(one(seed, steps))
            seconds.append(time.monotonic() - begun)
        values = [outcome.value for outcome in outcomes]
        note = (
            f"median of {count} seeds, {min(values):.2g} to {max(values):.2g}, "
            f"at most {max(seconds):.1f} s each"
        )
        return Measured(statistics.median(values), outcomes[0].parameters, sum(seconds), note)

    return run


def _mackey_glass(seed: int, steps: int) -> _Outcome:
    """NRMSE of the 84th step of free runs, at as many places of a series not seen before.

    The series is squashed by tanh(x - 1), as Jaeger's. The reservoir reads each number and the
    readout says the next one; a free run reads what it said.
    """
    options = {"spectral_radius": 0.95, "leak": 0.44, "input_scale": 1.0, "state_noise": 1e-8}
    network = _reservoir("esn", 400, seed, options)
    seen, unseen = (
        np.tanh(mackey_glass(count, seed=2 * seed + number) - 1.0)
        for number, count in enumerate((WASHOUT + steps + 1, WASHOUT + AHEAD * TRIALS))
    )
    readout = ridge(_states(network.train(), seen[:-1]), seen[1:, None], washout=WASHOUT)
    state, last = _heard_up_to(network.eval(), readout, unseen)
    runs = np.concatenate([last[:, None], run_free(network, readout, state, last, AHEAD - 1)], 1)
    errors = runs[:, -1, 0] - unseen[WASHOUT + AHEAD - 1 :: AHEAD]
    return _Outcome(float(np.sqrt(np.mean(errors**2)) / unseen.std()), readout.weight.size)


def _heard_up_to(
    network: recurrent.Recurrent, readout: Readout, series: Doubles
) -> tuple[State, Doubles]:
    """The states of a network, a row for each place to run free from, and what it says there."""
    state, rows, said = network.initial_state(1), [], []
    starts = [0, *range(WASHOUT, len(series), AHEAD)]
    for begin, end in pairwise(starts):
        with torch.no_grad():
            y, state = network(torch.as_tensor(series[begin:end])[None, :, None], state)
        rows.append(state)
        said.append(readout(y[0, -1:].numpy()))
    return tree_map(lambda *parts: torch.cat(parts), *rows), np.concatenate(said)


def _narma(seed: int, steps: int) -> _Outcome:
    """NRMSE of y[t + 1] given the inputs up to t, on as many steps not seen before."""
    options = {"spectral_radius": 0.95, "leak": 1.0, "input_scale": 0.05, "bias_scale": 0.6}
    network = _reservoir("esn", 200, seed, options)
    inputs, outputs = narma10(WASHOUT + 2 * steps, seed=seed)
    states, targets = _states(network, 4 * inputs - 1)[:-1], outputs[1:, None]
    known = WASHOUT + steps
    readout = ridge(states[:known], targets[:known], washout=WASHOUT)
    errors = readout(states[known:]) - targets[known:]
    nrmse = float(np.sqrt(np.mean(errors**2)) / targets[known:].std())
    return _Outcome(nrmse, readout.weight.size)


def _capacity(flavour: str, **options: Any) -> Callable[[int, int], _Outcome]:
    """How many steps of white noise can be read out: the sum over delays of the squared
    correlation of a readout, on as many steps not seen before (Jaeger 2001b)."""

    def one(seed: int, steps: int) -> _Outcome:
        network = _reservoir(flavour, 100, seed, options)
        noise = np.random.default_rng(seed).uniform(-1, 1, WASHOUT + 2 * steps)
        states, known = _states(network, noise), WASHOUT + steps
        delays = np.stack([np.roll(noise, delay) for delay in range(1, 101)], 1)
        readout = ridge(states[:known], delays[:known], washout=WASHOUT)
        said, wanted = readout(states[known:]), delays[known:]
        found = [np.corrcoef(pair)[0, 1] for pair in zip(said.T, wanted.T, strict=True)]
        return _Outcome(float(np.sum(np.square(found))), readout.weight.size)

    return one


def _reservoir(flavour: str, units: int, seed: int, options: dict[str, Any]) -> recurrent.Recurrent:
    torch.manual_seed(seed)
    return recurrent.build(flavour, 1, units, **options).double()


@torch.no_grad()
def _states(network: recurrent.Recurrent, series: Doubles) -> Doubles:
    """Outputs (T, H) over a series (T,)."""
    states: Doubles = network(torch.as_tensor(series)[None, :, None])[0][0].numpy()
    return states


ROWS: list[Row] = [
    Row(
        "esn",
        "reservoir",
        "mackey-glass-17",
        "NRMSE 84 steps ahead",
        _median(_mackey_glass, full=12_000, quick=5000),
        limit=2.8e-4,
        paper=2.8e-4,
        source="Jaeger 2001",
    ),
    Row(
        "esn",
        "reservoir",
        "narma10",
        "NRMSE",
        _median(_narma, full=4000, quick=2000),
        limit=0.25,
    ),
    # The same question to both: spiking against saturating units, 100 of each.
    Row(
        "esn",
        "reservoir",
        "memory-capacity",
        "steps remembered by 100 units",
        _median(
            _capacity("esn", leak=1.0, spectral_radius=0.95, input_scale=0.1, bias_scale=0.0),
            full=4000,
            quick=2000,
        ),
        better="higher",
        source="Jaeger 2001",
    ),
    Row(
        "lsm",
        "reservoir",
        "memory-capacity",
        "steps remembered by 100 units",
        _median(_capacity("lsm", membrane_steps=1.0), full=4000, quick=2000),
        better="higher",
    ),
    Row(
        "esn",
        "reservoir",
        "jsb",
        POOLED,
        trained(
            "jsb",
            minutes=2.0,
            quick_minutes=0.4,
            model={"name": "esn", "size": 500},
            head={"name": "bernoulli"},
            training={"learning_rate": 1e-2, "average_decay": 0.99},
        ),
        needs="jsb",
    ),
]
