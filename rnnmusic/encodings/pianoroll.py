"""PianoRoll: one binary frame per grid step, one or two columns per pitch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings._checks import (
    LARGEST_GRID,
    check_flag,
    check_range,
    check_transposition,
    check_whole,
    checked_steps,
)
from rnnmusic.encodings._drawing import DRAW, SURVEY
from rnnmusic.encodings.grid import Ints, bar_lines, make_score, select_notes
from rnnmusic.encodings.protocol import Encoded, ScoreEncoding, Steps
from rnnmusic.encodings.roll_live import VELOCITY, RollLiveDecoder, RollLiveEncoder
from rnnmusic.score import Score, Table

QUARTERS_IN_BAR = 16  # clock ids; later quarters of a longer bar share the last


@dataclass(frozen=True)
class PianoRoll(ScoreEncoding):
    """Frames of a grid: which pitches are struck, and which are held from the frame before.

    Columns, P = highest_pitch - lowest_pitch + 1. Without `articulation`: P, 1 while the pitch
    sounds, so repeated notes that touch become one. With it: 2P, interleaved from the bass up,
    (struck, held) of the lowest pitch, then of the next. An autoregressive head (Larochelle and
    Murray 2011, NADE) reads columns left to right, and so settles each pitch's three-way choice
    off / struck / held in one place, after everything below it: "held" sits next to the "struck"
    that excludes it, and a transposition stays a plain shift. A sounding note has exactly one
    active column in either layout, so the head's sparse form costs the same as without
    articulation.

    Every binary array is legal music: where both columns are set, struck wins, and a held pitch
    that wasn't sounding is struck.

    Encoding rounds onsets and ends to the nearest step (halves up), gives every note at least one
    step, and lets a pitch sound while any of its notes does; each onset strikes it anew. Notes
    that vanish in another (same pitch, same step; without articulation, also touching) are
    counted as "notes merged on the grid". The sustain pedal isn't applied: the roll says what the
    hands do. The piece ends with its last note. With `metrical` it begins at the bar line at or
    before the first note and each step knows its place: clock columns are the step within the
    quarter and the quarter within the bar, through all metre changes. Without it the piece
    begins at the first note and the clock has no columns.
    """

    name: ClassVar[str] = "piano-roll"
    kernels = (SURVEY, DRAW)

    steps_per_quarter: int = 4
    lowest_pitch: int = 21
    highest_pitch: int = 108
    articulation: bool = True  # struck and held are told apart
    metrical: bool = True  # steps know their place in the bar

    def __post_init__(self) -> None:
        check_whole(self.name, "steps_per_quarter", self.steps_per_quarter, 1, LARGEST_GRID)
        check_range(self.name, self.lowest_pitch, self.highest_pitch)
        check_flag(self.name, "articulation", self.articulation)
        check_flag(self.name, "metrical", self.metrical)

    # -- shape ---------------------------------------------------------------------------

    @property
    def columns_per_pitch(self) -> int:
        """2 with articulation (struck, held), else 1."""
        return 2 if self.articulation else 1

    @property
    def width(self) -> int:
        """Number of columns F."""
        return (self.highest_pitch - self.lowest_pitch + 1) * self.columns_per_pitch

    @property
    def sizes(self) -> tuple[int, ...]:
        """All 2."""
        return (2,) * self.width

    @property
    def is_binary(self) -> bool:
        """True."""
        return True

    @property
    def clock_sizes(self) -> tuple[int, ...]:
        """Step within the quarter and quarter within the bar, if metrical."""
        return (self.steps_per_quarter, QUARTERS_IN_BAR) if self.metrical else ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """A byte per column; stores pack it to a bit."""
        return np.dtype(np.uint8)

    # -- whole pieces --------------------------------------------------------------------

    def encode(self, score: Score) -> Encoded:
        """Encode a whole piece into steps (T, F).

        InputError when it has no pitched note in range or is longer than 2 million steps.
        """
        encoded = self.encode_packed(score)
        rows = encoded.steps
        if self.width % 8:
            return encoded._replace(steps=np.unpackbits(rows, axis=1, count=self.width))
        # Rows of whole bytes unpack twice as fast as one.
        return encoded._replace(steps=np.unpackbits(rows.reshape(-1)).reshape(-1, self.width))

    def encode_packed(self, score: Score) -> Encoded:
        """`encode` with eight columns to a byte, as stores keep them: steps (T, ceil(F / 8))."""
        notes, origin, end, left_out = select_notes(
            score, self.steps_per_quarter, self.lowest_pitch, self.highest_pitch
        )
        clock = np.empty((end - origin, 0), dtype=np.uint8)
        if self.metrical:
            lines = bar_lines(score, self.steps_per_quarter, end)
            bar = int(np.searchsorted(lines, origin, side="right")) - 1
            origin = int(lines[bar])
            clock = self._clock(lines[bar:], end)
        packed, merged = self._draw(notes, score.ticks_per_quarter, origin, end)
        if merged:
            left_out["notes merged on the grid"] = merged
        return Encoded(packed, clock, left_out)

    def _draw(
        self, notes: Table, ticks_per_quarter: int, origin: int, end: int
    ) -> tuple[NDArray[np.uint8], int]:
        """Bits (end - origin, bytes) of notes sorted by start, and how many of them merged."""
        bits = np.zeros((end - origin + 1, -(-self.width // 64) * 8), dtype=np.uint8)
        merged = DRAW.for_work(len(notes) + len(bits))(
            notes,
            self.lowest_pitch,
            self.highest_pitch,
            self.steps_per_quarter / ticks_per_quarter,
            origin,
            self.articulation,
            bits,
        )
        return np.ascontiguousarray(bits[:-1, : -(-self.width // 8)]), merged

    def _clock(self, lines: Ints, end: int) -> NDArray[np.uint8]:
        """Clock rows of the steps from the first of the bar lines until the end, which is before
        the last of them."""
        bars = np.diff(lines[lines < end], append=end)
        within_bar = np.arange(lines[0], end) - np.repeat(lines[: len(bars)], bars)
        # Dividing is slow, and most bars are alike.
        return self._clock_rows(np.arange(bars.max())).take(within_bar, axis=0)

    def _clock_rows(self, steps_within_bar: Ints) -> NDArray[np.uint8]:
        quarter, step = np.divmod(steps_within_bar, self.steps_per_quarter)
        quarter = np.minimum(quarter, QUARTERS_IN_BAR - 1)
        return np.stack([step, quarter], axis=-1).astype(np.uint8)

    def decode(self, steps: Steps, *, tempo_bpm: float = 120.0, program: int = 0) -> Score:
        """Decode (T, F) steps into a one-track score; every binary array is legal."""
        struck, held = self.split(checked_steps(self, steps))
        silence = np.zeros((1, struck.shape[1]), dtype=np.bool_)
        sounding = struck | held
        before = np.concatenate([silence, sounding])  # (T + 1, P)
        starts = np.concatenate([struck, silence]) | (np.concatenate([held, silence]) & ~before)
        ends = before & (np.concatenate([~sounding, ~silence]) | starts)
        # Pitch-major, starts and ends of one pitch alternate, so the two lists pair up.
        pitch, start_step = np.nonzero(starts.T)
        end_step = np.nonzero(ends.T)[1]
        return make_score(
            pitch + self.lowest_pitch,
            start_step,
            end_step,
            VELOCITY,
            steps_per_quarter=self.steps_per_quarter,
            tempo_bpm=tempo_bpm,
            program=program,
        )

    def split(self, steps: Steps) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which pitches (..., P) are struck and which are only held, of steps (..., F).

        Without articulation all sounding pitches count as held.
        """
        if not self.articulation:
            held = steps != 0
            return np.zeros_like(held), held
        struck = steps[..., 0::2] != 0
        return struck, (steps[..., 1::2] != 0) & ~struck

    # -- one step at a time --------------------------------------------------------------

    def live_decoder(self) -> RollLiveDecoder:
        """A decoder that takes one step (F,) at a time and agrees with `decode`."""
        return RollLiveDecoder(self)

    def live_encoder(self) -> RollLiveEncoder:
        """An encoder that takes one message at a time; its time 0 is the first step."""
        return RollLiveEncoder(self)

    def clock_at(self, step_index: int, *, quarters_per_bar: float = 4.0) -> NDArray[np.uint8]:
        """Clock row (C,) of the step with this index in music of one metre from a bar line on."""
        if not self.metrical:
            return np.empty(0, dtype=np.uint8)
        # Bar k begins at the step nearest to k * steps_per_bar, halves up, as in `encode`.
        steps_per_bar = max(1.0, quarters_per_bar * self.steps_per_quarter)
        bar = math.ceil((step_index + 0.5) / steps_per_bar) - 1
        line = math.floor(bar * steps_per_bar + 0.5)
        return self._clock_rows(np.array(step_index - line))

    def elapsed_quarters(self, steps: Steps) -> float:
        """Length of the steps in quarters."""
        return len(steps) / self.steps_per_quarter

    # -- transposition -------------------------------------------------------------------

    def transposition_range(self, steps: Steps, limit: int) -> tuple[int, int]:
        """Lowest and highest shift in semitones, within +-limit, that keeps every note in range."""
        used = np.flatnonzero(steps.any(axis=0)) // self.columns_per_pitch
        if not len(used):
            return -limit, limit
        top = self.highest_pitch - self.lowest_pitch
        return max(-limit, -int(used[0])), min(limit, top - int(used[-1]))

    def transpose(self, steps: Steps, semitones: int) -> Steps:
        """A copy of the steps `semitones` higher; InputError when a note would fall off."""
        check_transposition(self, steps, semitones)
        # What wraps around is silence: a note that could was refused above.
        return np.roll(steps, semitones * self.columns_per_pitch, axis=1)
