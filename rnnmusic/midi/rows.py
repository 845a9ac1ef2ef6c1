"""What a scan does to rows of the tables beyond filling in a message: metas, owners, order."""

from __future__ import annotations

from rnnmusic.midi import state as s
from rnnmusic.midi.grammar import METRE, TEMPO
from rnnmusic.midi.tables import Parts, Tables
from rnnmusic.score import Table

_SHIFTS_PER_NOTE = 2  # of sorting by insertion, on average, before it is left to a real sort


def take_meta(
    data: bytes, at: int, size: int, kind: int, tick: int, tables: Tables, filled: s.Longs
) -> int:
    """Add a tempo, metre or key to its table; returns the trouble with it."""
    if size < (3 if kind == TEMPO else 4 if kind == METRE else 2):
        return s.SHORT_META
    if kind == TEMPO:
        value = int(data[at]) << 16 | int(data[at + 1]) << 8 | int(data[at + 2])
        if value == 0:
            return s.BAD_TEMPO
        row = int(filled[0])
        tables.tempos["tick"][row], tables.tempos["microseconds_per_quarter"][row] = tick, value
        filled[0] += 1
    elif kind == METRE:
        numerator, power = int(data[at]), int(data[at + 1])
        if numerator == 0 or power > 15:
            return s.BAD_METRE
        row = int(filled[1])
        tables.metres["tick"][row], tables.metres["numerator"][row] = tick, numerator
        tables.metres["denominator"][row] = 1 << power
        filled[1] += 1
    else:
        sharps, mode = int(data[at]), int(data[at + 1])
        if sharps > 127:
            sharps -= 256
        if sharps < -7 or sharps > 7 or mode > 1:
            return s.BAD_KEY
        row = int(filled[2])
        tables.keys["tick"][row], tables.keys["sharps"][row] = tick, sharps
        tables.keys["is_minor"][row] = mode == 1
        filled[2] += 1
    return s.FINE


def adopt(part_column: Parts, waiting: s.Longs, filled: int, channel: int, part: int) -> int:
    """Give the rows that wait on a channel to a part; returns 1 if any did, else 0."""
    first = int(waiting[channel])
    if first < 0:
        return 0
    for row in range(first, filled):
        if part_column[row] == -1 - channel:
            part_column[row] = part
    waiting[channel] = s.NOBODY
    return 1


def sort_rows(notes: Table, note_part: Parts, begin: int, end: int) -> bool:
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


HELPERS = (take_meta, adopt, sort_rows)
