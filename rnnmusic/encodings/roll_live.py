"""The piano-roll one frame at a time, out to the instrument and in from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnnmusic.encodings._checks import checked_steps
from rnnmusic.encodings.grid import MAX_STEPS, nearest_step
from rnnmusic.encodings.protocol import NoteMessage, Steps
from rnnmusic.errors import InputError

if TYPE_CHECKING:
    from rnnmusic.encodings.pianoroll import PianoRoll

VELOCITY = 80  # of every decoded note: a roll knows no dynamics


class RollDecoding(NamedTuple):
    """Where a decoder of frames stands: a value.

    next_step: index of the frame to come. columns: the sounding pitches, counted from the lowest.
    """

    next_step: int = 0
    columns: frozenset[int] = frozenset()


class RollLiveDecoder:
    """Sampled frames -> note messages; agrees with `PianoRoll.decode`."""

    def __init__(self, encoding: PianoRoll) -> None:
        self._encoding = encoding
        self._next_step = 0
        self._sounding: frozenset[int] = frozenset()  # columns of pitch

    def snapshot(self) -> RollDecoding:
        """Where the decoder stands, to `restore` later; costs nothing."""
        return RollDecoding(self._next_step, self._sounding)

    def restore(self, decoding: RollDecoding) -> None:
        """Go on from a snapshot, or from one that was moved to another time."""
        self._next_step, self._sounding = decoding

    @property
    def horizon_quarters(self) -> float:
        """Start of the next frame."""
        return self._next_step / self._encoding.steps_per_quarter

    def push(self, step: Steps) -> list[NoteMessage]:
        """Take one frame (F,), return its messages: offs, then ons, each by rising pitch."""
        frame_struck, frame_held = self._encoding.split(checked_steps(self._encoding, step, 1))
        struck = frozenset(np.flatnonzero(frame_struck).tolist())
        held = frozenset(np.flatnonzero(frame_held).tolist())
        messages = [
            *self._messages(self._sounding - held, 0),
            *self._messages(struck | (held - self._sounding), VELOCITY),
        ]
        self._sounding = struck | held
        self._next_step += 1
        return messages

    def flush(self) -> list[NoteMessage]:
        """Note offs for all sounding notes, at the end of the last frame."""
        messages = self._messages(self._sounding, 0)
        self._sounding = frozenset()
        return messages

    def _messages(self, pitches: frozenset[int], velocity: int) -> list[NoteMessage]:
        time, lowest = self.horizon_quarters, self._encoding.lowest_pitch
        return [NoteMessage(time, pitch + lowest, velocity) for pitch in sorted(pitches)]


class RollLiveEncoder:
    """Note messages -> frames; agrees with `PianoRoll.encode`, with time 0 at the first frame.

    Pitches out of range are left out. A message that comes late for frames already returned
    counts for the next one.
    """

    def __init__(self, encoding: PianoRoll) -> None:
        self._encoding = encoding
        self._next_step = 0
        self._waiting: defaultdict[int, list[NoteMessage]] = defaultdict(list)  # by step
        self._down: Counter[int] = Counter()  # pitch -> how many of its notes are on

    def push(self, message: NoteMessage) -> None:
        """Take one message; velocity 0 ends a note."""
        if self._encoding.lowest_pitch <= message.pitch <= self._encoding.highest_pitch:
            step = nearest_step(message.time_quarters, self._encoding.steps_per_quarter)
            self._waiting[max(step, self._next_step)].append(message)

    def pull(self, until_quarters: float) -> Steps:
        """Frames (n, F) whose messages all lie before `until_quarters`, not returned yet."""
        stop = nearest_step(until_quarters, self._encoding.steps_per_quarter)
        if stop - self._next_step > MAX_STEPS:
            raise InputError(
                f"{stop - self._next_step} frames were asked for at once; pull at most {MAX_STEPS}."
            )
        count = max(0, stop - self._next_step)
        steps = np.zeros((count, self._encoding.width), dtype=self._encoding.dtype)
        for frame in steps:
            struck = self._take(self._waiting.pop(self._next_step, ()))
            self._write(frame, struck)
            self._next_step += 1
        return steps

    def _take(self, messages: list[NoteMessage] | tuple[()]) -> set[int]:
        """Follow the keys through one frame's messages; the pitches struck in it."""
        struck = set()
        for _, pitch, velocity in messages:
            if velocity:
                self._down[pitch] += 1
                struck.add(pitch)
            elif self._down[pitch] > 1:
                self._down[pitch] -= 1
            else:  # the last one, or an off without an on
                del self._down[pitch]
        return struck

    def _write(self, frame: Steps, struck: set[int]) -> None:
        lowest, columns = self._encoding.lowest_pitch, self._encoding.columns_per_pitch
        for pitch in struck | self._down.keys():
            column = (pitch - lowest) * columns
            frame[column if pitch in struck else column + columns - 1] = 1
