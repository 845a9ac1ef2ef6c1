"""The inner loop of note events, over the rows of a note table.

Plain Python within what numba compiles: `rnnmusic.compiling` says when it runs as which.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel
from rnnmusic.encodings._drawing import HALF_STEP, NEVER
from rnnmusic.score import NOTE, Table

SHIFT, PITCH, DURATION, VELOCITY = range(4)  # the columns of a step

_PITCH_BITS = 7

Ints = NDArray[np.int64]


class Vocabulary(NamedTuple):
    """What times and velocities are called: tables of ids, looked up in place of searching."""

    shift_values: Ints  # steps of each shift id, rising from 0
    shift_ids: Ints  # of each wait from 0 to the longest: the last value within it
    duration_ids: Ints  # of each duration from 0 to the longest: the nearest value
    velocity_ids: Ints  # of each velocity 0..255


def place(
    notes: Table,
    lowest_pitch: int,
    highest_pitch: int,
    steps_per_tick: float,
    origin_step: int,
    vocabulary: Vocabulary,
    steps: NDArray[np.uint16],
) -> int:
    """Write notes as steps (notes, 4); returns how many there are, less than notes if some merge.

    The notes must be sorted by start, none before the origin.
    """
    pitch, velocity = notes["pitch"], notes["velocity"]
    start, end = notes["start_tick"], notes["end_tick"]
    latest = np.full(highest_pitch - lowest_pitch + 1, NEVER)  # sound of each pitch
    reach = np.full(highest_pitch - lowest_pitch + 1, NEVER)  # latest end of its notes
    # Sounds: of one pitch each, from an onset until none of its notes lasts or the next onset.
    place_of = np.empty(len(notes), dtype=np.int64)  # onset and pitch in one, to sort by
    until = np.empty(len(notes), dtype=np.int64)
    loudest = np.empty(len(notes), dtype=np.int64)
    count = 0
    for row in range(len(notes)):
        if pitch[row] < lowest_pitch or pitch[row] > highest_pitch:
            continue
        key = int(pitch[row]) - lowest_pitch
        onset = int(start[row] * steps_per_tick + HALF_STEP) - origin_step
        stop = max(int(end[row] * steps_per_tick + HALF_STEP) - origin_step, onset + 1)
        sound = int(latest[key])
        if sound != NEVER and place_of[sound] >> _PITCH_BITS == onset:
            loudest[sound] = max(loudest[sound], int(velocity[row]))
        else:
            if sound != NEVER:
                until[sound] = min(until[sound], onset)
            sound = count
            place_of[sound] = onset << _PITCH_BITS | key
            loudest[sound] = velocity[row]
            latest[key] = sound
            count += 1
        reach[key] = max(reach[key], stop)
        until[sound] = reach[key]
    _write(place_of[:count], until, loudest, vocabulary, steps)
    return count


def _write(
    place_of: Ints, until: Ints, loudest: Ints, vocabulary: Vocabulary, steps: NDArray[np.uint16]
) -> None:
    """Write sounds, their onsets rising, as steps: by onset, then pitch."""
    shift_values, shift_ids, duration_ids, velocity_ids = vocabulary
    longest = len(shift_ids) - 1
    before, now = NEVER, 0  # the last onset as asked for, and as the shifts say it
    order = _rising(place_of)
    for row in range(len(order)):
        sound = order[row]
        onset = int(place_of[sound]) >> _PITCH_BITS
        shift = 0
        if onset != before:
            shift = int(shift_ids[min(onset - now, longest)])
            now += int(shift_values[shift])
            before = onset
        steps[row, SHIFT] = shift
        steps[row, PITCH] = place_of[sound] & ((1 << _PITCH_BITS) - 1)
        steps[row, DURATION] = duration_ids[min(max(int(until[sound]) - now, 0), longest)]
        steps[row, VELOCITY] = velocity_ids[loudest[sound]]


def _rising(numbers: Ints) -> Ints:
    """The order that sorts numbers none of which is far from its place, by insertion."""
    order = np.arange(len(numbers))
    for row in range(1, len(numbers)):
        at = row
        while at > 0 and numbers[order[at - 1]] > numbers[row]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = row
    return order


def _nothing() -> tuple[object, ...]:
    table = np.zeros(1, dtype=np.int64)
    vocabulary = Vocabulary(table, table, table, table)
    return np.empty(0, dtype=NOTE), 0, 127, 1.0, 0, vocabulary, np.empty((0, 4), dtype=np.uint16)


# As many notes take plain Python some 50 ms: one long piece.
PLACE = Kernel(place, patience=1 << 13, example=_nothing, helpers=(_rising, _write))
