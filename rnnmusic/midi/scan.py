"""The inner loop of the reader: one pass over the bytes of all tracks, straight into event tables.

These functions are plain Python over bytes and arrays, within what numba compiles: see
`rnnmusic.compiling` for when they run as they are and when as machine code. So they report trouble
by number, not by exception, and the loop branches where arithmetic would be shorter but slower.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.midi.tables import Parts, Tables
from rnnmusic.score import Table

# One track: where its bytes are, and what came of them. Of each table, the rows filled when it was
# through; its last name and the last among the meta events that open it (at < 0: none); how many
# parts it has and one of them; whether its notes are sorted or only in order of their starts.
CHUNK = np.dtype(
    [("begin", "<i8"), ("end", "<i8")]
    + [(name, "<i8") for name in ("notes", "controls", "bends", "tempos", "metres", "keys")]
    + [(name, "<i8") for name in ("name_at", "name_size", "title_at", "title_size")]
    + [("parts", "<i8"), ("part", "<i8"), ("is_sorted", "<i8")]
)

# What can be wrong with a track.
FINE, BAD_NUMBER, LONG_NUMBER, BROKEN, BAD_STATUS, NO_STATUS, BAD_VALUE = range(7)
SHORT_META, BAD_TEMPO, BAD_METRE, BAD_KEY = range(7, 11)

_NAME, _END, _TEMPO, _METRE, _KEY = 0x03, 0x2F, 0x51, 0x58, 0x59
_NOBODY = -1
_SHIFTS_PER_NOTE = 8  # of sorting by insertion, on average, before it is left to a real sort

Longs = NDArray[np.int64]


class Trouble(NamedTuple):
    """The first thing that is wrong, or FINE: in which track, where, and at what time.

    The track counts from 0. The position is one in the data; for a meta event, that of its kind.
    """

    what: int
    track: int
    at: int
    tick: int


class _Channels(NamedTuple):
    """What the sixteen channels are at, in arrays by channel, by part or by channel and pitch."""

    program: Longs
    playing: Longs  # part that a controller goes to, or -1 - channel while it has to wait
    waiting_controls: Longs  # first row of those that wait for a part, or _NOBODY
    waiting_bends: Longs
    played_in: Longs  # last track in which a part played
    # First and last sounding note of a pitch. The notes between hang on the first: while a note
    # sounds, its end is -2 - the next note's row, or _NOBODY.
    first_sounding: Longs
    last_sounding: Longs


def scan(data: bytes, chunks: Table, tables: Tables) -> Trouble:
    """Fill the tables, which must have room, and the chunks from the bytes these point at.

    A row's part is channel * 128 + program. A note belongs to the program at its start and ends
    with the first note-off of its pitch that an earlier note hasn't used, or with its track. A
    controller or bend belongs to the program at its time or, when that hasn't played yet in this
    track, to the part of the channel's next note.
    """
    channels = _Channels(
        np.zeros(16, dtype=np.int64),
        np.zeros(16, dtype=np.int64),
        np.full(16, _NOBODY),
        np.full(16, _NOBODY),
        np.full(2048, _NOBODY),
        np.full(2048, _NOBODY),
        np.full(2048, _NOBODY),
    )
    metas = np.zeros(3, dtype=np.int64)  # rows filled of tempos, metres, keys
    for track in range(len(chunks)):
        what, at, tick = _scan_track(data, track, chunks, tables, channels, metas)
        if what != FINE:
            return Trouble(what, track, at, tick)
    begin = 0
    for track in range(len(chunks)):
        end = int(chunks["notes"][track])
        chunks["is_sorted"][track] = _sort(tables.notes, tables.note_part, begin, end)
        begin = end
    return Trouble(FINE, 0, 0, 0)


def _scan_track(
    data: bytes, track: int, chunks: Table, tables: Tables, channels: _Channels, metas: Longs
) -> tuple[int, int, int]:
    """Take one track in; returns the trouble, its position and its time."""
    note_start, note_end = tables.notes["start_tick"], tables.notes["end_tick"]
    note_pitch, note_velocity = tables.notes["pitch"], tables.notes["velocity"]
    note_part = tables.note_part
    control_tick, control_number = tables.controls["tick"], tables.controls["number"]
    control_value, control_part = tables.controls["value"], tables.control_part
    bend_tick, bend_value = tables.bends["tick"], tables.bends["value"]
    bend_part = tables.bend_part
    program, playing, waiting_controls, waiting_bends, played_in = channels[:5]
    first_sounding, last_sounding = channels.first_sounding, channels.last_sounding

    n = c = b = 0  # rows filled of notes, controls, bends
    if track:
        n, c = int(chunks["notes"][track - 1]), int(chunks["controls"][track - 1])
        b = int(chunks["bends"][track - 1])
    first_note, name_at, name_size, title_at, title_size = n, _NOBODY, 0, _NOBODY, 0
    parts, last_part, sounding, waits, status, tick = 0, 0, 0, 0, 0, 0
    only_metas = True
    for channel in range(16):
        program[channel], playing[channel] = 0, -1 - channel
    at, stop = int(chunks["begin"][track]), int(chunks["end"][track])
    while at < stop:
        # -- time ------------------------------------------------------------------------
        delta = int(data[at])
        if delta < 0x80:
            at += 1
        else:
            delta, at = _number(data, at, stop)
            if delta < 0:
                return -delta, at, tick
        tick += delta
        if at >= stop:
            return BROKEN, at, tick
        # -- what isn't for a channel ----------------------------------------------------
        byte = int(data[at])
        if byte >= 0xF0:
            if byte != 0xFF and byte != 0xF0 and byte != 0xF7:
                return BAD_STATUS, at, tick
            kind, kind_at = -1, at + 1
            if byte == 0xFF:
                if at + 1 >= stop:
                    return BROKEN, at, tick
                at += 1
                kind = int(data[kind_at])
            else:
                status, only_metas = 0, False
            size, at = _number(data, at + 1, stop)
            if size < 0:
                return -size, at, tick
            if at + size > stop:
                return BROKEN, at, tick
            if kind == _END:
                break
            elif kind == _NAME:
                name_at, name_size = at, size
                if only_metas:
                    title_at, title_size = at, size
            elif kind in (_TEMPO, _METRE, _KEY):
                what = _meta(data, at, size, kind, tick, tables, metas)
                if what != FINE:
                    return what, kind_at, tick
            at += size
            continue
        # -- channel messages ------------------------------------------------------------
        if byte >= 0x80:
            status = byte
            at += 1
        elif status == 0:
            return NO_STATUS, at, tick
        only_metas = False
        kind, channel = status & 0xF0, status & 0x0F
        width = 1 if kind == 0xC0 or kind == 0xD0 else 2
        if at + width > stop:
            return BROKEN, at, tick
        data1, data2 = int(data[at]), int(data[at + width - 1])
        if data1 | data2 > 127:
            return BAD_VALUE, at, tick
        at += width
        if kind == 0x90 and data2 > 0:
            part = int(playing[channel])
            if part < 0 or waits:
                part = channel << 7 | int(program[channel])
                playing[channel] = part
                if played_in[part] != track:
                    played_in[part], last_part = track, part
                    parts += 1
                waits -= _adopt(control_part, waiting_controls, c, channel, part)
                waits -= _adopt(bend_part, waiting_bends, b, channel, part)
            note_start[n], note_end[n], note_part[n] = tick, _NOBODY, part
            note_pitch[n], note_velocity[n] = data1, data2
            key = channel << 7 | data1
            if first_sounding[key] < 0:
                first_sounding[key] = n
            else:
                note_end[last_sounding[key]] = -2 - n
            last_sounding[key] = n
            sounding += 1
            n += 1
        elif kind == 0x90 or kind == 0x80:
            key = channel << 7 | data1
            row = int(first_sounding[key])
            if row >= 0:
                first_sounding[key] = -2 - int(note_end[row])
                note_end[row] = tick
                sounding -= 1
        elif kind == 0xB0:
            control_tick[c], control_number[c], control_value[c] = tick, data1, data2
            control_part[c] = playing[channel]
            if playing[channel] < 0 and waiting_controls[channel] < 0:
                waiting_controls[channel] = c
                waits += 1
            c += 1
        elif kind == 0xC0:
            part = channel << 7 | data1
            program[channel] = data1
            playing[channel] = part if played_in[part] == track else -1 - channel
        elif kind == 0xE0:
            bend_tick[b], bend_value[b] = tick, (data2 << 7 | data1) - 8192
            bend_part[b] = playing[channel]
            if playing[channel] < 0 and waiting_bends[channel] < 0:
                waiting_bends[channel] = b
                waits += 1
            b += 1
    # -- the end of the track ------------------------------------------------------------
    if sounding:
        for row in range(first_note, n):
            if note_end[row] < 0:
                note_end[row] = tick
                first_sounding[int(note_part[row]) & 0x780 | int(note_pitch[row])] = _NOBODY
    if waits:
        for channel in range(16):
            if waiting_controls[channel] >= 0 or waiting_bends[channel] >= 0:
                part = channel << 7 | int(program[channel])
                if played_in[part] != track:
                    played_in[part], last_part = track, part
                    parts += 1
                _adopt(control_part, waiting_controls, c, channel, part)
                _adopt(bend_part, waiting_bends, b, channel, part)
    chunks["notes"][track], chunks["controls"][track], chunks["bends"][track] = n, c, b
    chunks["tempos"][track], chunks["metres"][track] = metas[0], metas[1]
    chunks["keys"][track] = metas[2]
    chunks["name_at"][track], chunks["name_size"][track] = name_at, name_size
    chunks["title_at"][track], chunks["title_size"][track] = title_at, title_size
    chunks["parts"][track], chunks["part"][track] = parts, last_part
    return FINE, at, tick


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
    data: bytes, at: int, size: int, kind: int, tick: int, tables: Tables, filled: Longs
) -> int:
    """Add a tempo, metre or key to its table; returns the trouble with it."""
    if size < (3 if kind == _TEMPO else 4 if kind == _METRE else 2):
        return SHORT_META
    if kind == _TEMPO:
        value = int(data[at]) << 16 | int(data[at + 1]) << 8 | int(data[at + 2])
        if value == 0:
            return BAD_TEMPO
        row = int(filled[0])
        tables.tempos["tick"][row], tables.tempos["microseconds_per_quarter"][row] = tick, value
        filled[0] += 1
    elif kind == _METRE:
        numerator, power = int(data[at]), int(data[at + 1])
        if numerator == 0 or power > 15:
            return BAD_METRE
        row = int(filled[1])
        tables.metres["tick"][row], tables.metres["numerator"][row] = tick, numerator
        tables.metres["denominator"][row] = 1 << power
        filled[1] += 1
    else:
        sharps, mode = int(data[at]), int(data[at + 1])
        if sharps > 127:
            sharps -= 256
        if sharps < -7 or sharps > 7 or mode > 1:
            return BAD_KEY
        row = int(filled[2])
        tables.keys["tick"][row], tables.keys["sharps"][row] = tick, sharps
        tables.keys["is_minor"][row] = mode == 1
        filled[2] += 1
    return FINE


def _adopt(part_column: Parts, waiting: Longs, filled: int, channel: int, part: int) -> int:
    """Give the rows that wait on a channel to a part; returns 1 if any did, else 0."""
    first = int(waiting[channel])
    if first < 0:
        return 0
    for row in range(first, filled):
        if part_column[row] == -1 - channel:
            part_column[row] = part
    waiting[channel] = _NOBODY
    return 1


def _sort(notes: Table, note_part: Parts, begin: int, end: int) -> bool:
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


HELPERS = (_scan_track, _number, _meta, _adopt, _sort)  # what `scan` calls, for the compiler
