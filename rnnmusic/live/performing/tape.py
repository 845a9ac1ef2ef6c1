"""Tape: our own note messages as they were handed out, never illegal, cut wherever it is wanted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter

from rnnmusic.encodings.protocol import NoteMessage

#: Times this close are the same.
ROUNDING_QUARTERS = 1e-6

_TIME = attrgetter("time_quarters")


class Tape:
    """Keeps what was handed out and not taken back, in time order, and knows what sounds at its
    end. Whatever is put on it, each note on gets exactly one off before the pitch is struck again.
    """

    def __init__(self) -> None:
        self._messages: list[NoteMessage] = []
        self._sounding: set[int] = set()
        self._floor_quarters = float("-inf")

    @property
    def sounding(self) -> tuple[int, ...]:
        """The pitches that sound at the end, rising."""
        return tuple(sorted(self._sounding))

    @property
    def end_quarters(self) -> float:
        """The time of the last message, minus infinity without any."""
        return self._messages[-1].time_quarters if self._messages else float("-inf")

    def put(self, messages: Iterable[NoteMessage]) -> list[NoteMessage]:
        """Take messages in time order; return what of them is to be sent.

        What would lie before the end of the tape has become certain too late: a note on is left
        out, a note off put there. An off of a silent pitch is left out; a sounding pitch ends
        before it is struck anew.
        """
        sent = []
        for message in messages:
            late_quarters = self._floor_quarters - message.time_quarters
            if late_quarters > ROUNDING_QUARTERS and message.velocity:
                continue
            if late_quarters > 0:
                message = message._replace(time_quarters=self._floor_quarters)
            self._floor_quarters = message.time_quarters
            if message.pitch in self._sounding:
                self._sounding.discard(message.pitch)
                sent.append(message._replace(velocity=0))
            if message.velocity:
                self._sounding.add(message.pitch)
                sent.append(message)
        self._messages.extend(sent)
        return sent

    def cut(self, from_quarters: float) -> None:
        """Forget what lies at or after a time: it was taken back. Nothing is put before it."""
        while self._messages and self._messages[-1].time_quarters >= from_quarters:
            message = self._messages.pop()
            if message.velocity:
                self._sounding.discard(message.pitch)
            else:
                self._sounding.add(message.pitch)
        self._floor_quarters = from_quarters

    def between(self, from_quarters: float, until_quarters: float) -> list[NoteMessage]:
        """The messages of a stretch, its end excluded."""
        first = bisect_left(self._messages, from_quarters, key=_TIME)
        return self._messages[first : bisect_left(self._messages, until_quarters, key=_TIME)]

    def forget(self, before_quarters: float) -> None:
        """Drop what is older; what sounds is still known."""
        del self._messages[: bisect_left(self._messages, before_quarters, key=_TIME)]
