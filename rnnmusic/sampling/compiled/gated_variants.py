"""LSTM with peepholes, GRU as in the papers and sLSTM as compiled layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.gated import GatedLayer, GruBefore, PeepholeLstm, Slstm
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, sigmoid, tanh, zeros
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import doubles, floats


def peephole_lstm(layer: PeepholeLstm) -> Layer:
    """The equations of `PeepholeLstm`."""
    recurrent, peepholes = floats(layer.weight_hh.T), floats(layer.peepholes)
    kernel = _PEEPHOLE.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        after = kernel(drive, state[0], state[1], recurrent, peepholes)
        return after[0], after

    return _layer(layer, advance)


def gru_before(layer: GruBefore) -> Layer:
    """The equations of `GruBefore`."""
    size = layer.output_size
    gates, candidate = floats(layer.weight_hh[: 2 * size].T), floats(layer.weight_hh[2 * size :].T)
    kernel = _GRU_BEFORE.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        h = kernel(drive, state[0], gates, candidate)
        return h, (h,)

    return _layer(layer, advance)


def slstm(layer: Slstm) -> Layer:
    """The equations of `Slstm`. State: h, mean and log_n."""
    recurrent = floats(layer.weight_hh.transpose(1, 2))
    forgets_below_1 = layer.forget_gate == "sigmoid"
    kernel = _SLSTM.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        after = kernel(drive, state[0], state[1], state[2], recurrent, forgets_below_1)
        return after[0], after

    return _layer(layer, advance)


def _layer(layer: GatedLayer, advance: Any) -> Layer:
    initial = tuple(floats(row) for row in layer.initial_row())
    return Layer(doubles(layer.weight_ih.T), doubles(layer.bias_ih), initial, advance)


def _peephole_step(
    drive: Floats, h: Floats, c: Floats, recurrent: Floats, peepholes: Floats
) -> tuple[Floats, Floats]:
    size = len(h)
    total = drive.copy()
    add_product(total, recurrent, h)
    inputs, forgets = total[:size], total[size : 2 * size]
    candidates, outputs = total[2 * size : 3 * size], total[3 * size :]
    see_input, see_forget, see_output = peepholes[0], peepholes[1], peepholes[2]
    after, cells = np.empty_like(h), np.empty_like(c)
    for i in range(size):
        forget = sigmoid(forgets[i] + see_forget[i] * c[i])
        let_in = sigmoid(inputs[i] + see_input[i] * c[i])
        cell = forget * c[i] + let_in * tanh(candidates[i])
        cells[i] = cell
        after[i] = sigmoid(outputs[i] + see_output[i] * cell) * tanh(cell)
    return after, cells


def _gru_before_step(drive: Floats, h: Floats, gates: Floats, candidate: Floats) -> Floats:
    size = len(h)
    total = drive.copy()
    both, candidates = total[: 2 * size], total[2 * size :]
    add_product(both, gates, h)
    resets, updates = total[:size], total[size : 2 * size]
    heard, after = np.empty_like(h), np.empty_like(h)
    for i in range(size):
        heard[i] = sigmoid(resets[i]) * h[i]
    add_product(candidates, candidate, heard)
    for i in range(size):
        after[i] = h[i] + sigmoid(updates[i]) * (tanh(candidates[i]) - h[i])
    return after


def _slstm_step(
    drive: Floats,
    h: Floats,
    mean: Floats,
    log_n: Floats,
    recurrent: Floats,
    forgets_below_1: bool,
) -> tuple[Floats, Floats, Floats]:
    heads, width, _ = recurrent.shape
    total = drive.copy()
    after, new_mean, new_log_n = np.empty_like(h), np.empty_like(h), np.empty_like(h)
    for k in range(heads):
        begin, end = k * width, (k + 1) * width
        block = total[4 * begin : 4 * end]
        add_product(block, recurrent[k], h[begin:end])
        inputs, forgets = block[:width], block[width : 2 * width]
        candidates, outputs = block[2 * width : 3 * width], block[3 * width :]
        old_mean, old_log_n = mean[begin:end], log_n[begin:end]
        y, means, log_ns = after[begin:end], new_mean[begin:end], new_log_n[begin:end]
        for i in range(width):
            log_f = -softplus(-forgets[i]) if forgets_below_1 else forgets[i]
            a = log_f + old_log_n[i]
            excess = inputs[i] - a
            means[i] = old_mean[i] + sigmoid(excess) * (tanh(candidates[i]) - old_mean[i])
            log_ns[i] = a + softplus(excess)
            y[i] = sigmoid(outputs[i]) * means[i]
    return after, new_mean, new_log_n


def softplus(x: Any) -> Any:
    """log(1 + exp(x)) of a float32, to 1e-7: max(x, 0) + 2 artanh(u / (2 + u)), u = exp(-|x|)."""
    t = tanh(_HALF * abs(x))
    u = np.divide(_ONE - t, _ONE + t)
    s = np.divide(u, _TWO + u)
    # s is 1/3 at most: the first term left out of the series is below 2e-9.
    q = s * s
    series = _ONE + q * (
        _C3 + q * (_C5 + q * (_C7 + q * (_C9 + q * (_C11 + q * (_C13 + q * _C15)))))
    )
    return max(x, _ZERO) + _TWO * s * series


_ZERO, _HALF, _ONE, _TWO = (np.float32(number) for number in (0.0, 0.5, 1.0, 2.0))
_C3, _C5, _C7, _C9, _C11, _C13, _C15 = (np.float32(1.0 / n) for n in range(3, 16, 2))

_HELPERS = (tanh, sigmoid, add_product)
_PEEPHOLE = Kernel(
    _peephole_step,
    patience=0,
    example=lambda: (zeros(4), zeros(1), zeros(1), zeros(1, 4), zeros(3, 1)),
    helpers=_HELPERS,
)
_GRU_BEFORE = Kernel(
    _gru_before_step,
    patience=0,
    example=lambda: (zeros(3), zeros(1), zeros(1, 2), zeros(1, 1)),
    helpers=_HELPERS,
)
_SLSTM = Kernel(
    _slstm_step,
    patience=0,
    example=lambda: (zeros(4), zeros(1), zeros(1), zeros(1), zeros(1, 1, 4), True),
    helpers=(*_HELPERS, softplus),
)
