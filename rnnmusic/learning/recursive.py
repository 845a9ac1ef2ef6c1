"""Linear readouts that learn step by step: recursive least squares and FORCE."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmusic.errors import UsageError
from rnnmusic.learning.readouts import Readout, stepped, with_bias
from rnnmusic.recurrent import Recurrent, State

Doubles = NDArray[np.float64]


class RecursiveReadout(NamedTuple):
    """The ridge readout of all steps so far, updated by each of them; a value.

    With r = [h; 1], the error e = y - W r before the update and P the inverse of
    regularisation I + sum r r':
        k = P r / (forgetting + r' P r),  W += e k',  P = (P - k (P r)') / forgetting.

    weight W (F, H + 1) and covariance P (H + 1, H + 1). forgetting: what a step counts after each
    one that follows; at 1 nothing is forgotten and the result is `ridge`'s. Below 1 the
    regularisation is forgotten, too, so that states which don't move let P grow without bound.
    """

    weight: Doubles
    covariance: Doubles
    forgetting: float

    @classmethod
    def start(
        cls, states: int, outputs: int, *, regularisation: float = 1.0, forgetting: float = 1.0
    ) -> RecursiveReadout:
        """Before the first step: W = 0, P = I / regularisation."""
        if regularisation <= 0 or not 0 < forgetting <= 1:
            raise UsageError(
                f"The regularisation is {regularisation} and the forgetting {forgetting}; give "
                "more than 0, and the second at most 1."
            )
        covariance = np.eye(states + 1) / regularisation
        return cls(np.zeros((outputs, states + 1)), covariance, forgetting)

    def predict(self, state: Doubles) -> Doubles:
        """y (F,) of a state (H,)."""
        y: Doubles = self.weight @ with_bias(state)
        return y

    def updated(self, state: Doubles, target: Doubles) -> RecursiveReadout:
        """After one more step: state (H,), target (F,)."""
        r = with_bias(state)
        heard = self.covariance @ r
        gain = heard / (self.forgetting + r @ heard)
        covariance = self.covariance - np.outer(gain, heard)
        if self.forgetting < 1.0:
            covariance /= self.forgetting
        return self._replace(
            weight=self.weight + np.outer(target - self.weight @ r, gain), covariance=covariance
        )

    def readout(self) -> Readout:
        """As a readout of any states."""
        return Readout(self.weight)


class Forced(NamedTuple):
    """What FORCE leaves: the readout, the state and the output (1, F) to run on from (`run_free`),
    and the size of the error (T,) at each step, before its update."""

    readout: Readout
    state: State
    output: Doubles
    errors: Doubles


@torch.no_grad()
def force(
    network: Recurrent,
    targets: Doubles,
    *,
    regularisation: float = 1.0,
    every: int = 2,
) -> Forced:
    """Teach a readout of a network that reads it to produce targets (T, F): FORCE.

    The output, not the target, is fed back while it learns, so that what is learned is stable
    under its own errors, which recursive least squares keeps small from the first steps on
    (Sussillo and Abbott 2009). That works best where the network lives by itself, such as an "esn"
    of spectral radius 1.2 to 1.5. every: steps per update.
    """
    outputs = targets.shape[1]
    if network.input_size != outputs:
        raise UsageError(
            f"The network reads {network.input_size} numbers and is to produce {outputs}; make it "
            "read what it produces."
        )
    learner = RecursiveReadout.start(network.output_size, outputs, regularisation=regularisation)
    state = network.initial_state(1)
    fed, errors = np.zeros((1, outputs)), np.empty(len(targets))
    for t, target in enumerate(targets):
        h, state = stepped(network, fed, state)
        fed = learner.predict(h[0])[None]
        errors[t] = np.linalg.norm(target - fed)
        if t % every == 0:
            learner = learner.updated(h[0], target)
    return Forced(learner.readout(), state, fed, errors)
