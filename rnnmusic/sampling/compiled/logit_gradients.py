"""How the likelihood of a step that somebody else made moves with what the head read."""

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

#: hidden (H,), a step (F,) and what is wrong with its logits (W,), as their gradient -> that of
#: the hidden, (H,).
LogitGradient = Callable[[Floats, Steps, Floats], Floats]


def bernoulli_gradient(head: BernoulliHead) -> LogitGradient:
    """Of independent columns."""
    return partial(_BERNOULLI.for_work(1), floats(head.logits.weight))


def nade_gradient(head: NadeHead) -> LogitGradient:
    """Of columns given those below: through what the hidden units of each column see."""
    return partial(
        _NADE.for_work(1),
        floats(head.hidden_bias.weight.T),
        floats(head.hidden_bias.bias),
        floats(head.hidden_bias.weight),
        floats(head.visible_bias.weight),
        floats(head.weight),
        floats(head.readout),
    )


def categorical_gradient(head: FactoredCategoricalHead) -> LogitGradient:
    """Of factors given those before."""
    tables = [doubles(cast(Tensor, table.weight)) for table in head.embeddings]
    moves = np.concatenate([*tables, np.zeros((head.sizes[-1], head.start.out_features))])
    readout = np.concatenate([doubles(cast(Tensor, part.weight)) for part in head.readouts])
    return partial(
        _CATEGORICAL.for_work(1),
        floats(head.start.weight.T),
        floats(head.start.bias),
        floats(head.start.weight),
        floats(head.direct.weight),
        floats(moves),
        floats(readout),
        np.cumsum([0, *head.sizes], dtype=np.int64),
    )


#: Of the heads of `logits.STEP_LOGITS`.
LOGIT_GRADIENTS: dict[type[Head], Callable[[Any], LogitGradient]] = {
    BernoulliHead: bernoulli_gradient,
    NadeHead: nade_gradient,
    FactoredCategoricalHead: categorical_gradient,
}


def _bernoulli(back: Floats, hidden: Floats, step: Ints, error: Floats) -> Floats:
    gradient = np.zeros_like(hidden)
    add_product(gradient, back, error)
    return gradient


def _nade(
    weight: Floats,
    base: Floats,
    back: Floats,
    direct_back: Floats,
    moves: Floats,
    readout: Floats,
    hidden: Floats,
    step: Ints,
    error: Floats,
) -> Floats:
    columns, units = moves.shape
    state, blame = base.copy(), np.zeros_like(base)
    add_product(state, weight, hidden)
    slope = np.empty_like(base)
    for d in range(columns):
        if d == 0 or step[d - 1]:
            for k in range(units):
                active = sigmoid(state[k])
                slope[k] = active * (_ONE - active)
        for k in range(units):
            blame[k] += error[d] * readout[d, k] * slope[k]
        if step[d]:
            for k in range(units):
                state[k] += moves[d, k]
    gradient = np.zeros_like(hidden)
    add_product(gradient, direct_back, error)
    add_product(gradient, back, blame)
    return gradient


def _categorical(
    weight: Floats,
    base: Floats,
    back: Floats,
    direct_back: Floats,
    moves: Floats,
    readout: Floats,
    edges: Ints,
    hidden: Floats,
    step: Ints,
    error: Floats,
) -> Floats:
    width = readout.shape[1]
    state, blame = base.copy(), np.zeros_like(base)
    add_product(state, weight, hidden)
    for f in range(len(edges) - 1):
        for k in range(width):
            active = tanh(state[k])
            total = _ZERO
            for i in range(edges[f], edges[f + 1]):
                total += error[i] * readout[i, k]
            blame[k] += (_ONE - active * active) * total
            state[k] += moves[edges[f] + step[f], k]
    gradient = np.zeros_like(hidden)
    add_product(gradient, direct_back, error)
    add_product(gradient, back, blame)
    return gradient


_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_IDS = np.zeros(1, np.int64)
_BERNOULLI = Kernel(
    _bernoulli,
    patience=0,
    example=lambda: (zeros(1, 1), zeros(1), _IDS, zeros(1)),
    helpers=(add_product,),
)
_NADE = Kernel(
    _nade,
    patience=0,
    example=lambda: (
        *(zeros(1, 1), zeros(1), zeros(1, 1), zeros(1, 1), zeros(1, 1), zeros(1, 1)),
        *(zeros(1), _IDS, zeros(1)),
    ),
    helpers=(tanh, sigmoid, add_product),
)
_CATEGORICAL = Kernel(
    _categorical,
    patience=0,
    example=lambda: (
        *(zeros(1, 1), zeros(1), zeros(1, 1), zeros(1, 1), zeros(1, 1), zeros(1, 1)),
        *(np.array([0, 1]), zeros(1), _IDS, zeros(1)),
    ),
    helpers=(tanh, add_product),
)
