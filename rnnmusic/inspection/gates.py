"""How far gates stand open along a piece."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from rnnmusic.inspection.trajectory import Trajectory
from rnnmusic.recurrent import Gru, Lstm, Recurrent
from rnnmusic.recurrent.gated import PeepholeLstm

SHUT, OPEN = 0.1, 0.9

#: The gates of a flavour in the order in which `step` computes them; others are only numbered.
NAMES: dict[type[Recurrent], tuple[str, ...]] = {
    Lstm: ("forget", "input", "output"),
    PeepholeLstm: ("forget", "input", "output"),
    Gru: ("reset", "update"),
}


class Gate(NamedTuple):
    """One gate of a layer: for each of its units (H,) the share of the piece in which it is shut
    (below 0.1) and open (above 0.9). A unit that is neither for long is one that decides."""

    name: str
    shut: NDArray[np.float64]
    open: NDArray[np.float64]

    @property
    def saturated(self) -> float:
        """Share of units and steps that are shut or open."""
        return float((self.shut + self.open).mean())


def gates(trajectory: Trajectory) -> list[Gate]:
    """The gates of a layer: whatever goes through a logistic function in a step of it.

    (Saturation as in Karpathy, Johnson and Fei-Fei 2015, "Visualizing and understanding recurrent
    networks".) All steps of the piece are taken at once, as rows of a batch.
    """
    steps = len(trajectory.inputs)
    with torch.no_grad(), _Logistic() as seen:
        trajectory.layer.step(trajectory.inputs, trajectory.states)
    # Of a parameter alone it is no gate: it stands still along the piece.
    values = [value for value in seen.values if value.dim() > 1 and len(value) == steps]
    names = NAMES.get(type(trajectory.layer), ())
    if len(names) != len(values):
        names = tuple(f"gate {number}" for number in range(1, len(values) + 1))
    found = []
    for name, value in zip(names, values, strict=True):
        numbers = value.flatten(1).double().numpy()
        found.append(Gate(name, (numbers < SHUT).mean(axis=0), (numbers > OPEN).mean(axis=0)))
    return found


class _Logistic(TorchFunctionMode):
    """Remembers the results of every logistic function while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[Tensor] = []

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch, and keep what a logistic one gives."""
        result = function(*args, **(kwargs or {}))
        if function in (torch.sigmoid, Tensor.sigmoid):
            self.values.append(result)
        return result
