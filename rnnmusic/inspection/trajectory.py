"""What every layer of a network reads and remembers along a piece."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.encodings.protocol import Encoding, Steps
from rnnmusic.errors import InputError
from rnnmusic.generator import Generator
from rnnmusic.recurrent import Recurrent, Stack, State, tree_map
from rnnmusic.recurrent.diagonal import ResidualBlock


class Trajectory(NamedTuple):
    """One layer along a piece: inputs (T, D) and its state before each step, tensors of (T, ...).

    Row t of the states is what the layer remembers when it reads row t of the inputs. is_inner: a
    part of the layer before it, looked at by itself.
    """

    layer: Recurrent
    inputs: Tensor
    states: State
    is_inner: bool = False


def follow(
    generator: Generator, steps: Steps, clock: NDArray[np.uint8] | None = None
) -> list[Trajectory]:
    """Play steps (T, F) through a copy of the network in float64, keeping what each layer sees.

    The network reads each step one step late, as in training: row 0 is what stands for the time
    before the piece. clock (T, C) is the steps' metrical position; unless given, 4/4 from a bar
    line on. InputError for fewer than two steps.
    """
    network = copy.deepcopy(generator).double().eval().cpu()
    with torch.no_grad():
        features = heard_by(network, steps, clock)
        trajectories = []
        for layer in layers_of(network.recurrent):
            trajectory, outputs = _follow(layer, features)
            trajectories.append(trajectory)
            if isinstance(layer, ResidualBlock):
                # The recurrence inside by itself: it is the block's state, and may be linear.
                heard = layer.heard(features)
                inner = Trajectory(layer.mixer, heard, trajectory.states, is_inner=True)
                trajectories.append(inner)
            features = outputs
    return trajectories


def heard_by(network: Generator, steps: Steps, clock: NDArray[np.uint8] | None = None) -> Tensor:
    """The features (T, D) that the network reads along a piece of steps (T, F), as in `follow`."""
    if len(steps) < 2:
        raise InputError(f"The piece has {len(steps)} steps; give one of 2 or more.")
    encoding = network.encoding
    if clock is None:
        clock = metre_of(encoding, len(steps))
    heard = torch.from_numpy(np.concatenate([encoding.start_step()[None], steps[:-1]]))
    heard = heard.double() if heard.is_floating_point() else heard.long()
    features: Tensor = network.embedding(heard, torch.from_numpy(clock.astype(np.int64)))
    return features


def metre_of(encoding: Encoding, count: int) -> NDArray[np.uint8]:
    """The clock (T, C) of so many steps of 4/4 from a bar line on."""
    return np.stack([encoding.clock_at(t, quarters_per_bar=4.0) for t in range(count)])


def layers_of(network: Recurrent) -> list[Recurrent]:
    """The layers of a stack, or the one layer that a recurrence is."""
    if isinstance(network, Stack):
        return [part for layer in network.layers for part in layers_of(layer)]  # type: ignore[arg-type]
    return [network]


def _follow(layer: Recurrent, inputs: Tensor) -> tuple[Trajectory, Tensor]:
    """The layer's trajectory and its outputs (T, H)."""
    state = layer.initial_state(1)
    before, outputs = [], []
    for row in inputs:
        before.append(state)
        y, state = layer.step(row[None], state)
        outputs.append(y)
    states = tree_map(
        lambda *rows: torch.cat([row.expand(1, *row.shape[1:]) for row in rows]), *before
    )
    return Trajectory(layer, inputs, states), torch.cat(outputs)
