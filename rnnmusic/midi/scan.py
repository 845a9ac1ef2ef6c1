"""The inner loop of the reader: one pass over the bytes of all tracks, straight into event tables.

These functions are plain Python over bytes and arrays, within what numba compiles: see
`rnnmusic.compiling` for when they run as they are and when as machine code. So they report trouble
by number, not by exception, and the loop branches where arithmetic would be shorter but slower.
"""

from __future__ import annotations

from rnnmusic.midi import grammar, recovery, rows
from rnnmusic.midi import state as s
from rnnmusic.midi.grammar import (
    END,
    KEY,
    LONGEST_INT64,
    LONGEST_NUMBER,
    METRE,
    NAME,
    TEMPO,
    grade_events,
    read_number,
)
from rnnmusic.midi.recovery import note, recover
from rnnmusic.midi.rows import adopt, sort_rows, take_meta
from rnnmusic.midi.state import State, Trouble
from rnnmusic.midi.tables import Tables
from rnnmusic.score import Table


def scan(data: bytes, chunks: Table, tables: Tables, state: State, pause: int) -> Trouble:
    """Fill the tables, which must have room, and the chunks from the bytes these point at.

    A row's part is channel * 128 + program. A note belongs to the program at its start and ends
    with the first note-off of its pitch that an earlier note hasn't used, or with its track. A
    controller or bend belongs to the program at its time or, when that hasn't played yet in this
    track, to the part of the channel's next note.

    PAUSED is returned at the first event at or beyond the position `pause`, and when a forgiving
    scan has looked ahead more than its patience: call again with the same arrays to go on.
    """
    cursor = state.cursor
    if cursor[s.TRACK] < 0:
        _begin(chunks, state, 0)
    while cursor[s.TRACK] < len(chunks):
        track = int(cursor[s.TRACK])
        what, at, tick = _scan_track(data, track, chunks, tables, state, pause)
        if what == s.FINE:
            _finish(track, chunks, tables, state)
            _begin(chunks, state, track + 1)
        elif what < s.BAD_NUMBER or not cursor[s.IS_FORGIVING]:
            return Trouble(what, track, at, tick)
        else:
            cursor[s.PATIENCE] -= recover(data, int(chunks["end"][track]), what, at, state)
            if cursor[s.PATIENCE] < 0:
                return Trouble(s.PAUSED, track, at, tick)
    begin = 0
    for track in range(len(chunks)):
        end = int(chunks["notes"][track])
        chunks["is_sorted"][track] = sort_rows(tables.notes, tables.note_part, begin, end)
        begin = end
    return Trouble(s.FINE, 0, 0, 0)


def _begin(chunks: Table, state: State, track: int) -> None:
    """Point the cursor at the beginning of a track, if there is that track."""
    cursor = state.cursor
    cursor[s.TRACK] = track
    if track == len(chunks):
        return
    for field in range(s.AT, s.NOTES):
        cursor[field] = 0
    for field in range(s.PARTS, s.FIELDS):
        cursor[field] = 0
    cursor[s.AT] = chunks["begin"][track]
    cursor[s.FIRST_NOTE], cursor[s.ONLY_METAS] = cursor[s.NOTES], 1
    cursor[s.NAME_AT] = cursor[s.TITLE_AT] = s.NOBODY
    for channel in range(16):
        state.program[channel], state.playing[channel] = 0, -1 - channel


