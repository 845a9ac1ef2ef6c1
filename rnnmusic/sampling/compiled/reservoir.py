"""Reservoirs as compiled layers: only the weights that aren't 0 are read."""

from __future__ import annotations

import math

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.reservoir import EchoStateNetwork, LiquidState, LiquidStateMachine
from rnnmusic.recurrent.reservoir.sparse_scan import Indices, SparseWeight
from rnnmusic.sampling.compiled.arithmetic import Floats, tanh, zeros
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import doubles, floats


def echo_state(layer: EchoStateNetwork) -> Layer:
    """The equation of `EchoStateNetwork`. State: h (H,)."""
    weight = SparseWeight.of(floats(layer.recurrent_weight))
    leak = np.float32(layer.leak)
    kernel = _ECHO_STATE.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        h = kernel(drive, state[0], *weight, leak)
        return h, (h,)

    initial = (floats(layer.initial_row()),)
    return Layer(doubles(layer.input_weight.T), doubles(layer.bias), initial, advance)


def liquid(layer: LiquidStateMachine) -> Layer:
    """The equations of `LiquidStateMachine`, at dt = 1. State: its four parts, (H,) each."""
    weight = SparseWeight.of(floats(layer.recurrent_weight))
    times = layer.synapse_steps, layer.membrane_steps, layer.readout_steps
    keep = np.array([math.exp(-1.0 / steps) for steps in times], np.float32)
    kernel = _LIQUID.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        current, potential, spikes, trace = state
        after = kernel(drive, current, potential, spikes, trace, weight.value, weight.column, keep)
        return after[-1], after

    initial = tuple(floats(row) for row in LiquidState(*layer.initial_row()))
    return Layer(doubles(layer.input_weight.T), doubles(layer.bias), initial, advance)


def _add_sparse(total: Floats, value: Floats, column: Indices, x: Floats) -> None:
    for k in range(len(value)):
        weights, heard = value[k], column[k]
        for i in range(len(total)):
            total[i] += weights[i] * x[heard[i]]


def _echo_state(
    drive: Floats, h: Floats, value: Floats, column: Indices, leak: np.float32
) -> Floats:
    total = drive.copy()
    _add_sparse(total, value, column, h)
    for i in range(len(total)):
        total[i] = h[i] + leak * (tanh(total[i]) - h[i])
    return total


def _liquid(
    drive: Floats,
    current: Floats,
    potential: Floats,
    spikes: Floats,
    trace: Floats,
    value: Floats,
    column: Indices,
    keep: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    arriving = drive.copy()
    _add_sparse(arriving, value, column, spikes)
    charged, fired, filtered = np.empty_like(drive), np.empty_like(drive), np.empty_like(drive)
    for i in range(len(drive)):
        arriving[i] += keep[0] * current[i]
        charged[i] = arriving[i] + keep[1] * (potential[i] - arriving[i])
        fired[i] = _ONE if charged[i] >= _ONE else _ZERO
        charged[i] *= _ONE - fired[i]
        filtered[i] = fired[i] + keep[2] * (trace[i] - fired[i])
    return arriving, charged, fired, filtered


def _sparse() -> tuple[Floats, Indices]:
    return zeros(4, 1), np.zeros((4, 1), np.uint16)


_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_ECHO_STATE = Kernel(
    _echo_state,
    patience=0,
    example=lambda: (zeros(1), zeros(1), *_sparse(), _ONE),
    helpers=(tanh, _add_sparse),
)
_LIQUID = Kernel(
    _liquid,
    patience=0,
    example=lambda: (*(zeros(1) for _ in range(5)), *_sparse(), zeros(3)),
    helpers=(_add_sparse,),
)
