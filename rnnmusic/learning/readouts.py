"""Linear readouts of recurrences, solved at once by ridge regression, and fed back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import Recurrent, State

Doubles = NDArray[np.float64]

#: Regularisations that are tried, as shares of the largest squared singular value of the states.
_SHARES = np.logspace(-22, 0, 67)


@dataclass(frozen=True)
class Readout:
    """y = weight [h; 1]: weight (F, H + 1), the bias in its last column.

    regularisation: what it was solved with, where that was so.
    """

    weight: Doubles
    regularisation: float | None = None

    def __call__(self, states: Doubles) -> Doubles:
        """y (..., F) of states (..., H)."""
        y: Doubles = states @ self.weight[:, :-1].T + self.weight[:, -1]
        return y


def ridge(
    states: Doubles,
    targets: Doubles,
    *,
    washout: int = 0,
    regularisation: float | None = None,
) -> Readout:
    """The readout with the least squared error plus regularisation times its squared weights.

    states (T, H), targets (T, F). The first `washout` steps don't count: there the states still
    depend on where they began. The bias is a weight like the others, of a state that is always 1.

    regularisation None: chosen by generalised cross-validation, the one with the least
    |Y - S Y|^2 / (1 - tr S / T)^2, where S is the smoother that makes predictions of targets
    (Golub, Heath and Wahba 1979). The work is a QR decomposition and the singular values of R: the
    states' product with themselves would lose half the digits, which readouts that are fed back
    need.
    """
    if len(states) != len(targets) or len(states) - washout < 2:
        raise UsageError(
            f"{len(states)} states and {len(targets)} targets with a washout of {washout} leave "
            "nothing to solve; give as many of both, and more than the washout."
        )
    if regularisation is not None and regularisation < 0:
        raise UsageError(f"The regularisation is {regularisation}; give 0 or more.")
    regressors = with_bias(states[washout:].astype(np.float64))
    wanted = targets[washout:].astype(np.float64)
    q, r = np.linalg.qr(regressors)
    u, singular, vt = np.linalg.svd(r, full_matrices=False)
    seen = (q @ u).T @ wanted
    if regularisation is None:
        unseen = max(0.0, float(np.sum(wanted**2) - np.sum(seen**2)))
        regularisation = _by_cross_validation(singular, seen, unseen, len(wanted))
    # Singular values that are rounding errors say nothing, and without a ridge would say it loudly.
    usable = singular > np.finfo(float).eps * singular[0] * (regularisation == 0)
    gain = np.zeros_like(singular)
    gain[usable] = singular[usable] / (singular[usable] ** 2 + regularisation)
    return Readout(((vt.T * gain) @ seen).T, regularisation)


def with_bias(states: Doubles) -> Doubles:
    """States (..., H) with a 1 after each, (..., H + 1)."""
    return np.concatenate([states, np.ones((*states.shape[:-1], 1))], axis=-1)


def stepped(network: Recurrent, inputs: Doubles, state: State) -> tuple[Doubles, State]:
    """One step of a network on arrays: inputs (B, D) -> outputs (B, H) and the state after."""
    kind = next(chain(network.parameters(), network.buffers())).dtype
    y, after = network.step(torch.as_tensor(inputs, dtype=kind), state)
    return y.double().numpy(), after


@torch.no_grad()
def run_free(
    network: Recurrent, readout: Readout, state: State, last: Doubles, steps: int
) -> Doubles:
    """What a network plays on its own when it reads its own outputs, (B, steps, F).

    state: of B rows. last (B, F): the output before, which it reads first.
    """
    outputs = np.empty((len(last), steps, last.shape[1]))
    for t in range(steps):
        h, state = stepped(network, last, state)
        outputs[:, t] = last = readout(h)
    return outputs


def _by_cross_validation(singular: Doubles, seen: Doubles, unseen: float, count: int) -> float:
    """seen: the targets in the basis of the regressors, unseen: the square of what is outside."""
    squared = singular**2
    candidates = _SHARES * squared[0]
    kept = squared / (squared + candidates[:, None])  # (candidates, singular values)
    error = (1.0 - kept) ** 2 @ np.sum(seen**2, axis=1) + unseen
    score = error / (1.0 - kept.sum(1) / count) ** 2
    return float(candidates[np.argmin(score)])
