"""The inner loops of `fingerprints`: notes -> turns of the outer voices -> MinHash.

Plain Python within what numba compiles: whole numbers stay below 2**63 and hashes below 2**32, so
that both compute the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel

LANES = 128
NGRAM = 5  # intervals of a turn
FEWEST = 8  # different turns by which a piece can be known, by and large

_BITS = 25  # of a hash beside its lane
_TURN = (1 << 8 * NGRAM) - 1
_MASK = 0xFFFFFFFF
_EMPTY = 1 << 62


def sketch(
    keys: NDArray[np.int64],
    pace: float,
    together: float,
    pitched: bool,
    lanes: NDArray[np.uint8],
) -> tuple[int, int]:
    """Fill `lanes` from the sorted keys of notes; returns the two halves of the family.

    keys: onset * 128 + pitch. Onsets no more than `together` ticks after another sound with it;
    times are compared to `pace`, in ticks.
    """
    turns = np.empty(2 * len(keys), dtype=np.int64)
    count = 0
    top_turn = low_turn = top_length = low_length = 0
    last_top = last_low = -1
    high, low = 0x1B873593, 0x3C6EF372
    lowest_first = int(keys[0]) & 127
    row = 0
    while row < len(keys):
        begin, top, bottom = int(keys[row]) >> 7, 0, 127
        while row < len(keys) and (int(keys[row]) >> 7) - begin <= together:
            onset, pitch = int(keys[row]) >> 7, int(keys[row]) & 127
            top, bottom = max(top, pitch), min(bottom, pitch)
            # The family knows every note: its interval to the first, and when it comes.
            interval = pitch - lowest_first + 128 if pitched else pitch
            moment = _moment(onset, pace)
            high = _mix(high ^ _mix(interval ^ _mix(moment)))
            low = _mix((low + interval) & _MASK ^ moment)
            row += 1
        if top != last_top:
            if last_top >= 0:
                top_turn = (top_turn << 8 | (top - last_top + 128)) & _TURN
                top_length += 1
            last_top = top
            if top_length >= NGRAM:
                turns[count] = _folded(top_turn)
                count += 1
        if bottom != last_low:
            if last_low >= 0:
                low_turn = (low_turn << 8 | (bottom - last_low + 128)) & _TURN
                low_length += 1
            last_low = bottom
            if low_length >= NGRAM:
                turns[count] = _folded(low_turn)
                count += 1
    if not pitched or _minhash(turns[:count], lanes) < FEWEST:
        for lane in range(LANES):
            lanes[lane] = _mix(low ^ _mix(high ^ lane)) & 0xFF
    return high, low


def _minhash(turns: NDArray[np.int64], lanes: NDArray[np.uint8]) -> int:
    """Fill `lanes` from a set; returns how many the first round filled.

    Fast similarity sketching (Dahlgaard, Knudsen & Thorup 2017): each round hashes every element
    to one lane, until all lanes have one; the last rounds are for a lane each.
    """
    least = np.full(LANES, _EMPTY, dtype=np.int64)
    filled = filled_first = 0
    for number in range(2 * LANES if len(turns) else 0):
        salt = _mix(number + 1)
        for turn in turns:
            hashed = _mix(int(turn) ^ salt)
            lane = hashed >> _BITS if number < LANES else number - LANES
            value = number << _BITS | (hashed & ((1 << _BITS) - 1))
            if value < least[lane]:
                if least[lane] == _EMPTY:
                    filled += 1
                least[lane] = value
        if number == 0:
            filled_first = filled
        if filled == LANES:
            break
    for lane in range(LANES):
        lanes[lane] = _mix(int(least[lane]) & _MASK) & 0xFF
    return filled_first


def _folded(turn: int) -> int:
    """A turn in 32 bits."""
    return _mix(turn & _MASK ^ _mix(turn >> 32))


def _moment(ticks: int, pace: float) -> int:
    """Time since the first note in units of the piece's own pace, below 2**32."""
    if pace <= 0:
        return min(ticks, 1)
    return int(min(ticks / pace * 256.0 + 0.5, 4294967295.0))


def _mix(value: int) -> int:
    """Scramble 32 bits: shift, exclusive-or and multiply, by factors that keep to 63 bits."""
    value = ((value >> 16) ^ value) * 0x45D9F3B & _MASK
    value = ((value >> 15) ^ value) * 0x2C1B3C6D & _MASK
    return (value >> 16) ^ value


def _nothing() -> tuple[object, ...]:
    lanes = np.zeros(LANES, dtype=np.uint8)
    return np.zeros(1, dtype=np.int64), 0.0, 0.0, True, lanes


# As many notes take plain Python some 50 ms: a few songs.
SKETCH = Kernel(
    sketch, patience=1 << 13, example=_nothing, helpers=(_mix, _folded, _moment, _minhash)
)
