"""Composer: draws steps and holds the note messages they make certain until they are due."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from rnnmusic.encodings.protocol import Encoding, NoteMessage, Steps
from rnnmusic.sampling.guard import StallGuard
from rnnmusic.sampling.kinds import score_encoding


class StepSource(Protocol):
    """What live playing needs of a `sampling.Sampler`."""

    @property
    def encoding(self) -> Encoding:
        """The encoding of the steps."""
        ...

    @property
    def quarters_per_bar(self) -> float:
        """Length of a bar."""
        ...

    def next(self) -> Steps:
        """Draw the next step (F,)."""
        ...


class Composer:
    """Turns drawn steps into messages, in time order, up to where the performance ends.

    Notes that would sound past `end_quarters` end there; what would begin there is left out.
    UsageError for a source of sound.
    """

    def __init__(self, source: StepSource, end_quarters: float) -> None:
        self._source = source
        self._end_quarters = end_quarters
        self._decoder = score_encoding(source.encoding).live_decoder()
        self._messages: deque[NoteMessage] = deque()
        self._guard = StallGuard()
        self._ready_quarters = 0.0

    @property
    def ready_quarters(self) -> float:
        """Time before which nothing more can come: infinite once the end has been composed."""
        return self._ready_quarters

    @property
    def next_quarters(self) -> float:
        """Time of the next message, infinite if none is held."""
        return self._messages[0].time_quarters if self._messages else float("inf")

    def pop(self) -> NoteMessage:
        """Take the next message."""
        return self._messages.popleft()

    def step(self) -> None:
        """Draw one step; InputError when the model stops moving in time."""
        self._take(self._decoder.push(self._source.next()))
        self._ready_quarters = self._decoder.horizon_quarters
        self._guard.check(self._ready_quarters)
        if self._ready_quarters >= self._end_quarters:
            self._take(self._decoder.flush())
            self._ready_quarters = float("inf")

    def _take(self, messages: list[NoteMessage]) -> None:
        end = self._end_quarters
        self._messages.extend(
            message._replace(time_quarters=min(message.time_quarters, end))
            for message in messages
            if message.time_quarters < end or not message.velocity
        )
