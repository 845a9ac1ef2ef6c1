"""Priming: the last bars of a MIDI file as the past that the music goes on from."""

from __future__ import annotations

import math
import os
from typing import NamedTuple

import numpy as np

from rnnmusic.errors import InputError, UsageError
from rnnmusic.live.directing.count_in import quarters_per_beat
from rnnmusic.score import METRE, NOTE, Score, Track, table

#: (start_quarters, end_quarters, pitch, velocity); times are negative, the music begins at 0.
PrimeNote = tuple[float, float, int, int]
TICKS_PER_QUARTER = 960


class Excerpt(NamedTuple):
    """The last bars of a score, drums left out, and its last metre."""

    notes: tuple[PrimeNote, ...] = ()
    quarters_per_bar: float = 4.0
    quarters_per_beat: float = 1.0


def excerpt(path: str | os.PathLike[str], bars: int) -> Excerpt:
    """The last bars of a MIDI file up to the bar line after its last note; what begins earlier is
    left out.

    InputError for a file that can't be read or has no pitched note in them; UsageError for fewer
    bars than one.
    """
    from rnnmusic import midi

    if bars < 1:
        raise UsageError(f"Asked to begin after {bars} bars of {os.fspath(path)}; give 1 or more.")
    score = midi.read(path)
    notes = score.notes()
    end_tick = score.next_bar(int(notes["end_tick"].max())) if len(notes) else 0
    lines = score.bar_starts(end_tick)
    begin_tick = int(lines[max(0, len(lines) - 1 - bars)])
    notes = notes[notes["start_tick"] >= begin_tick]
    if not len(notes):
        raise InputError(
            f"The last {bars} bars of {os.fspath(path)} have no pitched note to begin after; give "
            "more bars, or another file."
        )
    quarter = score.ticks_per_quarter
    numerator, denominator = 4, 4
    if len(score.metres):
        numerator, denominator = (int(score.metres[-1][n]) for n in ("numerator", "denominator"))
    return Excerpt(
        tuple(
            ((start - end_tick) / quarter, (end - end_tick) / quarter, pitch, velocity)
            for start, end, pitch, velocity in notes.tolist()
        ),
        4.0 * numerator / denominator,
        quarters_per_beat(numerator, denominator),
    )


def as_score(notes: tuple[PrimeNote, ...], quarters_per_bar: float) -> Score:
    """The notes as a score that begins at a bar line and whose bars end at time 0."""
    bars = math.ceil(-min(note[0] for note in notes) / quarters_per_bar)
    begin = bars * quarters_per_bar
    rows = [
        (round((start + begin) * TICKS_PER_QUARTER), round((end + begin) * TICKS_PER_QUARTER), *how)
        for start, end, *how in notes
    ]
    denominator = next(d for d in (4, 8, 16, 32, 64) if (quarters_per_bar * d / 4) % 1 == 0)
    metre = (0, round(quarters_per_bar * denominator / 4), denominator)
    return Score(
        TICKS_PER_QUARTER, (Track(np.sort(table(NOTE, rows))),), metres=table(METRE, [metre])
    )
