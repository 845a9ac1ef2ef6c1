"""MIDI clock for other machines: 24 ticks to the quarter, and where in the song they are."""

from __future__ import annotations

import math
from typing import NamedTuple

from rnnmusic.live.messages import (
    CONTINUE,
    START,
    STOP,
    TICK,
    TICKS_PER_QUARTER,
    song_position,
)

_TICKS_PER_SIXTEENTH = TICKS_PER_QUARTER // 4
#: How long before its first tick a start or continue is sent, in ticks: machines want a moment
#: to get ready, and the tick before must have gone.
_EARLY = 0.5


class Due(NamedTuple):
    """A message and the moment, in beat quarters (`BeatClock.beat_due_s`), when it is due."""

    beat_quarters: float
    message: bytes


class ClockTicks:
    """Says which clock messages are due, as a function of the beat alone.

    Ticks go out whenever the beat clock runs, also in a count-in (negative time), so that the
    others know the tempo when the start comes. Start, or continue with a song position, comes
    half a tick before the tick it speaks of. Song positions count from quarter 0 and begin again
    after 16,384 sixteenths, the most that MIDI can say.

    start_quarters: where the clock begins.
    """

    def __init__(self, start_quarters: float = 0.0) -> None:
        self._next = math.ceil(start_quarters * TICKS_PER_QUARTER)
        self._stands = self._is_playing = False
        self._first = 0  # the tick that the transport's message speaks of
        self._transport: list[bytes] = []
        self._enter(start_quarters)

    @property
    def next_quarters(self) -> float:
        """When the next message is due, in beat quarters; infinite while the clock stands."""
        return math.inf if self._stands else self._upcoming() / TICKS_PER_QUARTER

    def take(self, until_quarters: float) -> list[Due]:
        """The messages due up to and at `until_quarters` that haven't been taken, in order."""
        due: list[Due] = []
        while (at := self.next_quarters) <= until_quarters:
            if self._transport and self._next >= self._first:
                due += [Due(at, message) for message in self._transport]
                self._transport = []
                self._is_playing = True
            else:
                due.append(Due(at, bytes((TICK,))))
                self._next += 1
        return due

    def stop(self) -> list[bytes]:
        """The clock stands: what to send at once."""
        self._stands = True
        return self._halt()

    def resume(self) -> None:
        """The clock runs again, from where it stands: the others continue."""
        self._stands = False

    def jump(self, to_quarters: float) -> list[bytes]:
        """The clock goes on from another place: what to send at once.

        The others follow from the next sixteenth there: a song position says no less.
        """
        stop = self._halt()
        self._next = math.ceil(to_quarters * TICKS_PER_QUARTER)
        self._enter(to_quarters)
        return stop

    def _halt(self) -> list[bytes]:
        if not self._is_playing:
            return []
        self._is_playing = False
        self._first, self._transport = self._next, [bytes((CONTINUE,))]
        return [bytes((STOP,))]

    def _enter(self, quarters: float) -> None:
        """Begin at the next sixteenth from `quarters` on, or at 0 after a count-in."""
        sixteenth = max(0, math.ceil(quarters * 4))
        self._first = sixteenth * _TICKS_PER_SIXTEENTH
        self._transport = [song_position(sixteenth), bytes((CONTINUE,))]
        if sixteenth == 0:
            self._transport = [bytes((START,))]

    def _upcoming(self) -> float:
        """Number of the next tick, or half a tick less if a start comes before it."""
        is_before_first = self._transport and self._next >= self._first
        return self._next - _EARLY if is_before_first else self._next
