"""NoteEvents: one step per note, as (time shift, pitch, duration, velocity)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnmusic.encodings._checks import (
    LARGEST_GRID,
    check_range,
    check_transposition,
    check_whole,
    checked_steps,
)
from rnnmusic.encodings._drawing import SURVEY
from rnnmusic.encodings._placing import (
    DURATION,
    PITCH,
    PLACE,
    SHIFT,
    VELOCITY,
    Vocabulary,
)
from rnnmusic.encodings._times import time_values
from rnnmusic.encodings.events_live import EventsLiveDecoder, EventsLiveEncoder
from rnnmusic.encodings.grid import Ints, bar_lines, make_score, select_notes
from rnnmusic.encodings.protocol import Encoded, ScoreEncoding, Steps
from rnnmusic.score import Score


@dataclass(frozen=True)
class NoteEvents(ScoreEncoding):
    """Notes in order: steps since the previous onset, pitch, duration, velocity bin.

    A step is a whole note, not a fragment of one. Streams of note-on, time-shift and note-off
    tokens (Oore et al. 2018, "This Time with Feeling") need three or more steps for a note and a
    grammar to keep samples legal: an off may have no on, a note may never end. Here every tuple
    of ids is a note, sequences are several times shorter, and a recurrence sees a duration and
    its pitch at once. Within a chord notes rise in pitch and every shift but the first is 0.

    Shifts and durations share one table: each step exactly up to `exact_quarters` (a bar of 4/4;
    12 steps per quarter hold triplets and sixteenths), then eight values to each doubling up to
    `longest_quarters`. Nearly all of music lies in the exact part; long rests and pedal points
    stay sayable at a relative error of an eighth at most, for 32 more values instead of 720.
    Durations leave out the table's 0. Onsets are placed by absolute time: what a long shift
    rounds off (downwards) is added to the next shift, so errors never add up, and durations are
    rounded to the nearest value after the placed onset.

    Velocity has `velocity_bins` even bins: 32 of about 4 levels, below what listeners tell apart.
    Pitch counts from `lowest_pitch`.

    The first shift counts from the bar line at or before the first note, so a piece keeps its
    upbeat. A pitch sounds while any of its notes does and each onset strikes it anew; notes of
    one pitch on one step become one, as loud as the loudest ("notes merged on the grid"). The
    sustain pedal isn't applied.

    Every array of ids decodes to legal notes: a note still sounding is cut where its pitch is
    struck again, and a note that repeats pitch and onset of an earlier step is not heard.
    """

    name: ClassVar[str] = "note-events"
    kernels = (SURVEY, PLACE)

    steps_per_quarter: int = 12
    lowest_pitch: int = 21
    highest_pitch: int = 108
    velocity_bins: int = 32
    exact_quarters: int = 4  # times up to here are exact on the grid
    longest_quarters: int = 64  # the longest shift and duration

    def __post_init__(self) -> None:
        check_whole(self.name, "steps_per_quarter", self.steps_per_quarter, 1, LARGEST_GRID)
        check_range(self.name, self.lowest_pitch, self.highest_pitch)
        check_whole(self.name, "velocity_bins", self.velocity_bins, 1, 127)
        check_whole(self.name, "exact_quarters", self.exact_quarters, 1, 64)
        check_whole(self.name, "longest_quarters", self.longest_quarters, self.exact_quarters, 256)

    # -- vocabulary ----------------------------------------------------------------------

    @cached_property
    def shift_values(self) -> Ints:
        """Steps that each shift id stands for."""
        quarter = self.steps_per_quarter
        return time_values(self.exact_quarters * quarter, self.longest_quarters * quarter)

    @cached_property
    def duration_values(self) -> Ints:
        """Steps that each duration id stands for."""
        return self.shift_values[1:]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of shifts, pitches, durations and velocity bins."""
        pitches = self.highest_pitch - self.lowest_pitch + 1
        return len(self.shift_values), pitches, len(self.duration_values), self.velocity_bins

    @property
    def is_binary(self) -> bool:
        """False."""
        return False

    @property
    def clock_sizes(self) -> tuple[int, ...]:
        """None: a note's place in the bar is the sum of all shifts, which the state can hold."""
        return ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """A byte, or two where the table of times is longer than 256."""
        return np.dtype(np.uint8 if max(self.sizes) <= 256 else np.uint16)

    def duration_ids(self, duration_steps: ArrayLike) -> Ints:
        """Id of the value nearest to each duration, the shorter at a tie."""
        values = self.duration_values
        middles = (values[1:] + values[:-1]) / 2
        return np.asarray(np.searchsorted(middles, duration_steps, side="left"))

    def velocity_ids(self, velocity: ArrayLike) -> Ints:
        """Bin of each velocity 1..127."""
        above = np.asarray(velocity, dtype=np.int64).clip(1, 127) - 1
        return np.asarray(above * self.velocity_bins // 127)

    def velocities(self, ids: ArrayLike) -> Ints:
        """Velocity 1..127 in the middle of each bin."""
        bins, ids = self.velocity_bins, np.asarray(ids, dtype=np.int64)
        lowest, next_lowest = -(-127 * ids // bins), -(-127 * (ids + 1) // bins)
        return np.asarray(1 + (lowest + next_lowest - 1) // 2)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        waits = np.arange(self.shift_values[-1] + 1)
        return Vocabulary(
            self.shift_values,
            np.searchsorted(self.shift_values, waits, side="right") - 1,
            self.duration_ids(waits),
            self.velocity_ids(np.arange(256)),
        )

    # -- whole pieces --------------------------------------------------------------------

    def encode(self, score: Score) -> Encoded:
        """Encode a whole piece into steps (notes, 4).

        InputError when it has no pitched note in range or is longer than 2 million grid steps.
        """
        notes, first, _, left_out = select_notes(
            score, self.steps_per_quarter, self.lowest_pitch, self.highest_pitch
        )
        lines = bar_lines(score, self.steps_per_quarter, first)
        steps = np.empty((len(notes), len(self.sizes)), dtype=np.uint16)
        count = PLACE.for_work(len(notes))(
            notes,
            self.lowest_pitch,
            self.highest_pitch,
            self.steps_per_quarter / score.ticks_per_quarter,
            int(lines[np.searchsorted(lines, first, side="right") - 1]),
            self._vocabulary,
            steps,
        )
        if merged := len(notes) - left_out.get("pitches out of range", 0) - count:
            left_out["notes merged on the grid"] = merged
        return Encoded(steps[:count].astype(self.dtype), np.empty((count, 0), np.uint8), left_out)

    def decode(self, steps: Steps, *, tempo_bpm: float = 120.0, program: int = 0) -> Score:
        """Decode (notes, 4) steps into a one-track score; every array of ids is legal."""
        ids = checked_steps(self, steps).astype(np.int64)
        start = np.cumsum(self.shift_values[ids[:, SHIFT]])
        # By pitch, then start; the earliest step first where both repeat.
        order = np.lexsort((start, ids[:, PITCH]))
        ids, start = ids[order], start[order]
        pitch = ids[:, PITCH]
        heard = np.ones(len(ids), dtype=np.bool_)
        heard[1:] = (np.diff(pitch) != 0) | (np.diff(start) != 0)
        ids, start, pitch = ids[heard], start[heard], pitch[heard]
        end = start + self.duration_values[ids[:, DURATION]]
        again = pitch[:-1] == pitch[1:]
        end[:-1][again] = np.minimum(end[:-1], start[1:])[again]
        return make_score(
            pitch + self.lowest_pitch,
            start,
            end,
            self.velocities(ids[:, VELOCITY]),
            steps_per_quarter=self.steps_per_quarter,
            tempo_bpm=tempo_bpm,
            program=program,
        )

    # -- one step at a time --------------------------------------------------------------

    def live_decoder(self) -> EventsLiveDecoder:
        """A decoder that takes one note (4,) at a time and agrees with `decode`."""
        return EventsLiveDecoder(self)

    def live_encoder(self) -> EventsLiveEncoder:
        """An encoder that takes one message at a time; its time 0 is the first bar line."""
        return EventsLiveEncoder(self)

    def clock_at(self, step_index: int, *, quarters_per_bar: float = 4.0) -> NDArray[np.uint8]:
        """An empty row."""
        return np.empty(0, dtype=np.uint8)

    def elapsed_quarters(self, steps: Steps) -> float:
        """Time from the opening bar line to the last onset: the next note may share it."""
        return int(self.shift_values[steps[:, SHIFT]].sum()) / self.steps_per_quarter

    # -- transposition -------------------------------------------------------------------

    def transposition_range(self, steps: Steps, limit: int) -> tuple[int, int]:
        """Lowest and highest shift in semitones, within +-limit, that keeps every note in range."""
        if not len(steps):
            return -limit, limit
        pitch = steps[:, PITCH]
        return max(-limit, -int(pitch.min())), min(limit, self.sizes[PITCH] - 1 - int(pitch.max()))

    def transpose(self, steps: Steps, semitones: int) -> Steps:
        """A copy of the steps `semitones` higher; InputError when a note would fall off."""
        check_transposition(self, steps, semitones)
        moved = steps.copy()
        moved[:, PITCH] = steps[:, PITCH].astype(np.int64) + semitones
        return moved
