"""The linear filter that a recurrence is at one moment: its Jacobians around a state.

Near a state s and an input x a recurrence s' = f(x, s), y = g(x, s) moves as the linear system
ds' = A ds + B dx, dy = C ds + D dx with A = df/ds, B = df/dx, C = dg/ds, D = dg/dx
(first-order Taylor expansion; Sussillo and Barak 2013 around fixed points, here along a piece).
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import jacrev, vmap

from rnnmusic.filters.forms import StateSpace
from rnnmusic.inspection.trajectory import Trajectory
from rnnmusic.recurrent import tree_map
from rnnmusic.recurrent.flat import flattened

_CHUNK = 64  # rows of a Jacobian at once: bounds the memory of large layers


class Moment(NamedTuple):
    """A layer at one step of a piece, as the linear filter it is there."""

    step: int
    form: StateSpace


def linearise(trajectory: Trajectory, steps: NDArray[np.int64]) -> list[Moment]:
    """The layer's local filter at each of these steps.

    The state of the form is all that the layer carries, flattened: of an LSTM h and then c.
    """
    layer = trajectory.layer
    index = torch.as_tensor(steps)
    states = tree_map(lambda tensor: tensor[index], trajectory.states)
    flat, unflatten = flattened(states)
    was_needed = [p.requires_grad for p in layer.parameters()]
    layer.requires_grad_(False)

    def advance(x: Tensor, s: Tensor) -> Tensor:
        y, after = layer.step(x[None], unflatten(s[None]))
        return torch.cat([flattened(after)[0][0], y[0]])

    jacobians = vmap(jacrev(advance, argnums=(0, 1), chunk_size=_CHUNK))
    try:
        with warnings.catch_warnings():
            # Some operations go row by row here, and torch says each time that this is slow.
            warnings.filterwarnings("ignore", message="There is a performance drop")
            by_input, by_state = jacobians(trajectory.inputs[index], flat)
    finally:
        for parameter, needed in zip(layer.parameters(), was_needed, strict=True):
            parameter.requires_grad_(needed)
    size = flat.shape[1]
    moments = []
    for row, step in enumerate(steps.tolist()):
        by_x, by_s = by_input[row].numpy(), by_state[row].numpy()
        form = StateSpace(by_s[:size], by_x[:size], by_s[size:], by_x[size:])
        moments.append(Moment(step, form))
    return moments
