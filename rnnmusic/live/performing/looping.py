"""Looping: a stretch of our own messages, repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnmusic.encodings.protocol import NoteMessage


@dataclass(frozen=True)
class Looping:
    """A stretch repeated from a time on, until another (infinite: until something ends it).

    messages: of one pass, times counted from its begin; what still sounds at its end.
    """

    since_quarters: float
    until_quarters: float
    length_quarters: float
    messages: tuple[NoteMessage, ...]
    sounding: tuple[int, ...]

    def between(self, from_quarters: float, until_quarters: float) -> list[NoteMessage]:
        """The messages of a stretch of time, its end excluded.

        What sounds at the end of a pass ends there, but for the last: the music goes on from it.
        """
        found: list[NoteMessage] = []
        first = int((from_quarters - self.since_quarters) // self.length_quarters)
        number = max(0, first - 1)
        while True:
            begin = self.since_quarters + number * self.length_quarters
            if begin >= min(until_quarters, self.until_quarters):
                return found
            closing = [NoteMessage(0.0, pitch, 0) for pitch in self.sounding] if number else []
            for message in (*closing, *self.messages):
                time = begin + message.time_quarters
                if from_quarters <= time < until_quarters:
                    found.append(message._replace(time_quarters=time))
            number += 1


def looping(
    messages: Sequence[NoteMessage],
    from_quarters: float,
    since_quarters: float,
    until_quarters: float,
) -> Looping:
    """A loop of the messages of a stretch from one time until another, where it begins anew.

    Notes that began before the stretch are left out.
    """
    sounding: set[int] = set()
    whole = []
    for message in messages:
        if message.velocity:
            sounding.add(message.pitch)
        elif message.pitch in sounding:
            sounding.discard(message.pitch)
        else:
            continue
        whole.append(message._replace(time_quarters=message.time_quarters - from_quarters))
    return Looping(
        since_quarters,
        until_quarters,
        since_quarters - from_quarters,
        tuple(whole),
        tuple(sorted(sounding)),
    )
