"""Streams of MIDI messages back into a Score: pairs notes, follows programs, joins sequences."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rnnmusic.score.messages import DRUM_CHANNEL
from rnnmusic.score.model import (
    BEND,
    CONTROL,
    DEFAULT_MICROSECONDS_PER_QUARTER,
    KEY,
    METRE,
    NOTE,
    TEMPO,
    Score,
    Table,
    Track,
    sort_notes,
    table,
)


class MalformedError(ValueError):
    """MIDI data break the standard; the message is a clause that says how."""


@dataclass
class _Part:
    """What one channel plays with one program."""

    notes: list[tuple[int, int, int, int]] = field(default_factory=list)
    # Behind their place among the chunk's messages, for some wait and come late.
    controls: list[tuple[int, int, int, int]] = field(default_factory=list)
    bends: list[tuple[int, int, int]] = field(default_factory=list)


class Chunk:
    """One MIDI track as it is read: take messages in time order, then `tracks`.

    A chunk gives one Track per channel and program. A note belongs to the program at its start and
    ends with the first note-off of its pitch that an earlier note hasn't used; notes still
    sounding end with the chunk. Controllers sent before a channel's first note go to that note's
    Track, so that "volume, program, notes" stays together; events of one tick keep their order.
    """

    def __init__(self) -> None:
        self.name = ""
        self.tempos: list[tuple[int, int]] = []
        self.metres: list[tuple[int, int, int]] = []
        self.keys: list[tuple[int, int, bool]] = []
        self._messages = 0
        self._program = [0] * 16
        self._parts: dict[tuple[int, int], _Part] = {}
        self._waiting: dict[int, _Part] = {}
        self._sounding: dict[tuple[int, int], deque[tuple[int, int, _Part]]] = {}

    def message(self, tick: int, status: int, data1: int, data2: int) -> None:
        """Take a channel message; key pressure and channel pressure have no place in a Score."""
        kind, channel = status & 0xF0, status & 0x0F
        self._messages += 1
        if kind == 0x90 and data2:
            part = self._part(channel)
            self._sounding.setdefault((channel, data1), deque()).append((tick, data2, part))
        elif kind in (0x80, 0x90):
            queue = self._sounding.get((channel, data1))
            if queue:
                start, velocity, part = queue.popleft()
                part.notes.append((start, tick, data1, velocity))
        elif kind == 0xB0:
            self._current(channel).controls.append((self._messages, tick, data1, data2))
        elif kind == 0xC0:
            self._program[channel] = data1
        elif kind == 0xE0:
            bend = (data2 << 7 | data1) - 8192
            self._current(channel).bends.append((self._messages, tick, bend))

    def tempo(self, tick: int, microseconds_per_quarter: int) -> None:
        """Take a tempo; raises MalformedError for 0, which would stop time."""
        if microseconds_per_quarter < 1:
            raise MalformedError(f"its tempo at tick {tick} is 0 microseconds per quarter")
        self.tempos.append((tick, microseconds_per_quarter))

    def metre(self, tick: int, numerator: int, denominator: int) -> None:
        """Take a metre; raises MalformedError when it isn't one."""
        if not 1 <= numerator <= 255 or not 1 <= denominator <= 32768:
            raise MalformedError(f"its metre at tick {tick} is {numerator}/{denominator}")
        self.metres.append((tick, numerator, denominator))

    def key(self, tick: int, sharps: int, mode: int) -> None:
        """Take a key: -7..7 sharps, mode 0 for major and 1 for minor; else MalformedError."""
        if not -7 <= sharps <= 7 or mode not in (0, 1):
            raise MalformedError(f"its key at tick {tick} has {sharps} sharps and mode {mode}")
        self.keys.append((tick, sharps, bool(mode)))

    def tracks(self, end_tick: int, name: str) -> list[Track]:
        """Tracks by channel, then program; `end_tick` ends the notes still sounding."""
        for (_, pitch), queue in self._sounding.items():
            for start, velocity, part in queue:
                part.notes.append((start, end_tick, pitch, velocity))
            queue.clear()
        for channel in list(self._waiting):
            self._part(channel)
        return [
            Track(
                notes=sort_notes(table(NOTE, part.notes)),
                program=program,
                is_drum=channel == DRUM_CHANNEL,
                name=name,
                controls=table(CONTROL, (row[1:] for row in sorted(part.controls))),
                bends=table(BEND, (row[1:] for row in sorted(part.bends))),
            )
            for (channel, program), part in sorted(self._parts.items(), key=lambda item: item[0])
        ]

    def _part(self, channel: int) -> _Part:
        """The part that a note on this channel belongs to now."""
        key = (channel, self._program[channel])
        if key not in self._parts:
            self._parts[key] = _Part()
        part = self._parts[key]
        waiting = self._waiting.pop(channel, None)
        if waiting:
            part.controls += waiting.controls
            part.bends += waiting.bends
        return part

    def _current(self, channel: int) -> _Part:
        """The part that a controller on this channel belongs to now."""
        part = self._parts.get((channel, self._program[channel]))
        return part if part is not None else self._waiting.setdefault(channel, _Part())


