"""Heads over 0/1 columns as kernels: independent notes, and NADE with its state kept."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel
from rnnmusic.heads import BernoulliHead, NadeHead
from rnnmusic.sampling.compiled.arithmetic import Doubles, Floats, add_product, sigmoid, tanh, zeros
from rnnmusic.sampling.compiled.head import BAD_SHAPING, DRAWN, NOT_A_NUMBER, CompiledHead
from rnnmusic.sampling.compiled.weights import doubles, floats

#: Columns that NADE looks at together: what a vector register holds.
LANES = 16


def bernoulli(head: BernoulliHead) -> CompiledHead:
    """Independent columns."""
    weight, base = floats(head.logits.weight.T), floats(head.logits.bias)
    decide = partial(_BERNOULLI.for_work(1), weight, base)
    return CompiledHead(len(base), len(base), decide)


def nade(head: NadeHead) -> CompiledHead:
    """Columns from the lowest up, each given those below."""
    columns, width = head.weight.shape
    weight = floats(
        np.concatenate([doubles(head.hidden_bias.weight), doubles(head.visible_bias.weight)]).T
    )
    base = floats(np.concatenate([doubles(head.hidden_bias.bias), doubles(head.visible_bias.bias)]))
    moves = floats(head.weight)
    blocks = -(-columns // LANES)
    padded = np.zeros((blocks * LANES, width))
    padded[:columns] = doubles(head.readout)
    readout = floats(padded.reshape(blocks, LANES, width).transpose(0, 2, 1))
    decide = partial(_NADE.for_work(1), weight, base, moves, readout)
    return CompiledHead(columns, columns, decide)


def limit_of(bias: float, temperature: float, odds: float, uniform: float) -> Any:
    """What a logit has to exceed for its column to be set, as in `heads.binary.thresholds`.

    odds: the log odds from which on top_p leaves nothing to chance. -inf where the column is
    forced, inf where it is forbidden, NaN where the shaping makes no sense.
    """
    if not 0.0 <= temperature < np.inf:
        return np.nan
    if np.isinf(bias) or temperature == 0.0:
        return -bias
    limit = np.log(uniform / (1.0 - uniform))
    return temperature * min(max(limit, -odds), odds) - bias


def certain(top_p: float) -> Any:
    """The log odds of top_p, at least even; inf where everything is left to chance."""
    return max(0.0, np.log(top_p) - np.log1p(-top_p)) if top_p < 1.0 else np.inf


def margin(logit: float, limit: float) -> float:
    """By how much a logit exceeds its limit; inf where it is forced, -inf where forbidden."""
    return -limit if np.isinf(limit) else logit - limit


def thin_out(step: NDArray[np.int64], margins: Doubles, most: int) -> None:
    """Clear the set columns with the least margins, the highest of equals first, until `most` are
    left, or only those that were certain."""
    excess = step.sum() - most
    while most >= 0 and excess > 0:
        least, worst = np.inf, -1
        for d in range(len(step)):
            if step[d] and margins[d] <= least and margins[d] < np.inf:
                least, worst = margins[d], d
        if worst < 0:
            return
        step[worst] = 0
        excess -= 1


def decided(
    logits: Floats,
    bias: Doubles,
    temperature: Doubles,
    top_p: float,
    most: int,
    uniforms: Doubles,
) -> tuple[int, NDArray[np.int64]]:
    """The draw of columns that don't know each other."""
    columns = len(logits)
    step, margins = np.zeros(columns, np.int64), np.zeros(columns, np.float64)
    odds = certain(top_p)
    for d in range(columns):
        limit = limit_of(bias[d], temperature[d], odds, uniforms[d])
        if np.isnan(limit):
            return BAD_SHAPING, step
        if np.isnan(logits[d]):
            return NOT_A_NUMBER, step
        margins[d] = margin(logits[d], limit)
        step[d] = margins[d] > 0.0
    thin_out(step, margins, most)
    return DRAWN, step


def _draw_bernoulli(
    weight: Floats,
    base: Floats,
    hidden: Floats,
    bias: Doubles,
    temperature: Doubles,
    top_p: float,
    most: int,
    uniforms: Doubles,
) -> tuple[int, NDArray[np.int64]]:
    logits = base.copy()
    add_product(logits, weight, hidden)
    return decided(logits, bias, temperature, top_p, most, uniforms)


def _draw_nade(
    weight: Floats,
    base: Floats,
    moves: Floats,
    readout: Floats,
    hidden: Floats,
    bias: Doubles,
    temperature: Doubles,
    top_p: float,
    most: int,
    uniforms: Doubles,
) -> tuple[int, NDArray[np.int64]]:
    """Readouts are made for a block of columns at a time, and anew after a column that is set:
    only that changes the hidden units."""
    columns, units = moves.shape
    total = base.copy()
    add_product(total, weight, hidden)
    state, active = total[:units].copy(), np.empty(units, np.float32)
    step, margins = np.zeros(columns, np.int64), np.zeros(columns, np.float64)
    reads = np.empty(LANES, np.float32)
    for k in range(units):
        active[k] = sigmoid(state[k])
    odds = certain(top_p)
    for block in range(len(readout)):
        d, end = block * LANES, min((block + 1) * LANES, columns)
        while d < end:
            reads[:] = _NOTHING
            add_product(reads, readout[block], active)
            is_set = False
            while d < end and not is_set:
                limit = limit_of(bias[d], temperature[d], odds, uniforms[d])
                if np.isnan(limit):
                    return BAD_SHAPING, step
                logit = total[units + d] + reads[d - block * LANES]
                if np.isnan(logit):
                    return NOT_A_NUMBER, step
                margins[d] = margin(logit, limit)
                is_set = margins[d] > 0.0
                d += 1
            if is_set:
                step[d - 1] = 1
                move = moves[d - 1]
                for k in range(units):
                    state[k] += move[k]
                    active[k] = sigmoid(state[k])
    thin_out(step, margins, most)
    return DRAWN, step


_NOTHING = np.float32(0.0)


def plain_shaping() -> tuple[Doubles, Doubles, float, int, Doubles]:
    """Of one column, for the examples of kernels."""
    return np.zeros(1), np.ones(1), 1.0, -1, np.full(1, 0.5)


#: What `decided` and kernels that draw column by column call.
DECIDING = (certain, limit_of, margin, thin_out)
_BERNOULLI = Kernel(
    _draw_bernoulli,
    patience=0,
    example=lambda: (zeros(1, 1), zeros(1), zeros(1), *plain_shaping()),
    helpers=(add_product, *DECIDING, decided),
)
_NADE = Kernel(
    _draw_nade,
    patience=0,
    example=lambda: (
        zeros(1, 2),
        zeros(2),
        zeros(1, 1),
        zeros(1, 1, LANES),
        zeros(1),
        *plain_shaping(),
    ),
    helpers=(tanh, sigmoid, add_product, *DECIDING),
)
