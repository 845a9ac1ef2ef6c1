"""The tasks by which recurrences are compared in the literature, made on the spot."""

from rnnmusic.tasks.delayed import DelayedXor
from rnnmusic.tasks.numbers import Adding, FrequencyDiscrimination, mackey_glass, narma10
from rnnmusic.tasks.protocol import Examples, Score, Task, only_last, taught
from rnnmusic.tasks.symbols import CopyMemory, Parity, Reversal, SelectiveCopy

__all__ = [
    "Adding",
    "CopyMemory",
    "DelayedXor",
    "Examples",
    "FrequencyDiscrimination",
    "Parity",
    "Reversal",
    "Score",
    "SelectiveCopy",
    "Task",
    "mackey_glass",
    "narma10",
    "only_last",
    "taught",
]
