"""NoteWords: notes on the grid of an encoding of notes, and how they are said among others."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.events import NoteEvents
from rnnmusic.encodings.protocol import Steps
from rnnmusic.live.performing.flow import SAME_STEP
from rnnmusic.live.performing.others import Others
from rnnmusic.live.performing.past import Moment


class Note(NamedTuple):
    """A note that may come next: times in steps of the grid, pitch counted from the lowest,
    velocity as a bin."""

    onset: int
    pitch: int
    duration: int
    velocity: int


class Drawn(NamedTuple):
    """A note of ours, the step that says it, and which numbers the draw after it takes."""

    note: Note
    step: NDArray[np.int64]
    draw: int


class NoteWords:
    """The vocabulary of `NoteEvents`, for one note at a time."""

    def __init__(self, encoding: NoteEvents) -> None:
        self.steps_per_quarter = encoding.steps_per_quarter
        self.lowest_pitch = encoding.lowest_pitch
        self.shifts: list[int] = encoding.shift_values.tolist()
        self.durations: list[int] = encoding.duration_values.tolist()
        self._encoding = encoding

    def covers(self, pitch: int) -> bool:
        """Whether a MIDI pitch is in range."""
        return self.lowest_pitch <= pitch <= self._encoding.highest_pitch

    def step_from(self, time_quarters: float) -> int:
        """The first step at or after a time."""
        return math.ceil(time_quarters * self.steps_per_quarter - SAME_STEP)

    def drawn(self, step: Steps, placed_step: int, draw: int) -> Drawn:
        """What a step drawn at a place means."""
        shift, pitch, duration, velocity = step.tolist()
        onset = placed_step + self.shifts[shift]
        return Drawn(Note(onset, pitch, self.durations[duration], velocity), step, draw)

    def kept(self, moments: Sequence[Moment]) -> Drawn | None:
        """The first of our notes that are heard again."""
        if not moments or moments[0].own is None:
            return None
        moment, step = moments[0], moments[0].own
        drawn = self.drawn(step, 0, moment.draw)
        return drawn._replace(note=drawn.note._replace(onset=self._onset(moment)))

    def others(self, after: tuple[int, int], others: Others) -> Note | None:
        """The first note of other players after a (step, MIDI pitch), of those in range, as
        if a step long."""
        while others:
            found = others.following(after, self.steps_per_quarter)
            if found is None:
                return None
            step, pitch, velocity = found
            if self.covers(pitch):
                return self.other(step, pitch, velocity)
            after = (step, pitch)
        return None

    def other(self, onset: int, pitch: int, velocity: int) -> Note:
        """A note of a MIDI pitch and velocity, a step long."""
        return Note(onset, pitch - self.lowest_pitch, 1, int(self._encoding.velocity_ids(velocity)))

    def until(self, note: Note, end: int, others: Others, kept: Sequence[Moment]) -> int:
        """Where a note ends that lasts until `end` if others don't matter: a pitch sounds while any
        of its notes does, and each onset strikes it anew."""
        if not others:
            return end
        grid, pitch = self.steps_per_quarter, note.pitch + self.lowest_pitch
        end = max(end, others.reach(pitch, note.onset, grid))
        strike = others.next_strike(pitch, note.onset, grid)
        if strike is not None:
            end = min(end, strike)
        for moment in kept:
            onset = self._onset(moment)
            if moment.own is not None and moment.own[1] == note.pitch and onset > note.onset:
                return min(end, onset)
        return end

    def say(self, note: Note, until: int, placed_step: int, onset_step: int) -> tuple[Steps, int]:
        """A note as ids (4,), after a last onset and the sum of the shifts so far; the new sum.

        As `NoteEvents.encode` says it: shifts are rounded down, and made good later.
        """
        shift = 0
        if note.onset != onset_step:
            shift = bisect_right(self.shifts, note.onset - placed_step) - 1
        placed_step += self.shifts[shift]
        duration = int(self._encoding.duration_ids(until - placed_step))
        return np.array([shift, note.pitch, duration, note.velocity]), placed_step

    def cut_by(
        self, step: int, pitch: int, time_quarters: float, backwards: Iterable[Moment]
    ) -> float:
        """The time of the first note that a note of a MIDI pitch changes, itself or the one before
        it, which it may cut; backwards: what has been heard, the latest first."""
        earliest = (step - self.durations[-1]) / self.steps_per_quarter
        for moment in backwards:
            if moment.time_quarters < earliest:
                break
            if moment.heard is None or moment.time_quarters >= time_quarters:
                continue
            if moment.heard[1] == pitch - self.lowest_pitch:
                return moment.time_quarters if moment.until_step > step else time_quarters
        return time_quarters

    def extent(self, steps: Steps) -> tuple[int, int]:
        """The last onset and the latest end of steps (T, 4)."""
        ids = np.asarray(steps, dtype=np.int64)
        onsets = np.cumsum(self._encoding.shift_values[ids[:, 0]])
        ends = onsets + self._encoding.duration_values[ids[:, 2]]
        return int(onsets[-1]), int(ends.max())

    def _onset(self, moment: Moment) -> int:
        return round(moment.time_quarters * self.steps_per_quarter)
