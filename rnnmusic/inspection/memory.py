"""How long a recurrence remembers: what becomes of a small change of its state."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.inspection.trajectory import Trajectory
from rnnmusic.recurrent import tree_map
from rnnmusic.recurrent.flat import Unflatten, flattened

_DIRECTIONS = 8  # random changes from each start
_STARTS = 24


class Memory(NamedTuple):
    """How much is left of a change of the state after k steps: decay (K + 1,), from 1 on.

    The root mean square over random directions and over starts along the piece: the change is
    carried by the Jacobians that the network has where the music takes it.
    """

    decay: NDArray[np.float64]

    @property
    def steps(self) -> int | None:
        """Steps until 1 / e is left; None when more is left at the end."""
        below = np.flatnonzero(self.decay < np.exp(-1))
        return int(below[0]) if len(below) else None


def measure(trajectory: Trajectory, horizon: int, *, seed: int = 0) -> Memory:
    """Follow changes of the state for `horizon` steps, or as far as the piece goes."""
    total = len(trajectory.inputs)
    horizon = max(1, min(horizon, total - 1))
    starts = np.unique(
        np.linspace(0, total - horizon, min(_STARTS, total - horizon + 1)).astype(int)
    )
    rows = torch.as_tensor(np.repeat(starts, _DIRECTIONS))
    flat, unflatten = flattened(tree_map(lambda tensor: tensor[rows], trajectory.states))
    generator = torch.Generator().manual_seed(seed)
    change = torch.randn(flat.shape, generator=generator, dtype=flat.dtype)
    change = change / change.norm(dim=1, keepdim=True)
    decay = [1.0]
    for k in range(horizon):
        flat, change = _step(trajectory, rows + k, flat, unflatten, change)
        decay.append(float(change.square().sum(1).mean().sqrt()))
    return Memory(np.array(decay))


def _step(
    trajectory: Trajectory, rows: Tensor, flat: Tensor, unflatten: Unflatten, change: Tensor
) -> tuple[Tensor, Tensor]:
    """States (R, N) after a step, and a change of them (R, N) carried along by their Jacobians.

    The product with a Jacobian is the derivative of the product with its transpose: forward-mode
    differentiation would do, but not every operation has it.
    """
    flat = flat.detach().requires_grad_()
    weights = torch.zeros_like(flat, requires_grad=True)
    after, _ = flattened(trajectory.layer.step(trajectory.inputs[rows], unflatten(flat))[1])
    (pulled,) = torch.autograd.grad(after, flat, weights, create_graph=True)
    (pushed,) = torch.autograd.grad(pulled, weights, change)
    return after.detach(), pushed
