"""Delay networks as compiled layers, in transposed form: what an input will add is added at once.

A convolution y_t = sum over k of W_k x_(t - k d) waits for old inputs; the same sums can wait
instead, each for the step that it belongs to. Then an input is multiplied once, by all W_k side by
side, and needn't be kept: in a first layer all products come out of the table.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.memoryless import DelayNetwork
from rnnmusic.sampling.compiled.arithmetic import (
    Doubles,
    Floats,
    add_product,
    tanh,
    zeros,
)
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import doubles, floats


class _Upper(NamedTuple):
    """A convolution above the first."""

    weight: Floats
    bias: Floats
    dilation: int


def delays(layer: DelayNetwork) -> Layer:
    """The equations of `DelayNetwork`.

    State: per convolution the sums that wait, (rows, H); the first row is for the next step.
    """
    size = layer.output_size
    weights, waiting = [], []
    initial = layer.initial_state(1)
    for linear, taps, dilation, line in zip(
        layer.linears, layer.taps, layer.dilations, initial.lines, strict=True
    ):
        # (taps, inputs, H), the newest first.
        weight = doubles(linear.weight).T.reshape(taps, -1, size)[::-1]
        weights.append(weight.transpose(1, 0, 2).reshape(weight.shape[1], taps * size))
        waiting.append(floats(_sums(weight, doubles(line)[0], dilation)))
    biases = [
        np.concatenate([doubles(linear.bias), np.zeros((taps - 1) * size)])
        for linear, taps in zip(layer.linears, layer.taps, strict=True)
    ]
    uppers = [
        _Upper(floats(weight), floats(bias), dilation)
        for weight, bias, dilation in zip(weights[1:], biases[1:], layer.dilations[1:], strict=True)
    ]
    first, first_dilation, upper = _FIRST.for_work(1), layer.dilations[0], _UPPER.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        y, sums = first(drive, state[0], first_dilation)
        after = [sums]
        for part, before in zip(uppers, state[1:], strict=True):
            y, sums = upper(y, part.weight, part.bias, before, part.dilation)
            after.append(sums)
        return y, tuple(after)

    return Layer(weights[0], biases[0], tuple(waiting), advance)


def _sums(weight: Doubles, line: Doubles, dilation: int) -> Doubles:
    """What the inputs of line (rows, inputs), oldest first, will add to the next `rows` steps."""
    taps, _, size = weight.shape
    rows = len(line)
    sums = np.zeros((rows, size))
    for k in range(1, taps):
        for age in range(1, rows + 1):
            ahead = k * dilation - age
            if ahead >= 0:
                sums[ahead] += (line[rows - age][:, None] * weight[k]).sum(0)
    return sums


def delayed(products: Floats, sums: Floats, dilation: int) -> tuple[Floats, Floats]:
    """One step of a convolution: products (taps * H), the newest tap first, sums (rows, H)."""
    rows, size = sums.shape
    y = products[:size].copy()
    after = np.zeros_like(sums)
    if rows:
        for i in range(size):
            y[i] += sums[0, i]
        after[: rows - 1] = sums[1:]
        for k in range(1, len(products) // size):
            added, row = products[k * size : (k + 1) * size], after[k * dilation - 1]
            for i in range(size):
                row[i] += added[i]
    for i in range(size):
        y[i] = tanh(y[i])
    return y, after


def _upper(
    x: Floats, weight: Floats, bias: Floats, sums: Floats, dilation: int
) -> tuple[Floats, Floats]:
    products = bias.copy()
    add_product(products, weight, x)
    return delayed(products, sums, dilation)


_FIRST = Kernel(delayed, patience=0, example=lambda: (zeros(2), zeros(1, 1), 1), helpers=(tanh,))
_UPPER = Kernel(
    _upper,
    patience=0,
    example=lambda: (zeros(1), zeros(1, 2), zeros(2), zeros(1, 1), 1),
    helpers=(tanh, add_product, delayed),
)
