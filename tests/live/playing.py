"""What the tests of live playing share: a scripted model, and a synthesiser's view of messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from rnnmusic.encodings.pianoroll import PianoRoll
from rnnmusic.encodings.protocol import Steps
from rnnmusic.live.clock import SimulatedClock

ROLL = PianoRoll(steps_per_quarter=4, lowest_pitch=60, highest_pitch=63, articulation=True)


def frame(*struck: int, held: tuple[int, ...] = ()) -> Steps:
    """One step of ROLL with these pitches."""
    step = np.zeros(ROLL.width, dtype=np.int64)
    for pitch in struck:
        step[2 * (pitch - ROLL.lowest_pitch)] = 1
    for pitch in held:
        step[2 * (pitch - ROLL.lowest_pitch) + 1] = 1
    return step


class ScriptedModel:
    """Gives the frames of a script, then silence; each may take some time of a clock."""

    encoding = ROLL
    quarters_per_bar = 4.0

    def __init__(
        self,
        frames: Iterable[Steps],
        clock: SimulatedClock | None = None,
        durations_s: Iterable[float] = (),
    ) -> None:
        self._frames: Iterator[Steps] = iter(frames)
        self._durations_s = iter(durations_s)
        self._clock = clock
        self.drawn = 0

    def next(self) -> Steps:
        if self._clock is not None:
            self._clock.advance(next(self._durations_s, 0.0))
        self.drawn += 1
        return next(self._frames, frame())


class Synthesiser:
    """Hears messages as an instrument does: one switch per key."""

    def __init__(self) -> None:
        self.down: set[tuple[int, int]] = set()
        self.strikes = 0

    def hear(self, message: bytes) -> None:
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == 0x90 and message[2]:
            key = (channel, message[1])
            if key in self.down:
                raise AssertionError(f"{key} was struck while it was down")
            self.down.add(key)
            self.strikes += 1
        elif kind in (0x80, 0x90):
            self.down.remove((channel, message[1]))  # KeyError: released twice


def hear(messages: Iterable[bytes]) -> Synthesiser:
    """What an instrument makes of messages."""
    synthesiser = Synthesiser()
    for message in messages:
        synthesiser.hear(message)
    return synthesiser
