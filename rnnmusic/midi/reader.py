"""From the tracks of a file to a Score: `scan` fills the tables, this cuts them into parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.midi import scan
from rnnmusic.midi.container import Container, decode_text
from rnnmusic.midi.tables import Parts, Rows, Tables
from rnnmusic.score import Score, Table, Track, sort_notes
from rnnmusic.score.assembly import MalformedError, end_to_end
from rnnmusic.score.messages import DRUM_CHANNEL

# As many bytes take plain Python 25 ms.
SCAN = Kernel(
    scan.scan,
    patience=1 << 17,
    example=lambda: (b"", np.empty(0, dtype=scan.CHUNK), Tables.for_bytes(0)),
    helpers=scan.HELPERS,
)

_PROGRAMS = 128


class _Chunk(NamedTuple):
    """A row of `scan.CHUNK` after the scan, but for the place of the bytes."""

    filled: Rows
    name_at: int
    name_size: int
    title_at: int
    title_size: int
    parts: int
    part: int
    is_sorted: int


def read_tracks(container: Container, kernel: Kernel[..., scan.Trouble] = SCAN) -> Score:
    """Score of a file of any format; the sequences of format 2 are laid end to end.

    Raises MalformedError, with the reason as a clause, when any track breaks the standard.
    """
    data = container.data
    chunks = np.zeros(len(container.chunks), dtype=scan.CHUNK)
    chunks["begin"], chunks["end"] = np.array(container.chunks).T
    tables = Tables.for_bytes(len(data))
    trouble = kernel.for_work(len(data))(data, chunks, tables)
    if trouble.what != scan.FINE:
        clause = _complaint(trouble, data, begin=container.chunks[trouble.track][0])
        raise MalformedError(f"in track {trouble.track + 1} {clause}")
    rows = [_Chunk(Rows(*row[2:8]), *row[8:]) for row in chunks.tolist()]
    tables.shrink(rows[-1].filled)

    cutter = _Cutter(container, tables, _text(data, rows[0].title_at, rows[0].title_size))
    if container.format == 2:
        return end_to_end([cutter.score([row]) for row in rows])
    return cutter.score(rows)


class _Cutter:
    """Cuts filled tables along the tracks, which must come in file order."""

    def __init__(self, container: Container, tables: Tables, title: str) -> None:
        self._container = container
        self._tables = tables
        self._title = title
        self._done = Rows(0, 0, 0, 0, 0, 0)

    def score(self, chunks: list[_Chunk]) -> Score:
        """Score of tracks that play together."""
        before = self._done
        tracks = [track for chunk in chunks for track in self._tracks(chunk)]
        done = self._done
        return Score(
            ticks_per_quarter=self._container.ticks_per_quarter,
            tracks=tuple(tracks),
            tempos=_by_tick(self._tables.tempos[before.tempos : done.tempos]),
            metres=_by_tick(self._tables.metres[before.metres : done.metres]),
            keys=_by_tick(self._tables.keys[before.keys : done.keys]),
            name=self._title,
        )

    def _tracks(self, chunk: _Chunk) -> Iterator[Track]:
        before, self._done = self._done, chunk.filled
        if not chunk.parts:
            return
        done, tables = self._done, self._tables
        notes = tables.notes[before.notes : done.notes]
        controls = tables.controls[before.controls : done.controls]
        bends = tables.bends[before.bends : done.bends]
        # The one name in a file of format 0 is the title.
        has_name = self._container.format != 0
        name = _text(self._container.data, chunk.name_at, chunk.name_size) if has_name else ""
        if chunk.parts == 1:
            yield _track(chunk, chunk.part, name, notes, controls, bends)
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
        for number, *pieces in zip(numbers.tolist(), *cut, strict=True):
            yield _track(chunk, number, name, *pieces)


def _track(
    chunk: _Chunk, part: int, name: str, notes: Table, controls: Table, bends: Table
) -> Track:
    channel, program = divmod(part, _PROGRAMS)
    return Track(
        notes=notes if chunk.is_sorted else sort_notes(notes),
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


def _complaint(trouble: scan.Trouble, data: bytes, *, begin: int) -> str:
    """What is wrong with a track whose bytes begin there, as a clause."""
    at, tick = trouble.at, trouble.tick
    byte = at - begin
    payload = data[at + 2 : at + 6]  # of a meta event with the customary size of one byte
    match trouble.what:
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
