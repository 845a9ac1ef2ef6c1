"""Others: the notes of other players, as a grid of steps sees them, corrected as more is known."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from rnnmusic.encodings.grid import nearest_step
from rnnmusic.encodings.protocol import NoteMessage

#: How long a held note is taken to last at first; doubled each time that it has lasted longer.
FIRST_GUESS_QUARTERS = 1.0

_START = attrgetter("start_quarters")


@dataclass(slots=True)
class OtherNote:
    """A note of another player; its end is None while it is held."""

    start_quarters: float
    pitch: int
    velocity: int
    end_quarters: float | None = None
    guess_quarters: float = FIRST_GUESS_QUARTERS

    def end_step(self, steps_per_quarter: int, *, is_guessed: bool) -> float:
        """Where it ends on a grid, at least a step after its start; infinite, or a guess, while
        it is held."""
        end = self.end_quarters
        if end is None:
            if not is_guessed:
                return float("inf")
            end = self.start_quarters + self.guess_quarters
        start = nearest_step(self.start_quarters, steps_per_quarter)
        return max(nearest_step(end, steps_per_quarter), start + 1)


class Change(NamedTuple):
    """What a message altered: a pitch, sounding or not from `time_quarters` on, in a note that
    began at `start_quarters`."""

    pitch: int
    start_quarters: float
    time_quarters: float


class Others:
    """Takes messages in any order; a pitch sounds while any of its notes does."""

    def __init__(self) -> None:
        self._notes: list[OtherNote] = []  # by start
        self._held: list[OtherNote] = []  # those of them without an end
        self._longest_quarters = 0.0  # of the others: how far back a sounding one may begin

    def __bool__(self) -> bool:
        return bool(self._notes)

    def hear(self, message: NoteMessage) -> Change | None:
        """Take a note on or off; None for the off of a note that isn't held."""
        time, pitch, velocity = message
        if velocity:
            note = OtherNote(time, pitch, velocity)
            insort(self._notes, note, key=_START)
            self._held.append(note)
            return Change(pitch, time, time)
        for note in self._held:
            if note.pitch == pitch:
                self._held.remove(note)
                note.end_quarters = max(time, note.start_quarters)
                length = note.end_quarters - note.start_quarters
                self._longest_quarters = max(self._longest_quarters, length)
                return Change(pitch, note.start_quarters, note.end_quarters)
        return None

    def lengthen(self, now_quarters: float) -> list[Change]:
        """Guess anew how long the held notes last that have outlasted their guess."""
        changes = []
        for note in self._held:
            end = note.start_quarters + note.guess_quarters
            if end < now_quarters:
                while note.start_quarters + note.guess_quarters < now_quarters:
                    note.guess_quarters *= 2
                changes.append(Change(note.pitch, note.start_quarters, end))
        return changes

    def frame(self, step: int, steps_per_quarter: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The pitches struck in a step of the grid, and those that only go on in it; rising."""
        struck, going_on = set(), set()
        for note, start in self._around(step, steps_per_quarter):
            if start == step:
                struck.add(note.pitch)
            elif step < note.end_step(steps_per_quarter, is_guessed=False):
                going_on.add(note.pitch)
        return tuple(sorted(struck)), tuple(sorted(going_on - struck))

    def following(
        self, key: tuple[int, int], steps_per_quarter: int
    ) -> tuple[int, int, int] | None:
        """(step, pitch, velocity) of the first note after a (step, pitch), the loudest if there
        are several; None if there is none."""
        found: tuple[int, int, int] | None = None
        for note, start in self._from(key[0], steps_per_quarter):
            if found is not None and start > found[0]:
                break
            place = (start, note.pitch)
            if place <= key:
                continue
            if found is None or place < found[:2]:
                found = (*place, note.velocity)
            elif place == found[:2]:
                found = (*place, max(found[2], note.velocity))
        return found

    def reach(self, pitch: int, step: int, steps_per_quarter: int) -> int:
        """The latest end of the notes of a pitch that began up to a step; the step if none."""
        ends = (
            note.end_step(steps_per_quarter, is_guessed=True)
            for note, _ in self._around(step, steps_per_quarter)
            if note.pitch == pitch
        )
        return int(max(ends, default=step))

    def next_strike(self, pitch: int, step: int, steps_per_quarter: int) -> int | None:
        """The first step after a step in which the pitch is struck, if there is one."""
        for note, start in self._from(step, steps_per_quarter):
            if note.pitch == pitch and start > step:
                return start
        return None

    def messages(self, from_quarters: float, until_quarters: float) -> list[NoteMessage]:
        """The messages of the notes that begin in a stretch, in time order; none after it."""
        found = []
        for note in self._notes[bisect_left(self._notes, from_quarters, key=_START) :]:
            if note.start_quarters >= until_quarters:
                break
            found.append(NoteMessage(note.start_quarters, note.pitch, note.velocity))
            if note.end_quarters is not None and note.end_quarters < until_quarters:
                found.append(NoteMessage(note.end_quarters, note.pitch, 0))
        return sorted(found, key=lambda m: (m.time_quarters, m.velocity > 0, m.pitch))

    def forget(self, before_quarters: float) -> None:
        """Drop the notes that ended before a time."""
        if self._notes and self._notes[0].start_quarters < before_quarters:
            self._notes = [
                note
                for note in self._notes
                if note.end_quarters is None or note.end_quarters >= before_quarters
            ]
            ended = (n for n in self._notes if n.end_quarters is not None)
            self._longest_quarters = max(
                (float(n.end_quarters or 0.0) - n.start_quarters for n in ended), default=0.0
            )

    def _from(self, step: int, steps_per_quarter: int) -> Iterator[tuple[OtherNote, int]]:
        """The notes from a step on, and the steps at which they begin."""
        first = bisect_left(self._notes, (step - 1) / steps_per_quarter, key=_START)
        for index in range(first, len(self._notes)):
            note = self._notes[index]
            start = nearest_step(note.start_quarters, steps_per_quarter)
            if start >= step:
                yield note, start

    def _around(self, step: int, steps_per_quarter: int) -> Iterator[tuple[OtherNote, int]]:
        """The notes that may sound in a step, and the steps at which they begin."""
        earliest = (step - 2) / steps_per_quarter - self._longest_quarters
        for note in self._held:
            if note.start_quarters < earliest:
                yield note, nearest_step(note.start_quarters, steps_per_quarter)
        first = bisect_left(self._notes, earliest, key=_START)
        for index in range(first, len(self._notes)):
            note = self._notes[index]
            start = nearest_step(note.start_quarters, steps_per_quarter)
            if start > step:
                return
            yield note, start
