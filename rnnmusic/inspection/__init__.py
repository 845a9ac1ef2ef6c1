"""Any recurrent network as a filter: its local linearisation along a piece."""

from __future__ import annotations

from rnnmusic.inspection.linearisation import Moment, linearise
from rnnmusic.inspection.memory import Memory, measure
from rnnmusic.inspection.report import LayerView, inspect, time_constants
from rnnmusic.inspection.trajectory import Trajectory, follow

__all__ = [
    "LayerView",
    "Memory",
    "Moment",
    "Trajectory",
    "follow",
    "inspect",
    "linearise",
    "measure",
    "time_constants",
]