def assemble(
    chunks: Sequence[tuple[Chunk, int]], *, ticks_per_quarter: int, one_chunk: bool, name: str
) -> Score:
    """Score of chunks that play together, each given with its last tick.

    one_chunk: the file is of format 0, whose only name is the score's, not its tracks'.
    """
    return Score(
        ticks_per_quarter=ticks_per_quarter,
        tracks=tuple(
            track
            for chunk, end in chunks
            for track in chunk.tracks(end, "" if one_chunk else chunk.name)
        ),
        tempos=table(TEMPO, (row for chunk, _ in chunks for row in chunk.tempos)),
        metres=table(METRE, (row for chunk, _ in chunks for row in chunk.metres)),
        keys=table(KEY, (row for chunk, _ in chunks for row in chunk.keys)),
        name=name,
    )


def end_to_end(scores: Iterable[Score]) -> Score:
    """One score that plays sequences (of equal ticks per quarter) one after another.

    Each starts on the bar line at or after its forerunner's end, at its own tempo and metre: 120
    and 4/4 where it has none. Tracks stay separate.
    """
    placed: list[Score] = []
    for score in scores:
        placed.append(_placed(score, placed[-1]) if placed else score)
    if len(placed) < 2:
        return placed[0] if placed else Score()
    return replace(
        placed[0],
        tracks=tuple(track for score in placed for track in score.tracks),
        tempos=np.concatenate([score.tempos for score in placed]),
        metres=np.concatenate([score.metres for score in placed]),
        keys=np.concatenate([score.keys for score in placed]),
    )


def _placed(score: Score, before: Score) -> Score:
    """The score behind the one before, which is in its place; neither leans on what came first."""
    events = (before.tempos, before.metres, before.keys)
    start = before.next_bar(max([before.end_tick, *(int(e["tick"][-1]) for e in events if len(e))]))
    return replace(
        score,
        tracks=tuple(_later(track, start) for track in score.tracks),
        tempos=_moved(_from_start(score.tempos, TEMPO, DEFAULT_MICROSECONDS_PER_QUARTER), start),
        metres=_moved(_from_start(score.metres, METRE, 4, 4), start),
        keys=_moved(score.keys, start),
    )


def _from_start(events: Table, dtype: np.dtype[np.void], *default: int) -> Table:
    if len(events) and events["tick"][0] == 0:
        return events
    return np.concatenate([table(dtype, [(0, *default)]), events])


def _moved(events: Table, ticks: int) -> Table:
    moved = events.copy()
    for column in ("tick", "start_tick", "end_tick"):
        if column in (events.dtype.names or ()):
            moved[column] += ticks
    return moved


def _later(track: Track, ticks: int) -> Track:
    return replace(
        track,
        notes=_moved(track.notes, ticks),
        controls=_moved(track.controls, ticks),
        bends=_moved(track.bends, ticks),
    )
