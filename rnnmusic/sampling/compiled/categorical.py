"""The factored categorical head as a kernel."""

from __future__ import annotations

from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.compiling import Kernel
from rnnmusic.heads import FactoredCategoricalHead
from rnnmusic.sampling.compiled.arithmetic import Doubles, Floats, add_product, tanh, zeros
from rnnmusic.sampling.compiled.head import (
    BAD_SHAPING,
    DRAWN,
    NOT_A_NUMBER,
    NOTHING_LEFT,
    CompiledHead,
)
from rnnmusic.sampling.compiled.weights import doubles, floats

Ints = NDArray[np.int64]


def categorical(head: FactoredCategoricalHead) -> CompiledHead:
    """Factors one after another, each given those before."""
    width, count = head.start.out_features, sum(head.sizes)
    weight = floats(np.concatenate([doubles(head.direct.weight), doubles(head.start.weight)]).T)
    base = floats(np.concatenate([doubles(head.direct.bias), doubles(head.start.bias)]))
    tables = [doubles(cast(Tensor, table.weight)) for table in head.embeddings]
    moves = floats(np.concatenate([*tables, np.zeros((head.sizes[-1], width))]))
    # One factor's readout after the other, (width, size) each.
    readouts = [floats(cast(Tensor, part.weight).T) for part in head.readouts]
    readout = np.concatenate([part.ravel() for part in readouts])
    edges = np.cumsum([0, *head.sizes], dtype=np.int64)
    decide = partial(_CATEGORICAL.for_work(1), weight, base, moves, readout, edges)
    return CompiledHead(len(head.sizes), count, decide)


def _draw_categorical(
    weight: Floats,
    base: Floats,
    moves: Floats,
    readout: Floats,
    edges: Ints,
    hidden: Floats,
    bias: Doubles,
    temperature: Doubles,
    top_p: float,
    most: int,  # of binary columns: nothing here
    uniforms: Doubles,
) -> tuple[int, Ints]:
    columns, count, width = len(edges) - 1, len(bias), moves.shape[1]
    total = base.copy()
    add_product(total, weight, hidden)
    state, active = total[count:].copy(), np.empty(width, np.float32)
    step = np.zeros(columns, np.int64)
    for k in range(columns):
        for i in range(width):
            active[i] = tanh(state[i])
        first, end = edges[k], edges[k + 1]
        logits = total[first:end]
        own = readout[first * width : end * width].reshape((width, end - first))
        add_product(logits, own, active)
        status, chosen = _choose(logits, bias[first:end], temperature[k], top_p, uniforms[k])
        if status != DRAWN:
            return status, step
        step[k] = chosen
        move = moves[first + chosen]
        for i in range(width):
            state[i] += move[i]
    return DRAWN, step


def _choose(
    logits: Floats, bias: Doubles, temperature: float, top_p: float, uniform: float
) -> tuple[int, int]:
    """A value by nucleus sampling, as in `heads.categorical.choose`: status and value.

    Where values are forced only they are candidates, by their logits alone.
    """
    if not 0.0 <= temperature < np.inf:
        return BAD_SHAPING, 0
    size = len(logits)
    biased = np.empty(size, np.float64)
    is_forced = bias.max() == np.inf
    best, best_value = -np.inf, -1
    for i in range(size):
        if np.isnan(logits[i]):
            return NOT_A_NUMBER, 0
        if np.isnan(bias[i]):
            return BAD_SHAPING, 0
        if is_forced:
            biased[i] = logits[i] if bias[i] == np.inf else -np.inf
        else:
            biased[i] = logits[i] + bias[i]
        if biased[i] > best:
            best, best_value = biased[i], i
    if best_value < 0:
        return NOTHING_LEFT, 0
    if temperature == 0.0:
        return DRAWN, best_value
    weights = np.zeros(size, np.float64)
    for i in range(size):
        if biased[i] > -np.inf:
            # Measured from the largest: no temperature, however small, divides up to infinity.
            weights[i] = np.exp(np.divide(biased[i] - best, temperature))
    weights /= weights.sum()
    order = np.argsort(-weights, kind="mergesort")  # the lowest of equals first
    kept, before = 0, 0.0
    sums = np.empty(size, np.float64)
    for place in range(size):
        probability = weights[order[place]]
        if before >= top_p or probability == 0.0:
            break
        before += probability
        sums[place] = before
        kept += 1
    place = 0
    while place < kept - 1 and sums[place] <= uniform * before:
        place += 1
    return DRAWN, order[place]


_CATEGORICAL = Kernel(
    _draw_categorical,
    patience=0,
    example=lambda: (
        zeros(1, 2),
        zeros(2),
        zeros(1, 1),
        zeros(1),
        np.array([0, 1]),
        zeros(1),
        np.zeros(1),
        np.ones(1),
        1.0,
        -1,
        np.zeros(1),
    ),
    helpers=(tanh, add_product, _choose),
)
