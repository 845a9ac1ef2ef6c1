"""Of what MIDI events are made, for the loops over bytes: numbers, metas, plausible sequels."""

from __future__ import annotations

from rnnmusic.midi.state import BAD_NUMBER, LONG_NUMBER

NAME, END, TEMPO, METRE, KEY = 0x03, 0x2F, 0x51, 0x58, 0x59

LONGEST_NUMBER = 4  # bytes, by the standard
LONGEST_INT64 = 9  # bytes of 7 bits
LONGEST_WAIT = (1 << 35) - 1  # ticks to believe in: half a year at least, what five bytes say

_AHEAD = 4  # events that must be right after a fault: chance makes so many of 1 text in 10,000


def read_number(data: bytes, at: int, stop: int, longest: int) -> tuple[int, int]:
    """Value of the variable-length quantity at a position and the position after it.

    Or minus the trouble, and where the quantity began.
    """
    value = 0
    for i in range(longest):
        if at + i >= stop:
            return -BAD_NUMBER, at
        byte = int(data[at + i])
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    return -LONG_NUMBER, at


def grade_events(data: bytes, at: int, stop: int, status: int) -> int:
    """How the next events look: 0 wrong, 1 right, 2 right and each with its own status.

    The first of them begins, with its delta time, at the position; a status of 0: none is running.
    """
    grade = 2
    for event in range(_AHEAD):
        if at == stop and event > 1:
            return grade
        begin = at
        delta, at = read_number(data, at, stop, LONGEST_INT64)
        if delta < 0 or delta > LONGEST_WAIT or at >= stop:
            return 0
        if at - begin > LONGEST_NUMBER:
            grade = 1
        byte = int(data[at])
        if byte >= 0xF0:
            kind = -1
            if byte == 0xFF:
                at += 1
                if at >= stop:
                    return 0
                kind = int(data[at])
            elif byte != 0xF0 and byte != 0xF7:
                at, grade = system_end(data, at, stop), 1
                continue
            if kind > 0x7F:
                return 0
            size, at = read_number(data, at + 1, stop, LONGEST_NUMBER)
            if size < 0 or size > stop - at or (0 <= size_of(kind) != size):
                return 0
            if kind == END:
                return grade
            at += size
            continue
        if byte >= 0x80:
            status = byte
            at += 1
        elif status == 0:
            return 0
        else:
            grade = 1
        width = data_width(status)
        if at + width > stop or int(data[at]) | int(data[at + width - 1]) > 127:
            return 0
        at += width
    return grade


def find_event(data: bytes, at: int, until: int, stop: int, near: int) -> tuple[int, int]:
    """First position from `at` to before `until` from which events look right, and their grade.

    The first of them must have its own status. If not all have, a place among the `near` bytes
    behind it from which all have is taken instead. `until` and 0 when there is none.
    """
    fair = -1
    while at < until:
        grade = grade_events(data, at, stop, 0)
        # A wait of 2,048 ticks or more is rather a stray status and a shorter wait.
        if grade and data[at] >= 0x90 and grade_events(data, at + 1, stop, 0) == grade:
            at += 1
            continue
        if grade == 2:
            return at, 2
        if grade == 1 and fair < 0:
            fair = at
        if fair >= 0 and at - fair >= near:
            break
        at += 1
    if fair >= 0:
        return fair, 1
    return until, 0


def data_width(status: int) -> int:
    """Data bytes of a channel message."""
    return 1 if 0xC0 <= status < 0xE0 else 2


def system_end(data: bytes, at: int, stop: int) -> int:
    """The position behind a system common or realtime message, which no file may hold."""
    status = int(data[at])
    at += 1
    for _ in range(2 if status == 0xF2 else 1 if status == 0xF1 or status == 0xF3 else 0):
        if at < stop and data[at] < 0x80:
            at += 1
    return at


def size_of(kind: int) -> int:
    """Size of the payload of a meta event; -1: any."""
    if kind == TEMPO:
        return 3
    if kind == METRE:
        return 4
    if kind == KEY:
        return 2
    if kind == END:
        return 0
    if kind == 0x20 or kind == 0x21:  # channel prefix, port
        return 1
    if kind == 0x54:  # SMPTE offset
        return 5
    return -1


HELPERS = (read_number, data_width, system_end, size_of, grade_events, find_event)
