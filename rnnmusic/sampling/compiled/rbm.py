"""The rbm head as a kernel: block Gibbs sampling with the dice of a step."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel
from rnnmusic.heads import RbmHead
from rnnmusic.heads.rbm import strengths
from rnnmusic.sampling.compiled.arithmetic import Doubles, Floats, add_product, sigmoid, tanh, zeros
from rnnmusic.sampling.compiled.binary import certain, limit_of, margin, thin_out
from rnnmusic.sampling.compiled.head import BAD_SHAPING, DRAWN, NOT_A_NUMBER, CompiledHead
from rnnmusic.sampling.compiled.weights import doubles, floats


def rbm(head: RbmHead) -> CompiledHead:
    """Columns and hidden units in turn. What is forced or forbidden is so from the first sweep on:
    the other columns are drawn given that. Hidden units have the columns' mean temperature."""
    columns, units = head.weight.shape
    weight = floats(
        np.concatenate([doubles(head.hidden_bias.weight), doubles(head.visible_bias.weight)]).T
    )
    base = floats(np.concatenate([doubles(head.hidden_bias.bias), doubles(head.visible_bias.bias)]))
    up, down = floats(head.weight), floats(head.weight.T)
    shares = np.array(strengths(), dtype=np.float32)
    decide = partial(_RBM.for_work(1), weight, base, up, down, shares)
    return CompiledHead(columns, columns, decide, draws=columns + len(shares) * (units + columns))


def _draw_rbm(
    weight: Floats,
    base: Floats,
    up: Floats,
    down: Floats,
    shares: Floats,
    hidden: Floats,
    bias: Doubles,
    temperature: Doubles,
    top_p: float,
    most: int,
    uniforms: Doubles,
) -> tuple[int, NDArray[np.int64]]:
    """up (F, K) is the machine's weight, down (K, F) its transpose. The dice: the first columns,
    then hidden units and columns of each sweep."""
    columns, units = up.shape
    total = base.copy()
    add_product(total, weight, hidden)
    called, called_for = total[:units], total[units:]
    active, logits = np.empty(units, np.float32), np.empty(columns, np.float32)
    for k in range(units):
        active[k] = sigmoid(called[k])
    alone = called_for.copy()
    add_product(alone, down, active)
    step, margins = np.zeros(columns, np.int64), np.zeros(columns, np.float64)
    odds, warmth = certain(top_p), 0.0
    for d in range(columns):
        limit = limit_of(bias[d], temperature[d], odds, uniforms[d])
        if np.isnan(limit):
            return BAD_SHAPING, step
        if np.isnan(alone[d]):
            return NOT_A_NUMBER, step
        warmth += temperature[d] / columns
        margins[d] = margin(alone[d], limit)
        step[d] = margins[d] > 0.0
    used = columns
    for share in shares:
        inputs = called.copy()
        for d in range(columns):
            if step[d]:
                row = up[d]
                for k in range(units):
                    inputs[k] += row[k]
        for k in range(units):
            limit = limit_of(0.0, warmth, np.inf, uniforms[used + k])
            active[k] = _ONE if share * inputs[k] > limit else _NOTHING
        used += units
        logits[:] = called_for
        add_product(logits, down, active)
        for d in range(columns):
            limit = limit_of(bias[d], temperature[d], odds, uniforms[used + d])
            margins[d] = margin(alone[d] + share * (logits[d] - alone[d]), limit)
            step[d] = margins[d] > 0.0
        used += columns
    thin_out(step, margins, most)
    return DRAWN, step


_ONE, _NOTHING = np.float32(1.0), np.float32(0.0)

_RBM = Kernel(
    _draw_rbm,
    patience=0,
    example=lambda: (
        zeros(1, 2),
        zeros(2),
        zeros(1, 1),
        zeros(1, 1),
        zeros(1),
        zeros(1),
        np.zeros(1),
        np.ones(1),
        1.0,
        -1,
        np.full(3, 0.5),
    ),
    helpers=(tanh, sigmoid, add_product, certain, limit_of, margin, thin_out),
)
