"""What every encoding of music as steps offers, whole-piece and one step at a time.

A *step* is what a network reads and writes at once: a frame of a piano-roll or of a spectrogram,
or one note. A piece is an array of steps, shape (T, F): F binary columns, F categorical factors, or
F real numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio import Audio
from rnnmusic.compiling import Kernel
from rnnmusic.errors import UsageError
from rnnmusic.score import Score

Steps = NDArray[Any]  # integers, or float32 where the columns are real-valued

REAL = 0  # the "number of values" of a real-valued column


class Encoded(NamedTuple):
    """A piece as steps, with what the encoding could not say.

    steps: (T, F). clock: (T, C) uint8, the metrical position known before each step, C = number of
    `clock_sizes`; column c holds ids below clock_sizes[c]. left_out: reason -> number of notes
    that aren't in the steps ("drum notes", "pitches out of range", "notes merged on the grid").
    """

    steps: Steps
    clock: NDArray[np.uint8]
    left_out: dict[str, int]


class NoteMessage(NamedTuple):
    """A note on (velocity 1..127) or off (velocity 0) at a time counted in quarter notes."""

    time_quarters: float
    pitch: int
    velocity: int


class LiveDecoder(Protocol):
    """Turns sampled steps into note messages, in time order; holds the notes still sounding."""

    def push(self, step: Steps) -> list[NoteMessage]:
        """Take one step (F,), return the messages it makes certain, by time."""
        ...

    def flush(self) -> list[NoteMessage]:
        """Return everything still pending, note offs for all sounding notes included."""
        ...

    @property
    def horizon_quarters(self) -> float:
        """Time before which no later step can put a message: safe to send up to here."""
        ...


class LiveEncoder(Protocol):
    """Turns a performer's note messages into steps as they become complete."""

    def push(self, message: NoteMessage) -> None:
        """Take one message; times never go back by more than rounding."""
        ...

    def pull(self, until_quarters: float) -> Steps:
        """Return the steps (n, F) completed before `until_quarters` and not returned yet."""
        ...


class Encoding(ABC):
    """Music <-> steps. A frozen dataclass whose fields are its whole configuration.

    What networks, heads, batches and stores need to know of any encoding; what it encodes is said
    by its two kinds, `ScoreEncoding` and `AudioEncoding`.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each of the F columns of a step: all 2 for a binary roll, all REAL
        for frames of real numbers."""

    @property
    def clock_sizes(self) -> tuple[int, ...]:
        """Number of values of each clock column; empty when steps carry no metrical position."""
        return ()

    @property
    def columns_per_pitch(self) -> int:
        """How many neighbouring columns belong to one pitch; 1 where columns aren't pitches."""
        return 1

    @property
    def is_binary(self) -> bool:
        """Whether steps are 0/1 vectors rather than tuples of categories."""
        return all(size == 2 for size in self.sizes)

    @property
    def is_real(self) -> bool:
        """Whether steps are vectors of real numbers."""
        return all(size == REAL for size in self.sizes)

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The smallest type that holds a step, little-endian float32 for real numbers: what
        stores keep."""

    def start_step(self) -> Steps:
        """The step (F,) before the first: silence, or the id past each factor's last."""
        if self.is_real:
            return np.zeros(len(self.sizes), dtype=np.float32)
        row = [0] * len(self.sizes) if self.is_binary else list(self.sizes)
        return np.array(row, dtype=np.int64)

    def clock_at(self, step_index: int, *, quarters_per_bar: float = 4.0) -> NDArray[np.uint8]:
        """Clock row (C,) of the step with this index in music of one metre from a bar line on."""
        return np.empty(0, dtype=np.uint8)

    def transposition_range(self, steps: Steps, limit: int) -> tuple[int, int]:
        """Lowest and highest shift in semitones, within +-limit, that `transpose` can make."""
        return 0, 0

    def transpose(self, steps: Steps, semitones: int) -> Steps:
        """The same steps `semitones` higher, a copy.

        It acts on each step by itself, so that a stretch of a piece can be transposed alone.
        """
        if semitones:
            raise UsageError(
                f"Steps of the {self.name} encoding can't be transposed; use transpose = 0."
            )
        return steps.copy()

    def to_config(self) -> dict[str, Any]:
        """JSON-able configuration: {"name": ..., field: value, ...}."""
        from dataclasses import asdict

        return {"name": self.name, **asdict(self)}  # type: ignore[call-overload]


class ScoreEncoding(Encoding):
    """Score <-> integer steps."""

    kernels: ClassVar[tuple[Kernel[..., Any], ...]] = ()  # what encoding runs on

    @abstractmethod
    def encode(self, score: Score) -> Encoded:
        """Encode a whole piece; InputError when it has no note this encoding can say."""

    def encode_packed(self, score: Score) -> Encoded:
        """`encode` with the steps as stores keep them: of `dtype`, and binary ones as bits.

        Rows of bits are (T, ceil(F / 8)) uint8: each is `numpy.packbits` of its F columns.
        """
        encoded = self.encode(score)
        steps = encoded.steps.astype(self.dtype, copy=False)
        return encoded._replace(steps=np.packbits(steps, axis=1) if self.is_binary else steps)

    @abstractmethod
    def decode(self, steps: Steps, *, tempo_bpm: float = 120.0, program: int = 0) -> Score:
        """Decode (T, F) steps into a score; every array within `sizes` is legal."""

    @abstractmethod
    def live_decoder(self) -> LiveDecoder:
        """A decoder that takes one step at a time and agrees with `decode`."""

    @abstractmethod
    def live_encoder(self) -> LiveEncoder:
        """An encoder that takes one message at a time and agrees with `encode`."""

    @abstractmethod
    def elapsed_quarters(self, steps: Steps) -> float:
        """Time from the first step to where the step after the last would stand."""


class AudioEncoding(Encoding):
    """Audio <-> steps at a fixed rate, of one channel: others are mixed down to it."""

    sample_rate_hz: int

    @property
    @abstractmethod
    def hop_size(self) -> int:
        """Samples from one step to the next."""

    @abstractmethod
    def encode(self, audio: Audio) -> Encoded:
        """Encode a recording of any rate and number of channels; InputError for an empty one."""

    @abstractmethod
    def decode(self, steps: Steps) -> Audio:
        """Steps (T, F) as mono sound: the inverse where there is one, else an estimate of it."""

    def times_s(self, step_count: int) -> NDArray[np.float64]:
        """Time in seconds at which each of so many steps stands (T,)."""
        return np.asarray(np.arange(step_count) * (self.hop_size / self.sample_rate_hz))
