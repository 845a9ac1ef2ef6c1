"""Between ticks and a grid of equal steps: what every symbolic encoding shares.

Times are rounded to the nearest step, halves up. A pitch sounds while any of its notes does, and
every onset strikes it anew. That rule needs no pairing of overlapping notes, so a stream of note
messages and a table of notes mean the same, and the result never has two notes of one pitch at
once.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings._drawing import HALF_STEP, SURVEY
from rnnmusic.errors import InputError, UsageError
from rnnmusic.score import NOTE, TEMPO, Score, Table, Track, sort_notes

MAX_STEPS = 2_000_000  # 69 hours of sixteenths at 120 bpm: more is a broken or hostile file

_ROW = np.dtype((np.void, NOTE.itemsize))

Ints = NDArray[np.int64]
Tick = TypeVar("Tick", int, Ints)


def nearest_step(time_quarters: float, steps_per_quarter: int) -> int:
    """Step nearest to a time, halves up; a float just below a half counts as the half."""
    return math.floor(time_quarters * steps_per_quarter + HALF_STEP)


def _step_of(tick: Tick, ticks_per_quarter: int, steps_per_quarter: int) -> Tick:
    return (tick * (2 * steps_per_quarter) + ticks_per_quarter) // (2 * ticks_per_quarter)


class Selection(NamedTuple):
    """A score's pitched notes, sorted by start, and the extent of those in range.

    Notes out of range are still among them, but not in the extent.
    """

    notes: Table
    first_step: int
    end_step: int
    left_out: dict[str, int]


def select_notes(
    score: Score, steps_per_quarter: int, lowest_pitch: int, highest_pitch: int
) -> Selection:
    """The score's pitched notes, at least one of which is in range.

    InputError when none is or the piece is longer than MAX_STEPS.
    """
    notes = _pitched_notes(score)
    found = SURVEY.for_work(len(notes))(notes, lowest_pitch, highest_pitch)
    left_out: dict[str, int] = {}
    if drums := score.note_count - len(notes):
        left_out["drum notes"] = drums
    if outside := len(notes) - found.note_count:
        left_out["pitches out of range"] = outside
    if not found.note_count:
        reasons = " and ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise InputError(
            f"The score {score.name!r} has {reasons or 'no notes'} and nothing else; "
            f"at least one pitched note within {lowest_pitch}..{highest_pitch} is wanted."
        )
    first, last = found.first_tick, max(found.last_start_tick, found.last_end_tick)
    resolution = score.ticks_per_quarter
    if first < 0 or last * steps_per_quarter >= MAX_STEPS * resolution:
        raise InputError(
            f"The score {score.name!r} has notes from tick {first} to {last}, at "
            f"{resolution} ticks per quarter; times must be positive and at most "
            f"{MAX_STEPS // steps_per_quarter} quarters: check the file."
        )
    if not found.is_sorted:  # several tracks, each of which is: timsort merges them
        notes = notes.take(np.argsort(notes["start_tick"], kind="stable"))
    first_step, last_onset, end_step = (
        _step_of(tick, resolution, steps_per_quarter)
        for tick in (first, found.last_start_tick, found.last_end_tick)
    )
    return Selection(notes, first_step, max(end_step, last_onset + 1), left_out)


def _pitched_notes(score: Score) -> Table:
    """Notes of the tracks that aren't drums, one track after the other."""
    parts = [t.notes for t in score.tracks if not t.is_drum]
    if len(parts) == 1:
        return parts[0]
    # As opaque rows they are copied eight times faster than field by field.
    rows = [np.empty(0, dtype=_ROW), *(part.view(_ROW) for part in parts)]
    return np.concatenate(rows).view(NOTE)


def bar_lines(score: Score, steps_per_quarter: int, until_step: int) -> Ints:
    """Distinct steps of the bar lines, from 0 to beyond `until_step`, following the metres."""
    until_tick = (until_step + 1) * score.ticks_per_quarter // steps_per_quarter + 1
    metres = score.metres
    # Bars shorter than a step put a line on every step, as bars of one step do; a broken file
    # may ask for millions of them.
    numerator = metres["numerator"].astype(np.int64)
    short = 4 * numerator * steps_per_quarter < metres["denominator"]
    if short.any():
        metres = metres.copy()
        metres["numerator"][short], metres["denominator"][short] = 1, 4 * steps_per_quarter
        score = replace(score, metres=metres)
    lines = _step_of(score.bar_starts(until_tick), score.ticks_per_quarter, steps_per_quarter)
    return lines[np.diff(lines, prepend=-1) > 0]


def make_score(
    pitch: Ints,
    start_step: Ints,
    end_step: Ints,
    velocity: Ints | int,
    *,
    steps_per_quarter: int,
    tempo_bpm: float,
    program: int,
) -> Score:
    """A one-track score of notes on the grid; UsageError for an unplayable tempo or program."""
    microseconds = 6e7 / tempo_bpm if tempo_bpm > 0 else math.inf
    if not 0.5 < microseconds < 0xFFFFFF:  # SMF stores the tempo in 24 bits
        raise UsageError(f"A tempo of {tempo_bpm} bpm was asked for; MIDI files hold 3.6 to 6e7.")
    if not 0 <= program <= 127:
        raise UsageError(f"Program {program} was asked for; General MIDI has 0 to 127.")
    ticks_per_quarter = _ticks_per_quarter(steps_per_quarter)
    ticks_per_step = ticks_per_quarter // steps_per_quarter
    notes = np.empty(len(pitch), dtype=NOTE)
    notes["start_tick"] = start_step * ticks_per_step
    notes["end_tick"] = end_step * ticks_per_step
    notes["pitch"], notes["velocity"] = pitch, velocity
    tempo = np.array([(0, round(microseconds))], dtype=TEMPO)
    track = Track(notes=sort_notes(notes), program=program)
    return Score(ticks_per_quarter=ticks_per_quarter, tracks=(track,), tempos=tempo)


def _ticks_per_quarter(steps_per_quarter: int) -> int:
    """The multiple of the grid nearest to the customary 480."""
    return steps_per_quarter * max(1, round(480 / steps_per_quarter))
