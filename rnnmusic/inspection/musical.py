"""What the music does while a network listens: beat, bar, pitch, phrases, one number a step."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings import NoteEvents, PianoRoll
from rnnmusic.encodings.protocol import Encoding, Steps

Values = NDArray[np.float64]

#: Boundaries stand out from the mean of all by so many standard deviations.
_STANDS_OUT = 1.5


class Feature(NamedTuple):
    """Something that a unit may follow. values (T,): NaN where there is none, such as the pitch of
    silence. A "place" is one of several that come round, an "amount" a number.
    """

    name: str
    kind: Literal["place", "amount"]
    values: Values


def features(encoding: Encoding, steps: Steps, clock: NDArray[np.uint8]) -> list[Feature]:
    """What the network knows of steps (T, F) with clock (T, C) when it predicts each of them: the
    place in the metre is that of the step itself, the notes are those of the step before.

    Empty for encodings of sound. Without a clock the metre is 4/4 from the first step on.
    """
    if isinstance(encoding, PianoRoll):
        place = _place_in_bar(encoding, clock, len(steps))
        columns = np.asarray(steps).reshape(len(steps), -1, encoding.columns_per_pitch)
        sounding = np.asarray(columns.any(axis=2))
        pitches = np.arange(encoding.lowest_pitch, encoding.highest_pitch + 1)
        return [
            Feature("place in the beat", "place", place % encoding.steps_per_quarter),
            Feature("place in the bar", "place", place),
            *_heard(sounding, pitches),
        ]
    if isinstance(encoding, NoteEvents):
        return _notes(encoding, steps)
    return []


def boundaries(onset: Values, end: Values, pitch: Values) -> NDArray[np.int64]:
    """Which notes of a melody end a phrase: local peaks of the boundary strength (LBDM).

    The strength after note i is the sum, weighted 1/4, 1/2, 1/4, of how much pitch interval, time
    between onsets and rest change around it (Cambouropoulos 2001, "The local boundary detection
    model"). Fewer than four notes have no boundaries.
    """
    if len(onset) < 4:
        return np.empty(0, dtype=np.int64)
    profiles = (
        (0.25, np.abs(np.diff(pitch))),
        (0.50, np.diff(onset)),
        (0.25, np.maximum(onset[1:] - end[:-1], 0.0)),
    )
    strength = np.zeros(len(onset) - 1)
    for weight, intervals in profiles:
        total = intervals[1:] + intervals[:-1]
        change = np.abs(np.diff(intervals)) / np.where(total > 0, total, 1.0)
        around = np.concatenate([[0.0], change]) + np.concatenate([change, [0.0]])
        boundary = intervals * around
        largest = boundary.max()
        strength += weight * (boundary / largest if largest > 0 else boundary)
    peak = np.ones(len(strength), dtype=bool)
    peak[1:] &= strength[1:] >= strength[:-1]
    peak[:-1] &= strength[:-1] > strength[1:]
    high = strength > strength.mean() + _STANDS_OUT * strength.std()
    return np.flatnonzero(peak & high)


def _place_in_bar(encoding: PianoRoll, clock: NDArray[np.uint8], count: int) -> Values:
    """The place of each step in its bar, in steps of the grid."""
    grid = encoding.steps_per_quarter
    if clock.shape[1] == 0:
        return np.asarray(np.arange(count) % (4 * grid), dtype=np.float64)
    return np.asarray(clock[:, 1] * float(grid) + clock[:, 0], dtype=np.float64)


def _heard(sounding: NDArray[np.bool_], pitches: NDArray[np.int64]) -> list[Feature]:
    """Features of the notes (T, P) that sound, each a step late."""
    silent = ~sounding.any(axis=1)
    top = np.where(silent, np.nan, pitches[sounding.shape[1] - 1 - sounding[:, ::-1].argmax(1)])
    bass = np.where(silent, np.nan, pitches[sounding.argmax(1)])
    count = sounding.sum(axis=1).astype(float)
    change = np.concatenate([[np.nan], np.abs(np.diff(top))])
    found = [
        Feature("highest pitch", "amount", top),
        Feature("lowest pitch", "amount", bass),
        Feature("lowest pitch class", "place", bass % 12),
        Feature("notes at once", "amount", count),
        Feature("step of the melody", "amount", change),
        Feature("end of a phrase", "amount", _phrase_ends(top)),
    ]
    return [feature._replace(values=_late(feature.values)) for feature in found]


def _phrase_ends(top: Values) -> Values:
    """1 while the last note of a phrase of the highest voice sounds, else 0."""
    known = np.nan_to_num(top, nan=-1.0)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(known) != 0]))
    ends = np.concatenate([starts[1:], [len(top)]])
    notes = known[starts] >= 0
    starts, ends = starts[notes], ends[notes]
    result = np.zeros(len(top))
    times = starts.astype(np.float64), ends.astype(np.float64)
    for note in boundaries(*times, known[starts]):
        result[starts[note] : ends[note]] = 1.0
    return result


def _notes(encoding: NoteEvents, steps: Steps) -> list[Feature]:
    """Features of a stream of notes, whose clock is the sum of their shifts."""
    shift = encoding.shift_values[steps[:, 0]]
    onset = np.cumsum(shift).astype(float)
    pitch = steps[:, 1] + float(encoding.lowest_pitch)
    duration = encoding.duration_values[steps[:, 2]].astype(float)
    grid = encoding.steps_per_quarter
    ends = np.zeros(len(steps))
    ends[boundaries(onset, onset + duration, pitch)] = 1.0
    found = [
        Feature("place in the beat", "place", onset % grid),
        Feature("place in the bar", "place", np.floor(onset / grid) % 4),
        Feature("pitch", "amount", pitch),
        Feature("pitch class", "place", pitch % 12),
        Feature("duration", "amount", np.log2(duration)),
        Feature("time between notes", "amount", shift.astype(float)),
        Feature("end of a phrase", "amount", ends),
    ]
    return [feature._replace(values=_late(feature.values)) for feature in found]


def _late(values: Values) -> Values:
    return np.concatenate([[np.nan], values[:-1]])
