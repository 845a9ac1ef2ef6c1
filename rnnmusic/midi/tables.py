"""The event tables that a scan fills."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.score import BEND, CONTROL, KEY, METRE, NOTE, TEMPO, Table

Parts = NDArray[np.int16]  # channel * 128 + program of each row


class Rows(NamedTuple):
    """A number of rows for each table."""

    notes: int
    controls: int
    bends: int
    tempos: int
    metres: int
    keys: int


class Tables(NamedTuple):
    """A file's events by kind, in file order, and whose they are."""

    notes: Table
    note_part: Parts
    controls: Table
    control_part: Parts
    bends: Table
    bend_part: Parts
    tempos: Table
    metres: Table
    keys: Table

    @classmethod
    def for_bytes(cls, byte_count: int, most_notes: int) -> Tables:
        """Room for what so many bytes can say; memory is only used where rows are filled."""
        messages, metas = byte_count // 3 + 1, byte_count // 6
        notes = min(messages, most_notes)
        return cls(
            np.empty(notes, dtype=NOTE),
            np.empty(notes, dtype=np.int16),
            np.empty(messages, dtype=CONTROL),
            np.empty(messages, dtype=np.int16),
            np.empty(messages, dtype=BEND),
            np.empty(messages, dtype=np.int16),
            np.empty(metas, dtype=TEMPO),
            np.empty(metas, dtype=METRE),
            np.empty(metas, dtype=KEY),
        )

    def shrink(self, filled: Rows) -> None:
        """Give back the room behind the rows filled; no view of a table may be alive."""
        notes, controls, bends, *metas = filled
        counts = (notes, notes, controls, controls, bends, bends, *metas)
        for table, count in zip(self, counts, strict=True):
            table.resize(count, refcheck=False)
