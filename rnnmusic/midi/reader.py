"""From the tracks of a file to a Score: `scan` fills the tables, this cuts them into parts."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel
from rnnmusic.midi import repairs, scan
from rnnmusic.midi import state as s
from rnnmusic.midi.container import Bytes, Container, decode_text
from rnnmusic.midi.limits import LimitError, Limits
from rnnmusic.midi.sequences import lay_end_to_end
from rnnmusic.midi.state import State, Trouble
from rnnmusic.midi.tables import Parts, Rows, Tables
from rnnmusic.score import TEMPO, Score, Table, Track, sort_notes, table
from rnnmusic.score.assembly import MalformedError
from rnnmusic.score.messages import DRUM_CHANNEL

# As many bytes take plain Python as long as loading machine code: half a second.
SCAN = Kernel(
    scan.scan,
    patience=1 << 19,
    example=lambda: (
        _viewed(b""),
        np.empty(0, dtype=s.CHUNK),
        Tables.for_bytes(0, 0),
        State.fresh(forgiving=False, latest_tick=0, patience=0),
        0,
    ),
    helpers=scan.HELPERS,
)

_PROGRAMS = 128
_WINDOW = 1 << 22  # bytes of a mapped file to have in memory at once; a multiple of any page
_PATIENCE = 1 << 12  # positions to try after faults before Python leaves that to machine code
_MOST_WORK = 1 << 10  # positions to try per byte of a file: no file takes so many
_WORK_PER_TRACK = 100  # bytes that take as long
_NO_BYTES = np.frombuffer(b"\0", dtype=np.uint8)[:0]


class Reading(NamedTuple):
    """A Score and, as clauses, what was repaired for it."""

    score: Score
    repairs: list[str]


class _Chunk(NamedTuple):
    """A row of `state.CHUNK` after the scan, but for the place of the bytes."""

    filled: Rows
    name_at: int
    name_size: int
    title_at: int
    title_size: int
    parts: int
    part: int
    is_sorted: int
    last_tick: int


def read_tracks(
    container: Container,
    kernel: Kernel[..., Trouble] = SCAN,
    *,
    limits: Limits = Limits(),
    forgiving: bool = False,
    has_early_end: bool = False,
) -> Reading:
    """Score of a file of any format; the sequences of format 2 are laid end to end.

    Raises LimitError for a file beyond a limit, and unless `forgiving` MalformedError when any
    track breaks the standard, with the reason as a clause. has_early_end: the last track is known
    to be cut short.
    """
    data = container.data
    chunks = np.zeros(len(container.chunks), dtype=s.CHUNK)
    chunks["begin"], chunks["end"] = np.array(container.chunks).T
    # A damaged file is read a second time, running status suspected of being something else.
    for wary in (False, True):
        tables = Tables.for_bytes(len(data), limits.max_notes)
        state = State.fresh(
            forgiving=forgiving, latest_tick=limits.max_ticks, patience=_PATIENCE, wary=wary
        )
        trouble = _scanned(data, chunks, tables, state, kernel)
        if not state.has_faults:
            break
    if trouble.what == s.TOO_LATE:
        raise LimitError(f"it goes on beyond tick {limits.max_ticks}, which is the limit")
    if trouble.what == s.TOO_MANY:
        raise LimitError(f"it has more than {limits.max_notes} notes, which is the limit")
    if trouble.what != s.FINE:
        clause = _complaint(trouble, data, begin=container.chunks[trouble.track][0])
        raise MalformedError(f"in track {trouble.track + 1} {clause}")
    tables.shrink(Rows(*(int(chunks[name][-1]) for name in Rows._fields)))
    if container.format == 2:
        tables, chunks = lay_end_to_end(
            tables, chunks, container.ticks_per_quarter, limits.max_ticks
        )
    rows = [_Chunk(Rows(*row[2:8]), *row[8:]) for row in chunks.tolist()]
    title = _text(data, rows[0].title_at, rows[0].title_size)
    score = _Cutter(container, tables, title).score(rows)
    if limits.max_seconds < math.inf:
        limits.check_seconds(score.duration_s)
    return Reading(score, repairs.of_scan(state.repairs, has_early_end=has_early_end))


def _scanned(
    data: Bytes, chunks: Table, tables: Tables, state: State, kernel: Kernel[..., Trouble]
) -> Trouble:
    """Run the scan to its end or to trouble; what is read of a mapped file is let go of."""
    work, freed = len(data) + _WORK_PER_TRACK * len(chunks), 0
    while True:
        function = kernel.for_work(work)
        # Python is quicker with bytes, a compiled function takes one type only.
        is_plain = function is kernel.function
        pause = len(data) if isinstance(data, bytes) else min(freed + _WINDOW, len(data))
        view = data if is_plain and isinstance(data, bytes) else _viewed(data)
        trouble = function(view, chunks, tables, state, pause)
        if trouble.what != s.PAUSED:
            return trouble
        if state.cursor[s.PATIENCE] < 0:  # many faults: no work for plain Python
            state.cursor[s.PATIENCE] = _PATIENCE if is_plain else len(data) * _MOST_WORK
            work = _PATIENCE
        elif not isinstance(data, bytes):
            data.madvise(mmap.MADV_DONTNEED, freed, pause - freed)
            freed = pause


def _viewed(data: Bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, dtype=np.uint8) if len(data) else _NO_BYTES


class _Cutter:
    """Cuts filled tables along the tracks, which must come in file order."""

    def __init__(self, container: Container, tables: Tables, title: str) -> None:
        self._container = container
        self._tables = tables
        self._title = title
        self._done = Rows(0, 0, 0, 0, 0, 0)

    def score(self, chunks: list[_Chunk]) -> Score:
        """Score of all of a file's tracks."""
        tracks = [track for chunk in chunks for track in self._tracks(chunk)]
        tempos = _by_tick(self._tables.tempos)
        if self._container.tempo is not None:  # SMPTE frames, which no tempo moves
            tempos = table(TEMPO, [(0, self._container.tempo)])
        return Score(
            ticks_per_quarter=self._container.ticks_per_quarter,
            tracks=tuple(tracks),
            tempos=tempos,
            metres=_by_tick(self._tables.metres),
            keys=_by_tick(self._tables.keys),
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
    ordered = events[order]
    cuts = [0, *np.searchsorted(part, numbers[1:], sorter=order).tolist(), len(events)]
    return [ordered[begin:end] for begin, end in pairwise(cuts)]


def _by_tick(events: Table) -> Table:
    """Events sorted by tick; those of one tick stay in file order."""
    tick = events["tick"]
    if len(tick) < 2 or (tick[1:] >= tick[:-1]).all():
        return events
    return events[np.argsort(tick, kind="stable")]


def _text(data: Bytes, at: int, size: int) -> str:
    return decode_text(data[at : at + size]) if at >= 0 else ""


def _complaint(trouble: Trouble, data: Bytes, *, begin: int) -> str:
    """What is wrong with a track whose bytes begin there, as a clause."""
    at, tick = trouble.at, trouble.tick
    byte = at - begin
    payload = data[at + 2 : at + 6]  # of a meta event with the customary size of one byte
    match trouble.what:
        case s.BAD_NUMBER:
            return f"a number breaks off at byte {byte}"
        case s.LONG_NUMBER:
            return f"a number at byte {byte} is longer than the standard's 4 bytes"
        case s.BROKEN:
            return f"an event breaks off at byte {byte}"
        case s.BAD_STATUS:
            return f"byte {byte} is {data[at]:#x}, which no file may hold"
        case s.NO_STATUS:
            return f"byte {byte} is data where an event should start"
        case s.BAD_VALUE:
            return f"an event at byte {byte} has a value above 127"
        case s.SHORT_META:
            return f"a meta event {data[at]:#x} at byte {byte} is too short"
        case s.BAD_TEMPO:
            return f"the tempo at tick {tick} is 0 microseconds per quarter"
        case s.BAD_METRE:
            return f"the metre at tick {tick} is {payload[0]}/{2 ** payload[1]}"
        case _:
            sharps = int.from_bytes(payload[:1], "big", signed=True)
            return f"the key at tick {tick} has {sharps} sharps and mode {payload[1]}"
