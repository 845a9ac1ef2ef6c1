"""The inner loops of the piano-roll, over the rows of a note table.

Plain Python within what numba compiles: `rnnmusic.compiling` says when they run as which.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel
from rnnmusic.score import NOTE, Table

# Added before rounding down: a float just below a half counts as the half. Ticks are at least
# 1/32767 of a quarter apart, so the allowance never moves a time that a score can hold: live and
# whole-piece encoders round alike.
HALF_STEP = 0.5 + 1e-6

NEVER = -1
_BEYOND = 1 << 62  # any tick


class Survey(NamedTuple):
    """What is known of the notes in a range of pitches."""

    note_count: int
    first_tick: int
    last_start_tick: int
    last_end_tick: int
    is_sorted: bool  # by start


def survey(notes: Table, lowest_pitch: int, highest_pitch: int) -> Survey:
    """Number and extent of the notes within these pitches."""
    pitch, start, end = notes["pitch"], notes["start_tick"], notes["end_tick"]
    count, first, last_start, last_end, is_sorted = 0, _BEYOND, -_BEYOND, -_BEYOND, True
    for row in range(len(notes)):
        if lowest_pitch <= pitch[row] <= highest_pitch:
            tick = int(start[row])
            is_sorted = is_sorted and tick >= last_start
            first, last_start = min(first, tick), max(last_start, tick)
            last_end = max(last_end, int(end[row]))
            count += 1
    return Survey(count, first, last_start, last_end, is_sorted)


def draw(
    notes: Table,
    lowest_pitch: int,
    highest_pitch: int,
    steps_per_tick: float,
    origin_step: int,
    articulation: bool,
    bits: NDArray[np.uint8],
) -> int:
    """Draw notes into an empty roll of bits (T + 1, bytes); returns how many merged with others.

    Column c is bit 7 - c % 8 of byte c // 8, as `numpy.packbits` has it. The notes must be sorted
    by start, none before the origin nor sounding after step T - 1, and the bytes of a row a
    multiple of eight, so that whole machine words can be swept.
    """
    pitch, start, end = notes["pitch"], notes["start_tick"], notes["end_tick"]
    struck = np.full(highest_pitch - lowest_pitch + 1, NEVER)  # latest onset of each pitch
    reach = np.full(highest_pitch - lowest_pitch + 1, NEVER)  # latest end
    merged = 0
    # First flip every bit at which its column changes. Flips add up, so that a sound cut short
    # is taken up again by the same flip.
    for row in range(len(notes)):
        if pitch[row] < lowest_pitch or pitch[row] > highest_pitch:
            continue
        key = int(pitch[row]) - lowest_pitch
        onset = int(start[row] * steps_per_tick + HALF_STEP) - origin_step
        stop = max(int(end[row] * steps_per_tick + HALF_STEP) - origin_step, onset + 1)
        sounds_until = int(reach[key])
        if articulation:
            byte, sounding = key >> 2, 0x40 >> (2 * key & 7)
            if onset == struck[key]:
                merged += 1
            else:  # struck for one step, in which it isn't held
                bits[onset, byte] ^= 3 * sounding
                bits[onset + 1, byte] ^= 3 * sounding
        else:
            byte, sounding = key >> 3, 0x80 >> (key & 7)
            if onset <= sounds_until:
                merged += 1
        if stop > sounds_until:
            bits[max(onset, sounds_until), byte] ^= sounding
            bits[stop, byte] ^= sounding
            reach[key] = stop
        struck[key] = onset
    _sweep(bits.view(np.uint64))
    return merged


def _sweep(words: NDArray[np.uint64]) -> None:
    """Turn flips into states: exclusive-or down the steps, 64 columns to a word."""
    for step in range(1, words.shape[0]):
        for word in range(words.shape[1]):
            words[step, word] ^= words[step - 1, word]


def _no_notes() -> tuple[Table, int, int]:
    return np.empty(0, dtype=NOTE), 0, 127


# As many rows, or rows and steps, take plain Python some 50 ms: one long song.
SURVEY = Kernel(survey, patience=1 << 16, example=_no_notes)
DRAW = Kernel(
    draw,
    patience=1 << 14,
    example=lambda: (*_no_notes(), 1.0, 0, False, np.zeros((1, 16), dtype=np.uint8)),
    helpers=(_sweep,),
)
