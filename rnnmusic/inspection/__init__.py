"""Any recurrent network as a filter: its local linearisation along a piece."""

from __future__ import annotations

from rnnmusic.inspection.cells import Cells, CellView, look
from rnnmusic.inspection.gates import Gate, gates
from rnnmusic.inspection.gradients import GradientByLag, gradients_by_lag
from rnnmusic.inspection.linearisation import Moment, linearise
from rnnmusic.inspection.memory import Memory, measure
from rnnmusic.inspection.musical import Feature, features
from rnnmusic.inspection.report import LayerView, inspect, time_constants
from rnnmusic.inspection.tracking import Tracked, track
from rnnmusic.inspection.trajectory import Trajectory, follow

__all__ = [
    "CellView",
    "Cells",
    "Feature",
    "Gate",
    "GradientByLag",
    "LayerView",
    "Memory",
    "Moment",
    "Tracked",
    "Trajectory",
    "features",
    "follow",
    "gates",
    "gradients_by_lag",
    "inspect",
    "linearise",
    "look",
    "measure",
    "time_constants",
    "track",
]
