"""Parallel perceptrons and the p-delta rule: the readout of liquid state machines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnmusic.errors import UsageError
from rnnmusic.learning.readouts import with_bias

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class ParallelPerceptron:
    """Perceptrons that vote: y = clip(sum of the signs of w_i [h; 1] / n, -1, 1) for n of them.

    weight: (n, H + 1). (Auer, Burgsteiner and Maass 2008.)
    """

    weight: Doubles

    def __call__(self, states: Doubles) -> Doubles:
        """y (...,), in -1..1, of states (..., H)."""
        votes = np.where(with_bias(states) @ self.weight.T >= 0.0, 1.0, -1.0)
        y: Doubles = votes.mean(-1)
        return y


def p_delta(
    states: Doubles,
    targets: Doubles,
    *,
    perceptrons: int = 31,
    tolerance: float = 0.05,
    margin: float = 0.05,
    clear: float = 1.0,
    learning_rate: float = 0.01,
    epochs: int = 20,
    seed: int = 0,
) -> ParallelPerceptron:
    """Learn targets (T,) in -1..1 from states (T, H) by the p-delta rule.

    With z = [h; 1] of length 1 and the error of the vote beyond `tolerance`: where it is too large,
    perceptrons that say yes move by -z, where it is too small those that say no by z. Where it
    isn't too large, those that barely say yes (within `margin`) move by clear z, away from changing
    their minds, and likewise those that barely say no. Weights are drawn towards length 1 all the
    while.
    """
    if len(states) != len(targets) or np.abs(targets).max(initial=0.0) > 1.0:
        raise UsageError("p-delta takes as many targets as states, all of them between -1 and 1.")
    rng = np.random.default_rng(seed)
    z = with_bias(states)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    weight = rng.standard_normal((perceptrons, z.shape[1]))
    weight /= np.linalg.norm(weight, axis=1, keepdims=True)
    for epoch in range(epochs):
        rate = learning_rate / np.sqrt(1.0 + epoch)
        for t in rng.permutation(len(z)):
            sums = weight @ z[t]
            excess = np.where(sums >= 0.0, 1.0, -1.0).mean() - targets[t]
            push = np.zeros(perceptrons)
            if excess > tolerance:
                push[sums >= 0.0] = -1.0
            else:
                push[(sums >= 0.0) & (sums < margin)] = clear
            if excess < -tolerance:
                push[sums < 0.0] = 1.0
            else:
                push[(sums < 0.0) & (sums > -margin)] = -clear
            squared = np.einsum("nh,nh->n", weight, weight)
            weight += rate * (np.outer(push, z[t]) - (squared - 1.0)[:, None] * weight)
    return ParallelPerceptron(weight)
