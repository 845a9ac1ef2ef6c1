"""Agenda: the messages that are planned and not sent yet, in the order in which they go out."""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from rnnmusic.live.messages import is_note_off, is_note_on
from rnnmusic.live.plan import Planned

_END, _OTHER, _BEGINNING, _END_OF_WHAT_BEGAN = range(4)


class Entry(NamedTuple):
    """A planned message with its place in the order."""

    time_s: float
    rank: int
    serial: int
    planned: Planned


class Agenda:
    """A heap of planned messages, ordered by when each is to be handed to its port.

    time_s(planned): that moment, in seconds; infinite while the beat clock stands. After the
    clock or a port's lead has changed, call `reschedule`.

    At one moment ends of notes come first, then controllers and programs, then beginnings;
    otherwise what came first goes first. The end of a note that has no length comes after its
    beginning all the same, or it would be left sounding.
    """

    def __init__(self, time_s: Callable[[Planned], float]) -> None:
        self._time_s = time_s
        self._heap: list[Entry] = []
        self._serial = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_s(self) -> float:
        """When the next message is to go; infinite if there is none."""
        return self._heap[0].time_s if self._heap else math.inf

    def add(self, planned: Planned) -> None:
        """Plan a message."""
        self._serial += 1
        entry = Entry(self._time_s(planned), self._rank(planned), self._serial, planned)
        heappush(self._heap, entry)

    def pop(self, now_s: float) -> Entry | None:
        """Take out the next message if its moment has come."""
        if self._heap and self._heap[0].time_s <= now_s:
            return heappop(self._heap)
        return None

    def put_back(self, entry: Entry) -> None:
        """Plan again what `pop` gave, in its old place."""
        heappush(self._heap, self._anew(entry))

    def retract(self, from_quarters: float) -> int:
        """Forget what is planned at or after a moment; return how many messages that were."""
        kept = [entry for entry in self._heap if entry.planned.time_quarters < from_quarters]
        forgotten = len(self._heap) - len(kept)
        heapify(kept)
        self._heap = kept
        return forgotten

    def reschedule(self) -> None:
        """Work out anew when each message is to go."""
        self._heap = [self._anew(entry) for entry in self._heap]
        heapify(self._heap)

    def take_all(self) -> list[Planned]:
        """Take out everything that is planned, in order."""
        entries, self._heap = sorted(self._heap), []
        return [entry.planned for entry in entries]

    def _anew(self, entry: Entry) -> Entry:
        return entry._replace(time_s=self._time_s(entry.planned))

    def _rank(self, planned: Planned) -> int:
        if is_note_on(planned.message):
            return _BEGINNING
        if not is_note_off(planned.message):
            return _OTHER
        return _END_OF_WHAT_BEGAN if self._begins_with(planned) else _END

    def _begins_with(self, end: Planned) -> bool:
        """Whether a note on the same key is planned to begin at the very moment of this end."""
        return any(
            entry.rank == _BEGINNING
            and entry.planned.time_quarters == end.time_quarters
            and entry.planned.delay_s == end.delay_s
            and entry.planned.port == end.port
            and entry.planned.message[1] == end.message[1]
            and entry.planned.message[0] & 0x0F == end.message[0] & 0x0F
            for entry in self._heap
        )