def _scan_track(
    data: bytes, track: int, chunks: Table, tables: Tables, state: State, pause: int
) -> tuple[int, int, int]:
    """Take one track in from the cursor on; returns what stopped it, its position and its time."""
    note_start, note_end = tables.notes["start_tick"], tables.notes["end_tick"]
    note_pitch, note_velocity = tables.notes["pitch"], tables.notes["velocity"]
    note_part = tables.note_part
    control_tick, control_number = tables.controls["tick"], tables.controls["number"]
    control_value, control_part = tables.controls["value"], tables.control_part
    bend_tick, bend_value = tables.bends["tick"], tables.bends["value"]
    bend_part = tables.bend_part
    program, playing, waiting_controls, waiting_bends, played_in = state[:5]
    first_sounding, last_sounding = state.first_sounding, state.last_sounding
    cursor = state.cursor

    at, tick, status = int(cursor[s.AT]), int(cursor[s.TICK]), int(cursor[s.STATUS])
    n, c, b = int(cursor[s.NOTES]), int(cursor[s.CONTROLS]), int(cursor[s.BENDS])
    parts, last_part = int(cursor[s.PARTS]), int(cursor[s.PART])
    sounding, waits = int(cursor[s.SOUNDING]), int(cursor[s.WAITS])
    only_metas, doubtful = int(cursor[s.ONLY_METAS]), int(cursor[s.DOUBTFUL])
    latest, wary = int(cursor[s.LATEST]), int(cursor[s.IS_WARY])
    stop = int(chunks["end"][track])
    pause = min(pause, stop)
    most_notes = len(note_start)
    what, event_at, delta = s.FINE, at, 0
    while at < pause:
        # -- time ------------------------------------------------------------------------
        event_at = at
        delta = int(data[at])
        if delta < 0x80:
            at += 1
        else:
            longest = LONGEST_INT64 if at == cursor[s.PASS_AT] else LONGEST_NUMBER
            delta, at = read_number(data, at, stop, longest)
            if delta < 0:
                what, delta = -delta, 0
                break
            if delta > latest - tick:
                what, at, delta = s.TOO_LATE, event_at, 0
                break
        tick += delta
        if at >= stop:
            what = s.BROKEN
            break
        # -- what isn't for a channel ----------------------------------------------------
        byte = int(data[at])
        if byte >= 0xF0:
            if byte != 0xFF and byte != 0xF0 and byte != 0xF7:
                what = s.BAD_STATUS
                break
            kind, kind_at = -1, at + 1
            if byte == 0xFF:
                if at + 1 >= stop:
                    what = s.BROKEN
                    break
                at += 1
                kind = int(data[kind_at])
            else:
                if status:
                    cursor[s.OLD_STATUS] = status
                status, only_metas = 0, 0
            size, at = read_number(data, at + 1, stop, LONGEST_NUMBER)
            if size < 0:
                what = -size
                break
            if size > stop - at:
                what = s.BROKEN
                break
            if kind == END:
                at += size
                cursor[s.HAS_ENDED] = 1
                break
            elif kind == NAME:
                cursor[s.NAME_AT], cursor[s.NAME_SIZE] = at, size
                if only_metas:
                    cursor[s.TITLE_AT], cursor[s.TITLE_SIZE] = at, size
            elif kind in (TEMPO, METRE, KEY):
                what = take_meta(data, at, size, kind, tick, tables, state.metas)
                if what != s.FINE:
                    at = kind_at
                    break
            at += size
            cursor[s.LONG_AT], cursor[s.LONG_END] = event_at, at
            continue
        # -- channel messages ------------------------------------------------------------
        if byte >= 0x80:
            status = byte
            at += 1
        elif status == 0:
            what = s.NO_STATUS
            break
        elif (
            # A byte too far, a status looks like a delta and all goes on, as nonsense.
            wary
            and at - event_at == 2
            and playing[int(data[event_at]) & 15] >= 0
            and grade_events(data, event_at - 1, stop, 0) == 2
        ):
            what = s.ASTRAY
            break
        only_metas = 0
        kind, channel = status & 0xF0, status & 0x0F
        width = 1 if kind == 0xC0 or kind == 0xD0 else 2
        if at + width > stop:
            what = s.BROKEN
            break
        data1, data2 = int(data[at]), int(data[at + width - 1])
        if data1 | data2 > 127:
            if at != cursor[s.PASS_AT]:
                what = s.BAD_VALUE
                break
            data2 = 127
        at += width
        if kind == 0x90 and data2 > 0:
            if n == most_notes:
                what = s.TOO_MANY
                break
            part = int(playing[channel])
            if part < 0 or waits:
                part = channel << 7 | int(program[channel])
                playing[channel] = part
                if played_in[part] != track:
                    played_in[part], last_part = track, part
                    parts += 1
                waits -= adopt(control_part, waiting_controls, c, channel, part)
                waits -= adopt(bend_part, waiting_bends, b, channel, part)
            note_start[n], note_end[n], note_part[n] = tick, s.NOBODY, part
            note_pitch[n], note_velocity[n] = data1, data2
            key = channel << 7 | data1
            row = int(first_sounding[key])
            while 0 <= row < doubtful:  # its end was lost, or it would have been let go by now
                first_sounding[key] = -2 - int(note_end[row])
                note_end[row] = tick
                sounding -= 1
                note(state.repairs, s.HANGING, cursor, 0)
                row = int(first_sounding[key])
            if row < 0:
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
    # -- where it is now -----------------------------------------------------------------
    cursor[s.AT], cursor[s.TICK], cursor[s.STATUS] = at, tick, status
    cursor[s.EVENT_AT], cursor[s.DELTA] = event_at, delta
    cursor[s.NOTES], cursor[s.CONTROLS], cursor[s.BENDS] = n, c, b
    cursor[s.PARTS], cursor[s.PART] = parts, last_part
    cursor[s.SOUNDING], cursor[s.WAITS], cursor[s.ONLY_METAS] = sounding, waits, only_metas
    if what == s.FINE:
        if tick > latest:
            what = s.TOO_LATE
        elif at < stop and not cursor[s.HAS_ENDED]:
            what = s.PAUSED
    return what, at, tick


