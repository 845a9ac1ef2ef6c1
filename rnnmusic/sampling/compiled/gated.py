"""Elman's network, LSTM and GRU as compiled layers: one pass over the recurrent weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent import GatedLayer, Gru, Lstm, VanillaRnn
from rnnmusic.recurrent.gated import FusedLayer
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, sigmoid, tanh, zeros
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import doubles, floats


def gru(layer: Gru) -> Layer:
    """The equations of `Gru`. The bias inside the reset gate's bracket can't join the others."""
    size = layer.output_size
    recurrent = floats(layer.weight_hh.T)
    inner = floats(layer.bias_hh[2 * size :])
    input_bias = doubles(layer.bias_ih)
    input_bias[: 2 * size] += doubles(layer.bias_hh[: 2 * size])
    kernel = _GRU.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        h = kernel(drive, state[0], recurrent, inner)
        return h, (h,)

    return Layer(doubles(layer.weight_ih.T), input_bias, _initial(layer), advance)


def lstm(layer: Lstm) -> Layer:
    """The equations of `Lstm`."""
    recurrent = floats(layer.weight_hh.T)
    kernel = _LSTM.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        after = kernel(drive, state[0], state[1], recurrent)
        return after[0], after

    return Layer(doubles(layer.weight_ih.T), _both_biases(layer), _initial(layer), advance)


def vanilla(layer: VanillaRnn) -> Layer:
    """The equation of `VanillaRnn`."""
    recurrent = floats(layer.weight_hh.T)
    rectifies = layer.nonlinearity == "relu"
    kernel = _VANILLA.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        h = kernel(drive, state[0], recurrent, rectifies)
        return h, (h,)

    return Layer(doubles(layer.weight_ih.T), _both_biases(layer), _initial(layer), advance)


def _both_biases(layer: FusedLayer) -> Any:
    return doubles(layer.bias_ih) + doubles(layer.bias_hh)


def _initial(layer: GatedLayer) -> LayerState:
    return tuple(floats(row) for row in layer.initial_row())


# Gates are views of the total: an index that is a sum might be negative, for all the compiler
# knows, and then nothing is vectorised.


def gru_step(drive: Floats, h: Floats, recurrent: Floats, inner: Floats) -> Floats:
    """The output after h; its helpers are `HELPERS`."""
    size = len(h)
    total = drive.copy()
    total[2 * size :] = inner
    add_product(total, recurrent, h)
    resets, updates = total[:size], total[size : 2 * size]
    heard, recalled = drive[2 * size :], total[2 * size :]
    after = np.empty_like(h)
    for i in range(size):
        n = tanh(heard[i] + sigmoid(resets[i]) * recalled[i])
        after[i] = n + sigmoid(updates[i]) * (h[i] - n)
    return after


def lstm_step(drive: Floats, h: Floats, c: Floats, recurrent: Floats) -> tuple[Floats, Floats]:
    """The output and the cells after h and c; its helpers are `HELPERS`."""
    size = len(h)
    total = drive.copy()
    add_product(total, recurrent, h)
    inputs, forgets = total[:size], total[size : 2 * size]
    candidates, outputs = total[2 * size : 3 * size], total[3 * size :]
    after, cells = np.empty_like(h), np.empty_like(c)
    for i in range(size):
        cell = sigmoid(forgets[i]) * c[i] + sigmoid(inputs[i]) * tanh(candidates[i])
        cells[i] = cell
        after[i] = sigmoid(outputs[i]) * tanh(cell)
    return after, cells


def _vanilla(drive: Floats, h: Floats, recurrent: Floats, rectifies: bool) -> Floats:
    after = drive.copy()
    add_product(after, recurrent, h)
    if rectifies:
        for i in range(len(h)):
            after[i] = max(after[i], _ZERO)
    else:
        for i in range(len(h)):
            after[i] = tanh(after[i])
    return after


_ZERO = np.float32(0.0)


HELPERS = (tanh, sigmoid, add_product)
_GRU = Kernel(
    gru_step,
    patience=0,
    example=lambda: (zeros(3), zeros(1), zeros(1, 3), zeros(1)),
    helpers=HELPERS,
)
_LSTM = Kernel(
    lstm_step,
    patience=0,
    example=lambda: (zeros(4), zeros(1), zeros(1), zeros(1, 4)),
    helpers=HELPERS,
)
_VANILLA = Kernel(
    _vanilla,
    patience=0,
    example=lambda: (zeros(1), zeros(1), zeros(1, 1), False),
    helpers=HELPERS,
)
