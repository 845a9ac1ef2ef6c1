"""Gated feedback as a compiled layer: all its layers in one kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.gated import GatedFeedback
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, sigmoid, tanh, zeros
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import doubles, floats


def gated_feedback(layer: GatedFeedback) -> Layer:
    """The equations of `GatedFeedback`. State: h and, of an LSTM, c, (L, H) each."""
    lowest, *others = (doubles(weight).T for weight in layer.weight_ih)
    rows = layer.bias.shape[1]
    upper = floats(np.array(others).reshape(layer.depth - 1, layer.output_size, rows))
    weights = (
        floats(layer.weight_global.T),
        floats(layer.weight_hh.transpose(1, 2)),
        floats(layer.weight_feedback.transpose(1, 2)),
        upper,
        floats(layer.bias),
    )
    initial = tuple(floats(part) for part in layer.initial_row())
    bias = doubles(layer.bias)[0]
    if layer.cell == "lstm":
        lstm = _LSTM.for_work(1)

        def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
            after = lstm(drive, state[0], state[1], *weights)
            return after[0][-1].copy(), after

        return Layer(lowest, bias, initial, advance)
    gru = _GRU.for_work(1)

    def advance_gru(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        h = gru(drive, state[0], *weights)
        return h[-1].copy(), (h,)

    return Layer(lowest, bias, initial, advance_gru)


def feed(total: Floats, past: Floats, own: Floats, feedback: Floats, h: Floats, j: int) -> Any:
    """What layer j hears of all layers (H,); its gates in total hear its own past."""
    depth, size = h.shape
    gates, scores = total[: own.shape[1]], total[own.shape[1] + size :]
    add_product(gates, own, h[j])
    fed, heard = np.zeros_like(h[j]), np.empty_like(h)
    for i in range(depth):
        g = sigmoid(scores[i] + past[j * depth + i])
        said, scaled = h[i], heard[i]
        for k in range(size):
            scaled[k] = g * said[k]
    add_product(fed, feedback, heard.ravel())
    return fed


def _lstm_step(
    drive: Floats,
    h: Floats,
    c: Floats,
    across: Floats,
    own: Floats,
    feedback: Floats,
    upper: Floats,
    bias: Floats,
) -> tuple[Floats, Floats]:
    depth, size = h.shape
    after, cells = np.empty_like(h), np.empty_like(c)
    past = np.zeros(depth * depth, np.float32)
    add_product(past, across, h.ravel())
    total = drive.copy()
    for j in range(depth):
        if j > 0:
            total[:] = bias[j]
            add_product(total, upper[j - 1], after[j - 1])
        fed = feed(total, past, own[j], feedback[j], h, j)
        inputs, forgets, outputs = total[:size], total[size : 2 * size], total[2 * size : 3 * size]
        candidates = total[3 * size : 4 * size]
        old, new, y = c[j], cells[j], after[j]
        for i in range(size):
            candidate = tanh(candidates[i] + fed[i])
            cell = sigmoid(forgets[i]) * old[i] + sigmoid(inputs[i]) * candidate
            new[i] = cell
            y[i] = sigmoid(outputs[i]) * tanh(cell)
    return after, cells


def _gru_step(
    drive: Floats,
    h: Floats,
    across: Floats,
    own: Floats,
    feedback: Floats,
    upper: Floats,
    bias: Floats,
) -> Floats:
    depth, size = h.shape
    after = np.empty_like(h)
    past = np.zeros(depth * depth, np.float32)
    add_product(past, across, h.ravel())
    total = drive.copy()
    for j in range(depth):
        if j > 0:
            total[:] = bias[j]
            add_product(total, upper[j - 1], after[j - 1])
        fed = feed(total, past, own[j], feedback[j], h, j)
        resets, updates = total[:size], total[size : 2 * size]
        candidates = total[2 * size : 3 * size]
        old, y = h[j], after[j]
        for i in range(size):
            n = tanh(candidates[i] + sigmoid(resets[i]) * fed[i])
            y[i] = n + sigmoid(updates[i]) * (old[i] - n)
    return after


_HELPERS = (tanh, sigmoid, add_product, feed)
_LSTM = Kernel(
    _lstm_step,
    patience=0,
    example=lambda: (
        zeros(5),
        zeros(1, 1),
        zeros(1, 1),
        zeros(1, 1),
        zeros(1, 1, 3),
        zeros(1, 1, 1),
        zeros(0, 1, 5),
        zeros(1, 5),
    ),
    helpers=_HELPERS,
)
_GRU = Kernel(
    _gru_step,
    patience=0,
    example=lambda: (
        zeros(4),
        zeros(1, 1),
        zeros(1, 1),
        zeros(1, 1, 2),
        zeros(1, 1, 1),
        zeros(0, 1, 4),
        zeros(1, 4),
    ),
    helpers=_HELPERS,
)
