"""From the tracks of a file to a Score: `scan` fills the tables, this cuts them into parts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnmusic.midi import scan
from rnnmusic.midi.compiled import Scanner
from rnnmusic.midi.container import Container, decode_text
from rnnmusic.midi.tables import Parts, Rows, Tables
from rnnmusic.score import Score, Table, Track, sort_notes
from rnnmusic.score.assembly import MalformedError, end_to_end
from rnnmusic.score.messages import DRUM_CHANNEL

SCANNER = Scanner()

_PROGRAMS = 128
_NOTHING = Rows(0, 0, 0, 0, 0, 0)


def read_tracks(container: Container, scanner: Scanner = SCANNER) -> Score:
    """Score of a file of any format; the sequences of format 2 are laid end to end.

    Raises MalformedError, with the reason as a clause, when any track breaks the standard.
    """
    data = container.data
    chunks = np.zeros(len(container.chunks), dtype=scan.CHUNK)
    chunks["begin"], chunks["end"] = np.array(container.chunks).T
    tables = Tables.for_bytes(len(data))
    outcome = scanner.scan_for(len(data))(data, chunks, *tables)
    if outcome.trouble:
        number, begin = outcome.trouble_chunk, container.chunks[outcome.trouble_chunk][0]
        raise MalformedError(f"in track {number + 1} {_complaint(outcome, data, begin)}")
    rows = chunks.tolist()
    tables.shrink(Rows(*rows[-1][2:8]))
    title = _text(data, outcome.title_at, outcome.title_size)

    cutter = _Cutter(data, tables, outcome.is_sorted)
    if container.format == 2:
        return end_to_end(
            [cutter.score([row], container.ticks_per_quarter, title, named=True) for row in rows]
        )
    return cutter.score(rows, container.ticks_per_quarter, title, named=container.format == 1)


class _Cutter:
    """Cuts filled tables along the tracks, which must come in file order."""

    def __init__(self, data: bytes, tables: Tables, is_sorted: bool) -> None:
        self._data = data
        self._tables = tables
        self._is_sorted = is_sorted
        self._done = _NOTHING

    def score(
        self, chunks: list[tuple[int, ...]], ticks_per_quarter: int, title: str, *, named: bool
    ) -> Score:
        """Score of tracks that play together."""
        before = self._done
        tracks = [track for chunk in chunks for track in self._tracks(chunk, named)]
        done = self._done
        tempos = self._tables.tempos[before.tempos : done.tempos]
        metres = self._tables.metres[before.metres : done.metres]
        keys = self._tables.keys[before.keys : done.keys]
        return Score(
            ticks_per_quarter=ticks_per_quarter,
            tracks=tuple(tracks),
            tempos=_by_tick(tempos),
            metres=_by_tick(metres),
            keys=_by_tick(keys),
            name=title,
        )

    def _tracks(self, chunk: tuple[int, ...], named: bool) -> Iterator[Track]:
        _, _, *filled, name_at, name_size, parts, part = chunk
        before, self._done = self._done, Rows(*filled)
        if not parts:
            return
        done, tables = self._done, self._tables
        notes = tables.notes[before.notes : done.notes]
        controls = tables.controls[before.controls : done.controls]
        bends = tables.bends[before.bends : done.bends]
        name = _text(self._data, name_at, name_size) if named else ""
        if parts == 1:
            yield self._track(part, name, notes, controls, bends)
            return
        columns = (
            tables.note_part[before.notes : done.notes],
            tables.control_part[before.controls : done.controls],
            tables.bend_part[before.bends : done.bends],
        )
        numbers = np.unique(np.concatenate(columns))
        cut = [
            _split(events, column, numbers)
            for events, column in zip((notes, controls, bends), columns, strict=True)
        ]
        for i, number in enumerate(numbers.tolist()):
            yield self._track(number, name, *(pieces[i] for pieces in cut))

    def _track(self, part: int, name: str, notes: Table, controls: Table, bends: Table) -> Track:
        channel, program = divmod(part, _PROGRAMS)
        return Track(
            notes=notes if self._is_sorted else sort_notes(notes),
            program=program,
            is_drum=channel == DRUM_CHANNEL,
            name=name,
            controls=controls,
            bends=bends,
        )


def _split(events: Table, part: Parts, numbers: Parts) -> list[Table]:
    """The events of each of these parts, in their order."""
    order = np.argsort(part, kind="stable")
    cuts = np.searchsorted(part, numbers[1:], sorter=order)
    return np.split(events[order], cuts)


def _by_tick(events: Table) -> Table:
    """Events sorted by tick; those of one tick stay in file order."""
    tick = events["tick"]
    if len(tick) < 2 or (tick[1:] >= tick[:-1]).all():
        return events
    return events[np.argsort(tick, kind="stable")]


def _text(data: bytes, at: int, size: int) -> str:
    return decode_text(data[at : at + size]) if at >= 0 else ""


def _complaint(outcome: scan.Outcome, data: bytes, begin: int) -> str:
    """What is wrong with a track whose bytes begin there, as a clause."""
    at, tick = outcome.trouble_at, outcome.trouble_tick
    byte = at - begin
    payload = data[at + 2 : at + 6]  # of a meta event with the customary size of one byte
    match outcome.trouble:
        case scan.BAD_NUMBER:
            return f"a number breaks off at byte {byte}"
        case scan.LONG_NUMBER:
            return f"a number at byte {byte} is longer than the standard's 4 bytes"
        case scan.BROKEN:
            return f"an event breaks off at byte {byte}"
        case scan.BAD_STATUS:
            return f"byte {byte} is {data[at]:#x}, which no file may hold"
        case scan.NO_STATUS:
            return f"byte {byte} is data where an event should start"
        case scan.BAD_VALUE:
            return f"an event at byte {byte} has a value above 127"
        case scan.SHORT_META:
            return f"a meta event {data[at]:#x} at byte {byte} is too short"
        case scan.BAD_TEMPO:
            return f"the tempo at tick {tick} is 0 microseconds per quarter"
        case scan.BAD_METRE:
            return f"the metre at tick {tick} is {payload[0]}/{2 ** payload[1]}"
        case _:
            sharps = int.from_bytes(payload[:1], "big", signed=True)
            return f"the key at tick {tick} has {sharps} sharps and mode {payload[1]}"
