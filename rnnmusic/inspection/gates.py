"""How far gates stand open along a piece."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rnnmusic.inspection.trajectory import Trajectory
from rnnmusic.recurrent import Gru, Lstm, Recurrent
from rnnmusic.recurrent.continuous import ClosedForm
from rnnmusic.recurrent.diagonal import MinGru, ResidualBlock, RgLru
from rnnmusic.recurrent.gated import GruBefore, PeepholeLstm, Slstm
from rnnmusic.recurrent.memory import AttentiveGru
from rnnmusic.recurrent.multiaxis import GridLstm, Spatial

SHUT, OPEN = 0.1, 0.9

#: The gates of a flavour, of a block's recurrence, in the order in which `step` computes them;
#: several times over where there are several cells in a layer. Those of others are only numbered.
NAMES: dict[type[nn.Module], tuple[str, ...]] = {
    Lstm: ("forget", "input", "output"),
    PeepholeLstm: ("forget", "input", "output"),
    Gru: ("reset", "update"),
    AttentiveGru: ("reset", "update"),
    GruBefore: ("reset and update",),
    Slstm: ("input", "output"),
    MinGru: ("old", "new"),
    RgLru: ("recurrence and input",),
    ClosedForm: ("share",),
    GridLstm: ("forget", "input", "output"),
    Spatial: ("memory of before", "forget", "input", "output"),
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
    names = _names(trajectory.layer, len(values))
    found = []
    for name, value in zip(names, values, strict=True):
        numbers = value.flatten(1).double().numpy()
        found.append(Gate(name, (numbers < SHUT).mean(axis=0), (numbers > OPEN).mean(axis=0)))
    return found


def _names(layer: Recurrent, count: int) -> list[str]:
    cell = layer.mixer if isinstance(layer, ResidualBlock) else layer
    known = NAMES.get(type(cell), ())
    cells, rest = divmod(count, len(known)) if known else (0, 1)
    if rest:
        return [f"gate {number}" for number in range(1, count + 1)]
    if cells == 1:
        return list(known)
    return [f"{name} {cell}" for cell in range(1, cells + 1) for name in known]


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
