"""The notes that steps say, as columns of numbers: what statistics count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings import PianoRoll, ScoreEncoding
from rnnmusic.encodings.protocol import Steps

Ints = NDArray[np.int64]

BLOCK = 1024  # frames at a time: their masks stay in the processor's cache


class Spans(NamedTuple):
    """Notes in no order: MIDI pitch, start and end (n,), in units of 1 / units_per_quarter.

    end: where the piece ends, in the same units.
    """

    pitch: Ints
    starts: Ints
    ends: Ints
    units_per_quarter: int
    end: int


def spans_of(steps: Steps, encoding: ScoreEncoding) -> Spans:
    """The notes that `encoding.decode(steps)` has, of rolls found without making a score."""
    if isinstance(encoding, PianoRoll):
        return _spans_of_roll(steps, encoding)
    score = encoding.decode(steps)
    notes = score.notes()
    starts, ends = notes["start_tick"].astype(np.int64), notes["end_tick"].astype(np.int64)
    end = int(ends.max(initial=0))
    return Spans(notes["pitch"].astype(np.int64), starts, ends, score.ticks_per_quarter, end)


def polyphony_of(spans: Spans) -> Ints:
    """Units of time for which 0, 1, 2, ... notes sound at once (n,), from 0 to the end."""
    times = np.concatenate([spans.starts, spans.ends, [0, spans.end]])
    change = np.ones(len(times), dtype=np.int64)
    change[len(spans.starts) :] = -1
    change[-2:] = 0
    order = np.argsort(times, kind="stable")
    sounding = np.cumsum(change[order])[:-1]
    # Between two events at one time the sum may be anything; no time passes there.
    lasting = np.diff(times[order])
    held = lasting > 0
    return np.bincount(sounding[held], weights=lasting[held], minlength=1).astype(np.int64)


def _spans_of_roll(steps: Steps, encoding: PianoRoll) -> Spans:
    pitches = encoding.highest_pitch - encoding.lowest_pitch + 1
    before = np.zeros((1, pitches), dtype=np.bool_)
    begun, ended = [], []
    for at in range(0, len(steps), BLOCK):
        struck, held = encoding.split(steps[at : at + BLOCK])
        sounding = struck | held
        previous = np.concatenate([before, sounding[:-1]])
        begins = struck | (held & ~previous)
        begun.append(np.flatnonzero(begins) + at * pitches)
        ended.append(np.flatnonzero(previous & (begins | ~sounding)) + at * pitches)
        before = sounding[-1:]
    ended.append(np.flatnonzero(before) + len(steps) * pitches)
    (starts, pitch), (ends, _) = (
        _by_pitch(np.concatenate(all_), pitches) for all_ in (begun, ended)
    )
    end = len(steps)
    return Spans(pitch + encoding.lowest_pitch, starts, ends, encoding.steps_per_quarter, end)


def _by_pitch(cells: Ints, pitches: int) -> tuple[Ints, Ints]:
    """Steps and pitches of cells that are numbered step by step, by pitch, then step.

    Beginnings and ends of one pitch alternate, so both lists in this order pair up.
    """
    step, pitch = np.divmod(cells, pitches)
    order = np.argsort(pitch.astype(np.uint8), kind="stable")
    return step[order], pitch[order]
