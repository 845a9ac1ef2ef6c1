"""Where to go on after a fault in a track: the other half of a forgiving scan.

Like `scan`, plain Python that numba compiles. The aim is to lose the event that is broken and
nothing else, and never to take bytes for notes that aren't: a place to go on is only believed when
several events in a row are right from there.
"""

from __future__ import annotations

from rnnmusic.midi import state as s
from rnnmusic.midi.grammar import (
    LONGEST_INT64,
    LONGEST_NUMBER,
    LONGEST_WAIT,
    data_width,
    find_event,
    grade_events,
    read_number,
    size_of,
    system_end,
)

_NEAR = 32  # bytes within which every event having its own status beats an earlier place
_SHIFT = 8  # bytes by which a value above 127 may have been taken for a status or a delta
_LONGEST_NOISE = 64  # bytes of a number that isn't one


def recover(data: bytes, stop: int, what: int, at: int, state: s.State) -> int:
    """Set the cursor to where the track goes on after a fault; returns how much that took."""
    cursor, repairs = state.cursor, state.repairs
    event_at, status, tick = int(cursor[s.EVENT_AT]), int(cursor[s.STATUS]), int(cursor[s.TICK])
    if what == s.ASTRAY:
        to = event_at - 1
        if data[to - 1] >= 0x80 and grade_events(data, to - 1, stop, 0) == 2:
            to -= 1
        if to > cursor[s.BACK_AT]:
            cursor[s.TICK], cursor[s.BACK_AT] = tick - int(cursor[s.DELTA]), to
            _skip(cursor, repairs, to, to, 0, s.LOST)
            return _NEAR
    elif what >= s.SHORT_META:
        size, payload = read_number(data, at + 1, stop, LONGEST_NUMBER)
        if size == size_of(int(data[at])) or _goes_on(data, payload + size, stop, status):
            cursor[s.AT] = payload + size
            note(repairs, what, cursor, 0)
            return _NEAR
    elif what == s.NO_STATUS:
        old = int(cursor[s.OLD_STATUS])
        if old and grade_events(data, event_at, stop, old):
            cursor[s.STATUS] = old
            _again(cursor)
            note(repairs, s.LENT_STATUS, cursor, 0)
            return _NEAR
    elif what == s.BAD_STATUS:
        after = system_end(data, at, stop)
        if _goes_on(data, after, stop, status):
            cursor[s.AT] = after
            note(repairs, s.SYSTEM, cursor, 0)
            return _NEAR
    elif what == s.BAD_VALUE:
        after = at + data_width(status)
        grade = grade_events(data, after, stop, status)
        if grade == 1:
            _, grade_of_other = find_event(data, at, min(stop, at + _SHIFT), stop, _SHIFT)
            if grade_of_other == 2:
                grade = 0
        if grade or after == stop:
            if data[at] < 0x80:
                cursor[s.PASS_AT] = at
                _again(cursor)
                note(repairs, s.CLIPPED, cursor, 0)
            else:
                _skip(cursor, repairs, event_at, after, status, s.LOST)
            return _NEAR
    elif what == s.LONG_NUMBER and at == event_at:
        last = at
        while last < stop and data[last] >= 0x80 and last - at < _LONGEST_NOISE:
            last += 1
        # Its last byte is a delta of its own, if only a short one.
        if grade_events(data, last, stop, status):
            wait, _ = read_number(data, at, stop, LONGEST_INT64)
            if 0 <= wait <= min(LONGEST_WAIT, int(cursor[s.LATEST]) - tick):
                cursor[s.PASS_AT] = at
                _again(cursor)
                note(repairs, s.LONG_READ, cursor, 0)
                return _NEAR
            _skip(cursor, repairs, event_at, last, status, s.LOST)
            return _NEAR
    # What precedes may have swallowed good events, its size being wrong.
    begin, end = int(cursor[s.LONG_AT]), int(cursor[s.LONG_END])
    if end == event_at and begin < end:
        to, grade = find_event(data, begin + 1, end, stop, end - begin)
        if grade == 2 and to > cursor[s.BACK_AT]:
            cursor[s.TICK], cursor[s.BACK_AT] = tick - int(cursor[s.DELTA]), to
            _skip(cursor, repairs, begin, to, 0, s.LOST)
            return to - begin + _NEAR
    is_about_data = what == s.BAD_VALUE or what == s.NO_STATUS
    begin = at if is_about_data else event_at + 1
    to, grade = find_event(data, begin, stop, stop, _NEAR)
    _skip(cursor, repairs, event_at, to, 0, s.LOST if grade else s.CUT)
    return to - event_at + _NEAR


def note(repairs: s.Longs, kind: int, cursor: s.Longs, byte_count: int) -> None:
    """Count a repair, and say where if it is the first of its kind."""
    if repairs[kind, s.COUNT] == 0:
        repairs[kind, s.TRACK_OF_FIRST] = cursor[s.TRACK]
        repairs[kind, s.TICK_OF_FIRST] = cursor[s.TICK]
    repairs[kind, s.COUNT] += 1
    repairs[kind, s.BYTES] += byte_count


def _goes_on(data: bytes, at: int, stop: int, status: int) -> bool:
    return at == stop or (at < stop and grade_events(data, at, stop, status) > 0)


def _again(cursor: s.Longs) -> None:
    """Back to before the event, now that it can be read."""
    cursor[s.AT] = cursor[s.EVENT_AT]
    cursor[s.TICK] -= cursor[s.DELTA]


def _skip(cursor: s.Longs, repairs: s.Longs, begin: int, end: int, status: int, kind: int) -> None:
    """Leave bytes out. Who sounds now may have been ended among them."""
    note(repairs, kind, cursor, end - begin)
    cursor[s.AT], cursor[s.STATUS], cursor[s.OLD_STATUS] = end, status, 0
    cursor[s.DOUBTFUL] = cursor[s.NOTES]


HELPERS = (note, _goes_on, _again, _skip, recover)
