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
STEP_BITS = 21  # 2 ** 21 > MAX_STEPS
STEP_MASK = (1 << STEP_BITS) - 1

Ints = NDArray[np.int64]
Tick = TypeVar("Tick", int, Ints)


class GridNotes(NamedTuple):
    """Notes in the range, on the grid: equal-length int64 columns in no order.

    pitch counts from the lowest pitch; every end_step is past its start_step.
    """

    pitch: Ints
    start_step: Ints
    end_step: Ints
    velocity: Ints
    left_out: dict[str, int]


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
    parts = [t.notes for t in score.tracks if not t.is_drum]
    notes: Table = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, NOTE), *parts])
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
        notes = notes[np.argsort(notes["start_tick"], kind="stable")]
    first_step, last_onset, end_step = (
        _step_of(tick, resolution, steps_per_quarter)
        for tick in (first, found.last_start_tick, found.last_end_tick)
    )
    return Selection(notes, first_step, max(end_step, last_onset + 1), left_out)


def grid_notes(
    score: Score, steps_per_quarter: int, lowest_pitch: int, highest_pitch: int
) -> GridNotes:
    """The score's pitched notes on the grid, at least one step long each.

    InputError when none is left or the piece is longer than MAX_STEPS.
    """
    notes, _, _, left_out = select_notes(score, steps_per_quarter, lowest_pitch, highest_pitch)
    if "pitches out of range" in left_out:
        notes = notes[(notes["pitch"] >= lowest_pitch) & (notes["pitch"] <= highest_pitch)]
    start, end = (
        _step_of(notes[column].astype(np.int64), score.ticks_per_quarter, steps_per_quarter)
        for column in ("start_tick", "end_tick")
    )
    pitch, velocity = (notes[column].astype(np.int64) for column in ("pitch", "velocity"))
    return GridNotes(pitch - lowest_pitch, start, np.maximum(end, start + 1), velocity, left_out)


class Spans(NamedTuple):
    """Stretches of sound of one pitch each, disjoint, sorted by pitch, then start."""

    pitch: Ints
    start_step: Ints
    end_step: Ints
    first: Ints  # where each span's notes begin among the sorted notes


def pack(notes: GridNotes) -> Ints:
    """Each note as one integer, pitch | start | end: sorting these is far faster than rows."""
    return (((notes.pitch << STEP_BITS) | notes.start_step) << STEP_BITS) | notes.end_step


def spans(packed: Ints) -> Spans:
    """Unite the notes of each pitch, given sorted and packed.

    A new span begins at every onset, and ends at the latest where the next begins.
    """
    onset = packed >> STEP_BITS  # pitch | start
    # pitch | latest end so far: the pitch bits restart the running maximum at each new pitch.
    reach = (onset & ~STEP_MASK) | (packed & STEP_MASK)
    if (reach[1:] < reach[:-1]).any():  # a note within another; the maximum is slow to run
        reach = np.maximum.accumulate(reach)
    opens = np.ones(len(packed) + 1, dtype=np.bool_)
    np.greater(onset[1:], onset[:-1], out=opens[1:-1])
    first = np.flatnonzero(opens[:-1])
    start = onset[first]
    end = reach[opens[1:]]
    np.minimum(end[:-1], start[1:], out=end[:-1])  # a higher pitch starts beyond every end
    return Spans(start >> STEP_BITS, start & STEP_MASK, end & STEP_MASK, first)


def bar_lines(score: Score, steps_per_quarter: int, until_step: int) -> Ints:
    """Distinct steps of the bar lines, from 0 to beyond `until_step`, following the metres."""
    until_tick = (until_step + 1) * score.ticks_per_quarter // steps_per_quarter + 1
    metres = score.metres[score.metres["tick"] <= until_tick].copy()
    # Bars shorter than a step put a line on every step, as bars of one step do; a broken file
    # may ask for millions of them.
    numerator = metres["numerator"].astype(np.int64)
    short = 4 * numerator * steps_per_quarter < metres["denominator"]
    metres["numerator"][short], metres["denominator"][short] = 1, 4 * steps_per_quarter
    ticks = replace(score, metres=metres).bar_starts(until_tick)
    return np.unique(_step_of(ticks, score.ticks_per_quarter, steps_per_quarter))


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
