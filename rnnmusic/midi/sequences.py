"""The sequences of a file of format 2, laid end to end: `score.assembly.end_to_end` on tables.

A file can hold 65,535 of them, too many to make a Score of each first.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from rnnmusic.midi.limits import LimitError
from rnnmusic.midi.state import Longs
from rnnmusic.midi.tables import Tables
from rnnmusic.score import METRE, TEMPO, Table, table
from rnnmusic.score.model import DEFAULT_MICROSECONDS_PER_QUARTER


def lay_end_to_end(
    tables: Tables, chunks: Table, ticks_per_quarter: int, latest_tick: int
) -> tuple[Tables, Table]:
    """The tables with each chunk's events on the bar line at or after its forerunner's end.

    Each sequence begins at its own tempo and metre, 120 and 4/4 where it has none. Returns new
    tables and the chunks with the rows that these have. LimitError beyond the latest tick.
    """
    columns = {
        "notes": [tables.notes["start_tick"], tables.notes["end_tick"]],
        **{
            name: [getattr(tables, name)["tick"]]
            for name in ("controls", "bends", "tempos", "metres", "keys")
        },
    }
    ends = np.zeros(len(chunks), dtype=np.int64)
    for name, ticks in columns.items():
        ends = np.maximum(ends, _latest(ticks[-1], chunks[name]))
    starts = _starts(tables.metres, chunks["metres"], ends, ticks_per_quarter, latest_tick)
    for name, ticks in columns.items():
        for column in ticks:
            column += np.repeat(starts, np.diff(chunks[name], prepend=0))
    chunks = chunks.copy()
    tempos, chunks["tempos"] = _from_start(
        tables.tempos, chunks["tempos"], starts, TEMPO, DEFAULT_MICROSECONDS_PER_QUARTER
    )
    metres, chunks["metres"] = _from_start(tables.metres, chunks["metres"], starts, METRE, 4, 4)
    return tables._replace(tempos=tempos, metres=metres), chunks


def _latest(ticks: Longs, filled: Longs) -> Longs:
    """Latest tick of each chunk's rows, 0 where it has none; filled: rows up to its end."""
    begins = np.concatenate(([0], filled[:-1]))
    latest = np.zeros(len(filled), dtype=np.int64)
    has_any = filled > begins
    if has_any.any():
        latest[has_any] = np.maximum.reduceat(ticks, begins[has_any])
    return latest


def _starts(
    metres: Table, filled: Longs, ends: Longs, ticks_per_quarter: int, latest_tick: int
) -> Longs:
    rows, done, start, starts = metres.tolist(), 0, 0, []
    for end, until in zip(ends.tolist(), filled.tolist(), strict=True):
        starts.append(start)
        mine = sorted(rows[done:until], key=lambda row: row[0])
        start += _next_bar(mine, end, ticks_per_quarter)
        done = until
        if start > latest_tick:
            raise LimitError(f"it goes on beyond tick {latest_tick}, which is the limit")
    return np.array(starts, dtype=np.int64)


def _next_bar(metres: list[tuple[int, int, int]], tick: int, ticks_per_quarter: int) -> int:
    """As `Score.next_bar` for these metres."""
    if not metres or metres[0][0] > 0:
        metres = [(0, 4, 4), *metres]
    i = max(0, bisect_left(metres, (tick,)) - 1)
    begin, numerator, denominator = metres[i]
    bar = max(1, 4 * ticks_per_quarter * numerator // denominator)
    line = begin + -(-max(0, tick - begin) // bar) * bar
    return min(line, metres[i + 1][0]) if i + 1 < len(metres) else line


def _from_start(
    events: Table, filled: Longs, starts: Longs, dtype: np.dtype[np.void], *default: int
) -> tuple[Table, NDArray[np.int64]]:
    """The events with one at the start of every sequence but the first, and where each ends."""
    begins = np.concatenate(([0], filled[:-1]))
    earliest = np.full(len(starts), np.iinfo(np.int64).max)
    has_any = filled > begins
    if has_any.any():
        earliest[has_any] = np.minimum.reduceat(events["tick"], begins[has_any])
    lacks = earliest > starts
    lacks[0] = False
    added: Table = table(dtype, [(0, *default)] * int(lacks.sum()))
    added["tick"] = starts[lacks]
    return np.insert(events, begins[lacks], added), filled + np.cumsum(lacks)
