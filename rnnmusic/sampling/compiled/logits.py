"""What a head thinks of a step that somebody else made: the logits of each of its choices, given
those before it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.compiling import Kernel
from rnnmusic.encodings.protocol import Steps
from rnnmusic.heads import BernoulliHead, FactoredCategoricalHead, Head, NadeHead
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, sigmoid, tanh, zeros
from rnnmusic.sampling.compiled.weights import doubles, floats

Ints = NDArray[np.int64]

#: hidden (H,) and a step (F,) -> the logits (W,) that a shaping's bias is added to.
StepLogits = Callable[[Floats, Steps], Floats]


def bernoulli_logits(head: BernoulliHead) -> StepLogits:
    """Independent columns: they know nothing of the step."""
    kernel = _BERNOULLI.for_work(1)
    return partial(kernel, floats(head.logits.weight.T), floats(head.logits.bias))


def nade_logits(head: NadeHead) -> StepLogits:
    """Each column given those below."""
    weight = np.concatenate([doubles(head.hidden_bias.weight), doubles(head.visible_bias.weight)])
    base = np.concatenate([doubles(head.hidden_bias.bias), doubles(head.visible_bias.bias)])
    moves, readout = floats(head.weight), floats(head.readout)
    return partial(_NADE.for_work(1), floats(weight.T), floats(base), moves, readout)


def categorical_logits(head: FactoredCategoricalHead) -> StepLogits:
    """Each factor given those before."""
    weight = np.concatenate([doubles(head.direct.weight), doubles(head.start.weight)])
    base = np.concatenate([doubles(head.direct.bias), doubles(head.start.bias)])
    tables = [doubles(cast(Tensor, table.weight)) for table in head.embeddings]
    moves = np.concatenate([*tables, np.zeros((head.sizes[-1], head.start.out_features))])
    readout = np.concatenate([doubles(cast(Tensor, part.weight)) for part in head.readouts])
    edges = np.cumsum([0, *head.sizes], dtype=np.int64)
    kernel = _CATEGORICAL.for_work(1)
    return partial(kernel, floats(weight.T), floats(base), floats(moves), floats(readout), edges)


#: Heads whose logits are known here.
STEP_LOGITS: dict[type[Head], Callable[[Any], StepLogits]] = {
    BernoulliHead: bernoulli_logits,
    NadeHead: nade_logits,
    FactoredCategoricalHead: categorical_logits,
}


def _bernoulli(weight: Floats, base: Floats, hidden: Floats, step: Ints) -> Floats:
    logits = base.copy()
    add_product(logits, weight, hidden)
    return logits


def _nade(
    weight: Floats, base: Floats, moves: Floats, readout: Floats, hidden: Floats, step: Ints
) -> Floats:
    columns, units = moves.shape
    total = base.copy()
    add_product(total, weight, hidden)
    state, logits = total[:units].copy(), total[units:].copy()
    active = np.empty(units, np.float32)
    for k in range(units):
        active[k] = sigmoid(state[k])
    for d in range(columns):
        for k in range(units):
            logits[d] += readout[d, k] * active[k]
        if step[d]:
            for k in range(units):
                state[k] += moves[d, k]
                active[k] = sigmoid(state[k])
    return logits


def _categorical(
    weight: Floats,
    base: Floats,
    moves: Floats,
    readout: Floats,
    edges: Ints,
    hidden: Floats,
    step: Ints,
) -> Floats:
    count, width = readout.shape
    total = base.copy()
    add_product(total, weight, hidden)
    state, logits = total[count:].copy(), total[:count].copy()
    active = np.empty(width, np.float32)
    for f in range(len(edges) - 1):
        for k in range(width):
            active[k] = tanh(state[k])
        for i in range(edges[f], edges[f + 1]):
            for k in range(width):
                logits[i] += readout[i, k] * active[k]
        for k in range(width):
            state[k] += moves[edges[f] + step[f], k]
    return logits


_IDS = np.zeros(1, np.int64)
_BERNOULLI = Kernel(
    _bernoulli,
    patience=0,
    example=lambda: (zeros(1, 1), zeros(1), zeros(1), _IDS),
    helpers=(add_product,),
)
_NADE = Kernel(
    _nade,
    patience=0,
    example=lambda: (zeros(1, 2), zeros(2), zeros(1, 1), zeros(1, 1), zeros(1), _IDS),
    helpers=(tanh, sigmoid, add_product),
)
_CATEGORICAL = Kernel(
    _categorical,
    patience=0,
    example=lambda: (
        zeros(1, 2),
        zeros(2),
        zeros(1, 1),
        zeros(1, 1),
        np.array([0, 1]),
        zeros(1),
        _IDS,
    ),
    helpers=(tanh, add_product),
)
