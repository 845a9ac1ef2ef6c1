"""Pieces from one process to another: through a file, since pipes are slow and memory is small.

The arrays of a few pieces go to a file that the other side maps and deletes; what is read of it
later comes from the page cache, and what isn't read yet takes no memory.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus.records import Found, Verdict

Outcome = Found | Verdict

_NOTHING = np.empty(0, dtype=np.uint8)


class Spooled(NamedTuple):
    """What became of some items, the arrays of steps and clocks left in a file."""

    outcomes: list[list[Outcome]]
    file: str
    layouts: list[tuple[np.dtype[Any], tuple[int, ...]]]  # of the arrays, one after the other


def spool(outcomes: Sequence[list[Outcome]], folder: Path) -> Spooled:
    """Write the arrays to a new file in a folder."""
    layouts: list[tuple[np.dtype[Any], tuple[int, ...]]] = []
    handle, name = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as file:

        def stripped(outcome: Outcome) -> Outcome:
            if isinstance(outcome, Verdict):
                return outcome
            for array in (outcome.rows, outcome.clock):
                layouts.append((array.dtype, array.shape))
                file.write(np.ascontiguousarray(array).data)
            return outcome._replace(rows=_NOTHING, clock=_NOTHING)

        return Spooled([[stripped(o) for o in of_one] for of_one in outcomes], name, layouts)


def unspool(spooled: Spooled) -> list[list[Outcome]]:
    """The outcomes with their arrays, which stay mapped until they are let go; the file is gone."""
    path = Path(spooled.file)
    mapped = np.memmap(path, mode="r") if path.stat().st_size else _NOTHING
    path.unlink()
    layouts = iter(spooled.layouts)
    at = 0

    def taken() -> NDArray[Any]:
        nonlocal at
        dtype, shape = next(layouts)
        size = dtype.itemsize * int(np.prod(shape))
        array = np.frombuffer(mapped.data, np.uint8, size, at) if size else _NOTHING
        at += size
        return array.view(dtype).reshape(shape)

    return [
        [o if isinstance(o, Verdict) else o._replace(rows=taken(), clock=taken()) for o in of_one]
        for of_one in spooled.outcomes
    ]