def _finish(track: int, chunks: Table, tables: Tables, state: State) -> None:
    """End what still sounds or waits in a track, and fill in its chunk."""
    cursor, tick = state.cursor, int(state.cursor[s.TICK])
    n, c, b = int(cursor[s.NOTES]), int(cursor[s.CONTROLS]), int(cursor[s.BENDS])
    note_end, note_part, note_pitch = (
        tables.notes["end_tick"],
        tables.note_part,
        tables.notes["pitch"],
    )
    if cursor[s.SOUNDING]:
        for row in range(int(cursor[s.FIRST_NOTE]), n):
            if note_end[row] < 0:
                note_end[row] = tick
                state.first_sounding[int(note_part[row]) & 0x780 | int(note_pitch[row])] = s.NOBODY
                note(state.repairs, s.HANGING, cursor, 0)
    if cursor[s.WAITS]:
        for channel in range(16):
            if state.waiting_controls[channel] >= 0 or state.waiting_bends[channel] >= 0:
                part = channel << 7 | int(state.program[channel])
                if state.played_in[part] != track:
                    state.played_in[part], cursor[s.PART] = track, part
                    cursor[s.PARTS] += 1
                adopt(tables.control_part, state.waiting_controls, c, channel, part)
                adopt(tables.bend_part, state.waiting_bends, b, channel, part)
    if not cursor[s.HAS_ENDED]:
        note(state.repairs, s.NO_END, cursor, 0)
    elif cursor[s.AT] < chunks["end"][track]:
        note(state.repairs, s.AFTER_END, cursor, int(chunks["end"][track] - cursor[s.AT]))
    chunks["notes"][track], chunks["controls"][track], chunks["bends"][track] = n, c, b
    chunks["tempos"][track], chunks["metres"][track] = state.metas[0], state.metas[1]
    chunks["keys"][track] = state.metas[2]
    chunks["name_at"][track], chunks["name_size"][track] = cursor[s.NAME_AT], cursor[s.NAME_SIZE]
    chunks["title_at"][track] = cursor[s.TITLE_AT]
    chunks["title_size"][track] = cursor[s.TITLE_SIZE]
    chunks["parts"][track], chunks["part"][track] = cursor[s.PARTS], cursor[s.PART]
    chunks["last_tick"][track] = tick


# What `scan` calls, for the compiler.
HELPERS = (
    *grammar.HELPERS,
    *recovery.HELPERS,
    *rows.HELPERS,
    *(_begin, _scan_track, _finish),
)
