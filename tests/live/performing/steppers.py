"""What the tests of the performer share: models that can be asked what they have heard, and the
sender's view of what is sent and taken back."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rnnmusic.encodings import NoteEvents, NoteMessage, PianoRoll
from rnnmusic.live.performing.performer import Performer

ROLL = PianoRoll(steps_per_quarter=4, lowest_pitch=60, highest_pitch=71)
PLAIN_ROLL = PianoRoll(
    steps_per_quarter=3, lowest_pitch=60, highest_pitch=71, articulation=False, metrical=False
)
NOTES = NoteEvents(
    steps_per_quarter=4,
    lowest_pitch=60,
    highest_pitch=71,
    velocity_bins=4,
    exact_quarters=2,
    longest_quarters=8,
)
ODDS = np.random.default_rng(0).normal(size=1200)


@dataclass
class FakeModel:
    """A stepper whose state is all that it has heard, and whose odds depend on all of it.

    `script`: the steps it draws whatever it has heard, by their number. `is_stalled`: it only moves
    on in time where it must.
    """

    encoding: PianoRoll | NoteEvents
    script: Sequence[np.ndarray] | None = None
    is_stalled: bool = False
    is_compiled: bool = False
    heard: int = 0

    @property
    def draws(self):
        return len(self.encoding.sizes)

    def initial(self):
        return (None, None, 0, 0)

    def hear(self, previous, clock, state):
        self.heard += 1
        entry = (tuple(np.asarray(previous).tolist()), tuple(clock.tolist()))
        _, _, key, number = state
        # The whole history, in a number that any change of it changes.
        key = zlib.crc32(repr(entry).encode(), key)
        return np.array([key, number + 1, *entry[0]]), (state, entry, key, number + 1)

    def draw(self, hidden, shaping, uniforms):
        if self.script is not None:
            number = int(hidden[1]) - 1
            step = self.script[number] if number < len(self.script) else None
            return np.zeros(len(self.encoding.sizes), int) if step is None else step
        begin = int(hidden[0]) % 997
        odds = ODDS[begin : begin + len(shaping.bias)]
        if self.encoding.is_binary:
            logits = odds - 2.0 + shaping.bias
            return (uniforms < 1 / (1 + np.exp(-np.clip(logits, -700, 700)))).astype(np.int64)
        drawn, begin = [], 0
        for column, size in enumerate(self.encoding.sizes):
            logits = odds[begin : begin + size] + shaping.bias[begin : begin + size]
            if column == 0:
                # Mostly short shifts.
                logits = logits - np.arange(size) * (1e6 if self.is_stalled else 0.5)
            share = np.exp(logits - logits.max()).cumsum()
            drawn.append(int(np.searchsorted(share, uniforms[column] * share[-1], side="right")))
            begin += size
        return np.array(drawn, dtype=np.int64)

    def mix(self, first, second, share):
        return first if share < 0.5 else second


class Stream:
    """What a sender has got and not been told to forget."""

    def __init__(self, performer: Performer) -> None:
        self.performer = performer
        self.messages: list[NoteMessage] = []
        self.settled = 0.0  # nothing may come before it any more
        self.ready = 0.0

    def extend(self, until: float) -> list[NoteMessage]:
        new = self.performer.extend(until)
        times = [message.time_quarters for message in new]
        assert times == sorted(times)
        assert all(time >= self.settled for time in times)
        assert all(m.time_quarters >= self.ready for m in new if m.velocity)
        if self.messages and new:
            assert new[0].time_quarters >= self.messages[-1].time_quarters
        self.messages += new
        self.ready = self.performer.ready_quarters
        assert self.ready >= until
        return new

    def take_back(self, boundary: float) -> None:
        """Something was asked of the performer for this time on."""
        self.messages = [m for m in self.messages if m.time_quarters < boundary]
        self.settled = self.ready = min(boundary, self.ready)
        assert self.performer.ready_quarters <= boundary

    def ask(self, name: str, boundary: float, *arguments) -> None:
        """Call a method whose last positional argument is the time."""
        getattr(self.performer, name)(*arguments, boundary)
        self.take_back(boundary)

    def notes(self) -> list[tuple[float, float | None, int, int]]:
        """(start, end, pitch, velocity) by start; AssertionError where the stream isn't legal."""
        assert all(a.time_quarters <= b.time_quarters for a, b in pairwise(self.messages))
        begun: dict[int, NoteMessage] = {}
        found = []
        for message in self.messages:
            if message.velocity:
                assert message.pitch not in begun, "struck while it sounds"
                begun[message.pitch] = message
            else:
                on = begun.pop(message.pitch)  # KeyError: an off without an on
                found.append((on.time_quarters, message.time_quarters, on.pitch, on.velocity))
        found += [(on.time_quarters, None, on.pitch, on.velocity) for on in begun.values()]
        return sorted(found, key=lambda note: (note[0], note[2]))


def heard_by(performer: Performer) -> list:
    """All the steps that the network has heard or is about to, start step left out."""
    place = performer._place
    steps, state = [tuple(np.asarray(place.previous).tolist())], place.state
    while state[0] is not None:
        steps.append(state[1][0])
        state = state[0]
    return steps[-2::-1]


def on(time: float, pitch: int, velocity: int = 80) -> NoteMessage:
    return NoteMessage(time, pitch, velocity)


def off(time: float, pitch: int) -> NoteMessage:
    return NoteMessage(time, pitch, 0)
