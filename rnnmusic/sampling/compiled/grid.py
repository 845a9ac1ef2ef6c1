"""Grid LSTM as a compiled layer: one product per level makes the gates of both dimensions."""

from __future__ import annotations

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.multiaxis.grid import GridLstm
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, sigmoid, tanh, zeros
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import doubles, floats


def grid_lstm(layer: GridLstm) -> Layer:
    """The equations of `GridLstm`. State: h and c along time of one level after the other."""
    levels = []
    for time, depth in layer.levels:
        # Both read [h, g], h along time and g along depth.
        along_time = np.concatenate([doubles(time.weight_hh.T), doubles(time.weight_ih.T)])
        weight = np.concatenate([along_time, doubles(depth.weight.T)], axis=1)
        bias = np.concatenate([doubles(time.bias_ih) + doubles(time.bias_hh), doubles(depth.bias)])
        levels.append((floats(weight), floats(bias)))
    kernel = _LEVEL.for_work(1)
    size = layer.output_size

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        g, m = drive[:size].copy(), drive[size:].copy()
        after: list[Floats] = []
        for number, (weight, bias) in enumerate(levels):
            h, c = state[2 * number : 2 * number + 2]
            h, c, g, m = kernel(h, c, g, m, weight, bias)
            after += h, c
        return g, tuple(after)

    initial = tuple(floats(part[0]) for state in layer.initial_state(1).levels for part in state)
    return Layer(doubles(layer.entry.weight.T), doubles(layer.entry.bias), initial, advance)


def lstm_cell(total: Floats, cells: Floats) -> tuple[Floats, Floats]:
    """Output and cells of an LSTM whose gates before their nonlinearities are total (4 H)."""
    size = len(cells)
    inputs, forgets = total[:size], total[size : 2 * size]
    candidates, outputs = total[2 * size : 3 * size], total[3 * size :]
    y, after = np.empty_like(cells), np.empty_like(cells)
    for i in range(size):
        cell = sigmoid(forgets[i]) * cells[i] + sigmoid(inputs[i]) * tanh(candidates[i])
        after[i] = cell
        y[i] = sigmoid(outputs[i]) * tanh(cell)
    return y, after


def _level(
    h: Floats, c: Floats, g: Floats, m: Floats, weight: Floats, bias: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    size = len(h)
    both = np.empty(2 * size, np.float32)
    both[:size], both[size:] = h, g
    total = bias.copy()
    add_product(total, weight, both)
    next_h, next_c = lstm_cell(total[: 4 * size], c)
    next_g, next_m = lstm_cell(total[4 * size :], m)
    return next_h, next_c, next_g, next_m


_LEVEL = Kernel(
    _level,
    patience=0,
    example=lambda: (*(zeros(1) for _ in range(4)), zeros(2, 8), zeros(8)),
    helpers=(tanh, sigmoid, add_product, lstm_cell),
)
