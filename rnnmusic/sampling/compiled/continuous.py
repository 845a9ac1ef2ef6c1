"""Continuous-time and orthogonal layers as compiled ones; a live step lasts one unit of time."""

from __future__ import annotations

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.continuous import Ctrnn
from rnnmusic.recurrent.orthogonal import OrthogonalRnn
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, sigmoid, tanh, zeros
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import doubles, floats


def ctrnn(layer: Ctrnn) -> Layer:
    """The equation of `Ctrnn` with its leak for each part of a step."""
    recurrent = floats(layer.recurrent_weight.T)
    kept = np.exp(-1.0 / (layer.parts * doubles(layer.tau)))
    whole, half = floats(kept), floats(np.sqrt(kept))
    threshold, parts = floats(layer.threshold), layer.parts
    kernel = _CTRNN.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        y, h = kernel(drive, state[0], recurrent, whole, half, threshold, parts)
        return y, (h,)

    bias = np.zeros(layer.output_size)
    return Layer(doubles(layer.input_weight.T), bias, (floats(layer.initial_row()),), advance)


def orthogonal(layer: OrthogonalRnn) -> Layer:
    """The equation of `OrthogonalRnn`."""
    recurrent, bias = floats(layer.orthogonal().T), floats(layer.bias)
    kernel = _ORTHOGONAL.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        h = kernel(drive, state[0], recurrent, bias)
        return h, (h,)

    none = np.zeros(layer.output_size)
    return Layer(doubles(layer.input_weight.T), none, (floats(layer.initial_row()),), advance)


def _ctrnn(
    drive: Floats,
    h: Floats,
    recurrent: Floats,
    whole: Floats,
    half: Floats,
    threshold: Floats,
    parts: int,
) -> tuple[Floats, Floats]:
    size = len(h)
    now, middle, sent = h.copy(), np.empty_like(h), np.empty_like(h)
    for _ in range(parts):
        for i in range(size):
            sent[i] = sigmoid(now[i] + threshold[i])
        total = drive.copy()
        add_product(total, recurrent, sent)
        for i in range(size):
            middle[i] = total[i] + half[i] * (now[i] - total[i])
        for i in range(size):
            sent[i] = sigmoid(middle[i] + threshold[i])
        total = drive.copy()
        add_product(total, recurrent, sent)
        for i in range(size):
            now[i] = total[i] + whole[i] * (now[i] - total[i])
    for i in range(size):
        sent[i] = sigmoid(now[i] + threshold[i])
    return sent, now


def _orthogonal(drive: Floats, h: Floats, recurrent: Floats, bias: Floats) -> Floats:
    after = drive.copy()
    add_product(after, recurrent, h)
    for i in range(len(h)):
        z = after[i]
        size = abs(z) + bias[i]
        kept = size if size > _ZERO else _ZERO
        after[i] = -kept if z < _ZERO else kept
    return after


_ZERO = np.float32(0.0)

_CTRNN = Kernel(
    _ctrnn,
    patience=0,
    example=lambda: (zeros(1), zeros(1), zeros(1, 1), zeros(1), zeros(1), zeros(1), 1),
    helpers=(tanh, sigmoid, add_product),
)
_ORTHOGONAL = Kernel(
    _orthogonal,
    patience=0,
    example=lambda: (zeros(1), zeros(1), zeros(1, 1), zeros(1)),
    helpers=(add_product,),
)
