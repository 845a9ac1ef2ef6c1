"""How far back a network learns: gradients by how many steps they reach back."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import Steps
from rnnmusic.generator import Generator
from rnnmusic.inspection.trajectory import heard_by

_TARGETS = 24


class GradientByLag(NamedTuple):
    """Norm of the gradient that one step's loss sends to what a layer of the stack read k steps
    earlier.

    norm (K + 1,): root mean square over the steps looked at. per_step: the factor by which it
    changes from step to step, of a straight line through the logarithms from lag 1 on: below 1
    gradients vanish, above 1 they explode (Bengio, Simard and Frasconi 1994). The logarithms of
    norms below a millionth of the largest are left out.
    """

    norm: NDArray[np.float64]
    per_step: float | None

    @property
    def half_life_steps(self) -> float | None:
        """Steps in which the gradient halves; None where it doesn't shrink."""
        if self.per_step is None or not 0 < self.per_step < 1:
            return None
        return float(np.log(0.5) / np.log(self.per_step))


def gradients_by_lag(
    generator: Generator,
    steps: Steps,
    clock: NDArray[np.uint8] | None = None,
    *,
    horizon: int = 64,
) -> list[GradientByLag]:
    """For every layer, how strongly the loss of a step depends on what came k steps before it.

    The loss is that of the head for the step that the piece (T, F) has there, in nats, in float64.
    Looked at from some places along the second half of the piece.
    """
    network = copy.deepcopy(generator).double().eval().cpu()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    features = heard_by(network, steps, clock)
    layers = list(network.recurrent.layers)
    read = [features.unsqueeze(0).requires_grad_()]
    for layer in layers:
        read.append(layer(read[-1])[0])
    targets = torch.from_numpy(np.asarray(steps)[None].astype(np.float64))
    nats = -network.head.log_prob(read[-1], targets if network.encoding.is_real else targets.long())
    total = nats.shape[1]
    horizon = max(1, min(horizon, total - 1))
    places = np.unique(np.linspace(max(horizon, total // 2), total - 1, _TARGETS).astype(int))
    squares = np.zeros((len(layers), horizon + 1))
    # Spikes have no derivative: what lies below them gets none.
    for place in places if nats.requires_grad else ():
        found = torch.autograd.grad(
            nats[0, place], read[:-1], retain_graph=True, materialize_grads=True
        )
        for row, gradient in enumerate(found):
            norms = gradient[0, place - horizon : place + 1].norm(dim=1).numpy()[::-1]
            squares[row] += norms**2
    norm = np.sqrt(squares / len(places))
    return [GradientByLag(row, _factor(row)) for row in norm]


def _factor(norm: NDArray[np.float64]) -> float | None:
    lags = np.arange(1, len(norm))
    told = norm[1:] > 1e-6 * norm.max(initial=0.0)
    if told.sum() < 2:
        return None
    slope, _ = np.polyfit(lags[told], np.log(norm[1:][told]), 1)
    return float(np.exp(slope))
