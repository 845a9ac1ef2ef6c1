"""The inner loop of the reader: one pass over the bytes of all tracks, straight into event tables.

The functions here are plain Python over bytes and arrays, within what numba compiles: `reader`
runs them as they are for a few small files and compiled for many or large ones. So they report
trouble by number, never by exception.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnmusic.score import Table

# One track: where its bytes are, and what came of them. Of each table, the rows filled when it was
# through; its last name (at < 0: none); how many parts it has and one of them.
CHUNK = np.dtype(
    [("begin", "<i8"), ("end", "<i8")]
    + [(name, "<i8") for name in ("notes", "controls", "bends", "tempos", "metres", "keys")]
    + [("name_at", "<i8"), ("name_size", "<i8"), ("parts", "<i8"), ("part", "<i8")]
)

# What can be wrong, for Outcome.trouble.
FINE, BAD_NUMBER, LONG_NUMBER, BROKEN, BAD_STATUS, NO_STATUS, BAD_VALUE = range(7)
SHORT_META, BAD_TEMPO, BAD_METRE, BAD_KEY = range(7, 11)

_NAME, _END, _TEMPO, _METRE, _KEY = 0x03, 0x2F, 0x51, 0x58, 0x59
_NOBODY = -1
_SHIFTS_PER_NOTE = 8  # of sorting by insertion, on average, before it is left to a real sort


class Outcome(NamedTuple):
    """What a scan came to, beside what it wrote into the tables.

    title_at and title_size: the name that opens the first track (at < 0: none). Trouble is in
    track number trouble_chunk, from 0, at a position in the data: that of its kind for a meta
    event.
    """

    is_sorted: bool  # the notes of each part; else they are only in order of their starts
    title_at: int
    title_size: int
    trouble: int
    trouble_chunk: int
    trouble_at: int
    trouble_tick: int


def scan(
    data: bytes,
    chunks: Table,
    notes: Table,
    note_part: Table,
    controls: Table,
    control_part: Table,
    bends: Table,
    bend_part: Table,
    tempos: Table,
    metres: Table,
    keys: Table,
) -> Outcome:
    """Fill the tables from the tracks that `chunks` points at.

    A row's part is channel * 128 + program. A note belongs to the program at its start and ends
    with the first note-off of its pitch that an earlier note hasn't used, or with its track. A
    controller or bend belongs to the program at its time, or when that hasn't played yet in this
    track, to the part of the channel's next note. The tables must have room: a third of the bytes
    of all tracks for notes, controls and bends, a sixth for the others.
    """
    note_start, note_end = notes["start_tick"], notes["end_tick"]
    note_pitch, note_velocity = notes["pitch"], notes["velocity"]
    control_tick, control_number = controls["tick"], controls["number"]
    control_value = controls["value"]
    bend_tick, bend_value = bends["tick"], bends["value"]

    # First and last sounding note of each channel and pitch. The notes between hang on the first:
    # while a note sounds, its end is -2 - (the next note's row), or _NOBODY.
    first_sounding = np.full(2048, _NOBODY)
    last_sounding = np.full(2048, _NOBODY)
    played_in = np.full(2048, _NOBODY)  # last chunk in which a part played
    program = np.zeros(16, dtype=np.int64)
    waiting_controls = np.full(16, _NOBODY)  # first row of those without a part
    waiting_bends = np.full(16, _NOBODY)

    n = c = b = 0  # rows filled
    metas = np.zeros(3, dtype=np.int64)  # and of tempos, metres, keys
    is_sorted = True
    title_at, title_size = _NOBODY, 0
    trouble, tick, at, chunk = FINE, 0, 0, 0
    while chunk < len(chunks):
        at, stop = int(chunks["begin"][chunk]), int(chunks["end"][chunk])
        first_note, name_at, name_size, parts, last_part = n, _NOBODY, 0, 0, 0
        tick, status, sounding = 0, 0, 0
        only_metas = chunk == 0
        program[:] = 0
        while at < stop:
            # -- time ------------------------------------------------------------------------
            if at + 1 < stop and data[at] & data[at + 1] < 0x80:
                byte = int(data[at])
                wide = byte >> 7
                tick += (byte & 0x7F) << 7 * wide | data[at + 1] * wide
                at += 1 + wide
            else:
                delta, at = _number(data, at, stop)
                if delta < 0:
                    trouble = -delta
                    break
                tick += delta
            if at >= stop:
                trouble = BROKEN
                break
            # -- what isn't for a channel ----------------------------------------------------
            byte = int(data[at])
            if byte >= 0xF0:
                if byte != 0xFF and byte != 0xF0 and byte != 0xF7:
                    trouble = BAD_STATUS
                    break
                kind, kind_at = -1, at + 1
                if byte == 0xFF:
                    if at + 1 >= stop:
                        trouble = BROKEN
                        break
                    at += 1
                    kind = int(data[kind_at])
                else:
                    status, only_metas = 0, False
                size, at = _number(data, at + 1, stop)
                if size < 0:
                    trouble = -size
                    break
                if at + size > stop:
                    trouble = BROKEN
                    break
                if kind == _END:
                    break
                elif kind == _NAME:
                    name_at, name_size = at, size
                    if only_metas:
                        title_at, title_size = at, size
                elif kind == _TEMPO or kind == _METRE or kind == _KEY:
                    trouble = _meta(data, at, size, kind, tick, metas, tempos, metres, keys)
                    if trouble:
                        at = kind_at
                        break
                at += size
                continue
            # -- channel messages ------------------------------------------------------------
            has_status = byte >> 7
            status += has_status * (byte - status)
            at += has_status
            if status == 0:
                trouble = NO_STATUS
                break
            only_metas = False
            kind, channel = status & 0xF0, status & 0x0F
            width = 1 if kind == 0xC0 or kind == 0xD0 else 2
            if at + width > stop:
                trouble = BROKEN
                break
            data1, data2 = int(data[at]), int(data[at + width - 1])
            if data1 | data2 > 127:
                trouble = BAD_VALUE
                break
            at += width
            if kind == 0xC0:
                program[channel] = data1
            if kind == 0xA0 or width == 1:
                continue
            # Which of the three comes next in a performance nobody can foresee, a processor
            # neither: so they share one way through, and arithmetic makes the difference.
            is_on = (kind == 0x90) * (data2 > 0)
            is_off = (kind == 0x80) + (kind == 0x90) - is_on
            is_control = int(kind == 0xB0)
            part = channel << 7 | int(program[channel])
            owner = part
            if played_in[part] != chunk and not is_off:
                if is_on:
                    played_in[part], last_part = chunk, part
                    parts += 1
                else:
                    owner = -1 - channel
                    if is_control and waiting_controls[channel] < 0:
                        waiting_controls[channel] = c
                    elif kind == 0xE0 and waiting_bends[channel] < 0:
                        waiting_bends[channel] = b
            if (waiting_controls[channel] >= 0 or waiting_bends[channel] >= 0) and is_on:
                _adopt(control_part, waiting_controls, c, channel, part)
                _adopt(bend_part, waiting_bends, b, channel, part)
            if kind == 0xE0:
                bend_tick[b], bend_value[b] = tick, (data2 << 7 | data1) - 8192
                bend_part[b] = owner
                b += 1
                continue

            # Both rows may be left over: what comes next writes them again.
            note_start[n], note_pitch[n], note_velocity[n] = tick, data1, data2
            note_part[n] = part
            control_tick[c], control_number[c], control_value[c] = tick, data1, data2
            control_part[c] = owner
            c += is_control
            key = channel << 7 | data1
            first = int(first_sounding[key])
            is_end = is_off * (first >= 0)
            if is_on * (first + 1) > 0:  # struck again while it sounds
                note_end[last_sounding[key]] = -2 - n
                note_end[n] = _NOBODY
            else:
                row = n + is_end * (first - n)
                follower = -2 - int(note_end[row])
                note_end[row] = _NOBODY + is_end * (tick - _NOBODY)
                first_sounding[key] = first + is_on * (n - first) + is_end * (follower - first)
            last_sounding[key] += is_on * (n - last_sounding[key])
            n += is_on
            sounding += is_on - is_end
        if trouble:
            break
        # -- the end of a track --------------------------------------------------------------
        if sounding:
            for row in range(first_note, n):
                if note_end[row] < 0:
                    note_end[row] = tick
                    first_sounding[int(note_part[row]) & 0x780 | int(note_pitch[row])] = _NOBODY
        for channel in range(16):
            if waiting_controls[channel] >= 0 or waiting_bends[channel] >= 0:
                part = channel << 7 | int(program[channel])
                if played_in[part] != chunk:
                    played_in[part], last_part = chunk, part
                    parts += 1
                _adopt(control_part, waiting_controls, c, channel, part)
                _adopt(bend_part, waiting_bends, b, channel, part)
        is_sorted = _sort(notes, note_part, first_note, n) and is_sorted
        chunks["notes"][chunk], chunks["controls"][chunk], chunks["bends"][chunk] = n, c, b
        chunks["tempos"][chunk], chunks["metres"][chunk] = metas[0], metas[1]
        chunks["keys"][chunk] = metas[2]
        chunks["name_at"][chunk], chunks["name_size"][chunk] = name_at, name_size
        chunks["parts"][chunk], chunks["part"][chunk] = parts, last_part
        chunk += 1
    return Outcome(is_sorted, title_at, title_size, trouble, chunk, at, tick)


def _number(data: bytes, at: int, stop: int) -> tuple[int, int]:
    """Value of the variable-length quantity at a position and the position after it.

    Or minus the trouble, and where the quantity began.
    """
    value = 0
    for i in range(4):
        if at + i >= stop:
            return -BAD_NUMBER, at
        byte = int(data[at + i])
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    return -LONG_NUMBER, at


def _meta(
    data: bytes,
    at: int,
    size: int,
    kind: int,
    tick: int,
    filled: Table,
    tempos: Table,
    metres: Table,
    keys: Table,
) -> int:
    """Add a tempo, metre or key to its table; returns the trouble with it."""
    row = 0
    if kind == _TEMPO:
        if size < 3:
            return SHORT_META
        value = int(data[at]) << 16 | int(data[at + 1]) << 8 | int(data[at + 2])
        if value == 0:
            return BAD_TEMPO
        row = int(filled[0])
        tempos["tick"][row], tempos["microseconds_per_quarter"][row] = tick, value
        filled[0] += 1
    elif kind == _METRE:
        if size < 4:
            return SHORT_META
        if data[at] == 0 or data[at + 1] > 15:
            return BAD_METRE
        row = int(filled[1])
        metres["tick"][row], metres["numerator"][row] = tick, data[at]
        metres["denominator"][row] = 1 << int(data[at + 1])
        filled[1] += 1
    else:
        if size < 2:
            return SHORT_META
        sharps, mode = int(data[at]), int(data[at + 1])
        if sharps > 127:
            sharps -= 256
        if sharps < -7 or sharps > 7 or mode > 1:
            return BAD_KEY
        row = int(filled[2])
        keys["tick"][row], keys["sharps"][row], keys["is_minor"][row] = tick, sharps, mode == 1
        filled[2] += 1
    return FINE


def _adopt(part_column: Table, waiting: Table, filled: int, channel: int, part: int) -> None:
    """Give the rows that wait on a channel to a part."""
    if waiting[channel] >= 0:
        for row in range(waiting[channel], filled):
            if part_column[row] == -1 - channel:
                part_column[row] = part
        waiting[channel] = _NOBODY


def _sort(notes: Table, note_part: Table, begin: int, end: int) -> bool:
    """Sort rows by start, pitch, end and velocity, given sorted by start; False: too far from it.

    By insertion: chords are short.
    """
    start, finish = notes["start_tick"], notes["end_tick"]
    pitch, velocity = notes["pitch"], notes["velocity"]
    shifts_left = _SHIFTS_PER_NOTE * (end - begin)
    for row in range(begin + 1, end):
        if start[row] != start[row - 1] or pitch[row] > pitch[row - 1]:
            continue
        mine = finish[row], pitch[row], velocity[row], note_part[row]
        to = row
        while to > begin and start[to - 1] == start[row]:
            before = to - 1
            if pitch[before] < mine[1] or (
                pitch[before] == mine[1]
                and (
                    finish[before] < mine[0]
                    or (finish[before] == mine[0] and velocity[before] <= mine[2])
                )
            ):
                break
            finish[to], pitch[to] = finish[before], pitch[before]
            velocity[to], note_part[to] = velocity[before], note_part[before]
            to = before
        finish[to], pitch[to], velocity[to], note_part[to] = mine
        shifts_left -= row - to
        if shifts_left < 0:
            return False
    return True


HELPERS = (_number, _meta, _adopt, _sort)  # what `scan` calls
