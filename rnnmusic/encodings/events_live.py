"""Note events one at a time, out to the instrument and in from it."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnnmusic.encodings._checks import checked_steps
from rnnmusic.encodings._times import Placement
from rnnmusic.encodings.grid import nearest_step
from rnnmusic.encodings.protocol import NoteMessage, Steps

if TYPE_CHECKING:
    from rnnmusic.encodings.events import NoteEvents


class EventsDecoding(NamedTuple):
    """Where a decoder of notes stands: a value.

    now_step: the last onset. sounding: (pitch, start step, end step) of the notes still on.
    """

    now_step: int = 0
    sounding: tuple[tuple[int, int, int], ...] = ()


class EventsLiveDecoder:
    """Sampled notes -> note messages; agrees with `NoteEvents.decode`."""

    def __init__(self, encoding: NoteEvents) -> None:
        self._encoding = encoding
        self._now_step = 0  # the last onset
        self._sounding: dict[int, tuple[int, int]] = {}  # pitch -> (start, end) steps

    def snapshot(self) -> EventsDecoding:
        """Where the decoder stands, to `restore` later."""
        sounding = tuple((pitch, *span) for pitch, span in self._sounding.items())
        return EventsDecoding(self._now_step, sounding)

    def restore(self, decoding: EventsDecoding) -> None:
        """Go on from a snapshot, or from one that was moved to another time."""
        self._now_step = decoding.now_step
        self._sounding = {pitch: (start, end) for pitch, start, end in decoding.sounding}

    @property
    def horizon_quarters(self) -> float:
        """The last onset: the next note may join it."""
        return self._quarters(self._now_step)

    def push(self, step: Steps) -> list[NoteMessage]:
        """Take one note (4,); return the offs due by its onset, then its on."""
        encoding = self._encoding
        shift, pitch, duration, velocity = checked_steps(encoding, step, 1).tolist()
        self._now_step = now = self._now_step + int(encoding.shift_values[shift])
        pitch += encoding.lowest_pitch
        messages = self._offs(now)
        if pitch in self._sounding:
            if self._sounding[pitch][0] == now:  # struck already: not heard
                return messages
            messages.append(NoteMessage(self._quarters(now), pitch, 0))
        end = now + int(encoding.duration_values[duration])
        self._sounding[pitch] = (now, end)
        loudness = int(encoding.velocities(velocity))
        messages.append(NoteMessage(self._quarters(now), pitch, loudness))
        return messages

    def settle(self, until_step: int) -> list[NoteMessage]:
        """The note offs due up to a step and not returned yet: no onset comes before it."""
        return self._offs(until_step)

    def flush(self) -> list[NoteMessage]:
        """The note offs still to come, each at its own time."""
        return self._offs(None)

    def _offs(self, until_step: int | None) -> list[NoteMessage]:
        """Let notes end, in time order, up to and including a step (None: all of them)."""
        ends = sorted(
            (end, pitch)
            for pitch, (_, end) in self._sounding.items()
            if until_step is None or end <= until_step
        )
        for _, pitch in ends:
            del self._sounding[pitch]
        return [NoteMessage(self._quarters(end), pitch, 0) for end, pitch in ends]

    def _quarters(self, step: int) -> float:
        return step / self._encoding.steps_per_quarter


@dataclass(order=True)
class _Strike:
    """A note as it is being played; sorted as steps are, by onset, then pitch."""

    start_step: int
    pitch: int
    velocity: int = field(compare=False)
    end_step: int | None = field(compare=False, default=None)  # None: still sounding


class EventsLiveEncoder:
    """Note messages -> notes; agrees with `NoteEvents.encode`, with time 0 at a bar line.

    A note becomes a step once it, and all before it, have ended, been struck again or outlasted
    the longest duration. Pitches out of range are left out. A message that comes late counts for
    the first step still open.
    """

    def __init__(self, encoding: NoteEvents) -> None:
        self._encoding = encoding
        self._open_step = 0  # messages before it are all in
        self._strikes: list[_Strike] = []  # not returned yet, sorted
        self._last: dict[int, _Strike] = {}  # by pitch, of the keys down and the latest others
        self._down: Counter[int] = Counter()  # pitch -> how many of its notes are on
        self._placement = Placement(encoding.shift_values)

    def push(self, message: NoteMessage) -> None:
        """Take one message; velocity 0 ends a note."""
        time_quarters, pitch, velocity = message
        if not self._encoding.lowest_pitch <= pitch <= self._encoding.highest_pitch:
            return
        step = max(nearest_step(time_quarters, self._encoding.steps_per_quarter), self._open_step)
        if velocity:
            self._on(step, pitch, velocity)
        else:
            self._off(step, pitch)

    def _on(self, step: int, pitch: int, velocity: int) -> None:
        self._down[pitch] += 1
        last = self._last.get(pitch)
        if last is not None and last.start_step == step:
            last.velocity = max(last.velocity, velocity)
            last.end_step = None
            return
        if last is not None and (last.end_step is None or last.end_step > step):
            last.end_step = step
        self._last[pitch] = _Strike(step, pitch, velocity)
        insort(self._strikes, self._last[pitch])

    def _off(self, step: int, pitch: int) -> None:
        if self._down[pitch] > 1:
            self._down[pitch] -= 1
        elif self._down[pitch]:
            del self._down[pitch]
            last = self._last[pitch]
            last.end_step = max(step, last.start_step + 1)

    def pull(self, until_quarters: float) -> Steps:
        """Steps (n, 4) made certain by the messages before `until_quarters`, not returned yet."""
        stop = nearest_step(until_quarters, self._encoding.steps_per_quarter)
        self._open_step = max(self._open_step, stop)
        longest = int(self._encoding.duration_values[-1])
        rows = []
        for strike in self._strikes:
            outlasted = strike.start_step + longest <= self._open_step
            if strike.start_step >= self._open_step or (strike.end_step is None and not outlasted):
                break
            rows.append(self._row(strike))
        del self._strikes[: len(rows)]
        return np.array(rows, dtype=self._encoding.dtype).reshape(-1, 4)

    def _row(self, strike: _Strike) -> tuple[int, int, int, int]:
        encoding = self._encoding
        shift = self._placement.place(strike.start_step)
        end = self._open_step if strike.end_step is None else strike.end_step
        return (
            shift,
            strike.pitch - encoding.lowest_pitch,
            int(encoding.duration_ids(end - self._placement.placed_step)),
            int(encoding.velocity_ids(strike.velocity)),
        )
