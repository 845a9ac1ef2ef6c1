"""Every row of the table, by family."""

from __future__ import annotations

from rnnmusic.flavours.row import Row
from rnnmusic.flavours.rows import (
    belief,
    continuous,
    diagonal,
    gated,
    memory,
    memoryless,
    multiaxis,
    orthogonal,
    reservoir,
)

ROWS: list[Row] = [
    *memoryless.ROWS,
    *gated.ROWS,
    *diagonal.ROWS,
    *orthogonal.ROWS,
    *memory.ROWS,
    *reservoir.ROWS,
    *continuous.ROWS,
    *belief.ROWS,
    *multiaxis.ROWS,
]
