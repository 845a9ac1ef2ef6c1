"""From what a performer wants to what a step may be: steering made into biases and temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.events import NoteEvents
from rnnmusic.encodings.pianoroll import PianoRoll
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.errors import UsageError
from rnnmusic.sampling.scales import parse_chord, parse_key
from rnnmusic.sampling.shaping import Shaping
from rnnmusic.sampling.steering import Steering

Floats = NDArray[np.float64]

#: What density and note length at their ends add to the log-odds of a roll's columns, in nats.
ROLL_DENSITY, ROLL_LENGTH = 2.0, 3.0
#: And to the logit of a time for each doubling of it.
EVENT_DENSITY, EVENT_LENGTH = 1.0, 1.0
#: Another note at the same moment is tilted as a shift of so many quarters.
CHORD_QUARTERS = 0.5


class Context(NamedTuple):
    """What a shaping depends on besides the steering.

    sounding: the pitches that sound before the step, other players' left out. remaining: for an
    encoding of notes, grid steps from the last onset until each of them ends, in their order.
    recent: pitches struck lately, newest last. earliest_shift: the smallest shift, in grid steps,
    of an encoding of notes: nothing is known to have happened before. forced: pitches that another
    player strikes in this step, for a roll.
    """

    sounding: tuple[int, ...] = ()
    recent: tuple[int, ...] = ()
    earliest_shift: int = 0
    forced: tuple[int, ...] = ()
    remaining: tuple[int, ...] = ()


class _Shapes(Protocol):
    """How one kind of encoding is shaped, for one steering."""

    def shape(self, context: Context) -> Shaping: ...


class Shaper:
    """Makes the shaping of each step; what doesn't depend on the context is kept.

    Masks combine by intersection: register, key and chord leave a set of pitches. Every draw of a
    shaping is a legal step within that set and the polyphony cap.

    PianoRoll: a column is either *going on* (the held column of a sounding pitch, or its only one)
    or a *beginning* (all others: a held pitch that wasn't sounding is struck). Beginnings take the
    pitch temperature and density, those going on the rhythm temperature and note length. A pitch
    that is shut off is neither struck nor held: what sounds outside a new chord ends.

    NoteEvents: shift and duration take the rhythm temperature, pitch and velocity their own.
    Density tilts shifts and durations, note length the durations, evenly in log time. (A tilt of
    the shifts alone changes nothing in legato music, where a model waits for notes to end.)

    UsageError for an encoding that isn't one of these.
    """

    def __init__(self, encoding: Encoding) -> None:
        if not isinstance(encoding, PianoRoll | NoteEvents):
            raise UsageError(
                f"Steps of the {encoding.name} encoding can't be steered; take a generator of "
                "piano rolls or note events."
            )
        self._encoding = encoding
        self._steering: Steering | None = None
        self._shapes: _Shapes | None = None

    def shape(self, steering: Steering, context: Context) -> Shaping | None:
        """How to draw the next step; None when the steering leaves no pitch open: rest.

        The arrays may be shared between calls: don't write into them.
        """
        if steering is not self._steering:
            if self._steering is None or steering != self._steering:
                self._shapes = self._prepare(steering)
            self._steering = steering
        return self._shapes.shape(context) if self._shapes else None

    def _prepare(self, steering: Steering) -> _Shapes | None:
        lowest, highest = self._encoding.lowest_pitch, self._encoding.highest_pitch
        is_open = allowed_pitches(steering)[lowest : highest + 1]
        if not is_open.any():
            return None
        if isinstance(self._encoding, PianoRoll):
            return _RollShapes(self._encoding, steering, is_open)
        return _EventShapes(self._encoding, steering, is_open)


def allowed_pitches(steering: Steering) -> NDArray[np.bool_]:
    """For each MIDI pitch (128,) whether register, key and chord all leave it open."""
    pitches = np.arange(128)
    is_open = (pitches >= steering.lowest_pitch) & (pitches <= steering.highest_pitch)
    if steering.key is not None:
        is_open &= np.array(parse_key(steering.key).allowed)
    if steering.chord is not None and (chord := parse_chord(steering.chord)):
        is_open &= np.array(chord.allowed)
    return is_open


class _RollShapes:
    """Piano-rolls under one steering."""

    def __init__(self, encoding: PianoRoll, steering: Steering, is_open: NDArray[np.bool_]) -> None:
        self._lowest = encoding.lowest_pitch
        self._columns = encoding.columns_per_pitch
        self._is_open = is_open
        self._penalty = steering.repetition_penalty
        self._cap = -1 if steering.polyphony is None else steering.polyphony
        shut = np.repeat(np.where(is_open, 0.0, -np.inf), self._columns)
        begin = steering.temperature * steering.pitch_temperature
        self._going_on_temperature = steering.temperature * steering.rhythm_temperature
        self._going_on_bias = ROLL_LENGTH * steering.note_length
        self._plain = _frozen(
            Shaping(
                shut + ROLL_DENSITY * steering.density,
                np.full(len(shut), begin),
                steering.top_p,
                self._cap,
            )
        )
        self._is_alike = (
            not self._penalty
            and begin == self._going_on_temperature
            and self._going_on_bias == ROLL_DENSITY * steering.density
        )

    def shape(self, context: Context) -> Shaping:
        plain = self._plain
        sounding = [] if self._is_alike else self._within(context.sounding)
        recent = self._within(context.recent) if self._penalty else []
        forced = self._within(context.forced)
        if not (sounding or recent or forced):
            return plain
        bias, temperature, most = plain.bias.copy(), plain.temperature, plain.most
        columns = self._columns
        if recent:
            times = np.bincount(recent, minlength=len(self._is_open))
            bias -= np.repeat(self._penalty * times, columns)
        if sounding:
            places = np.array(sounding)
            held = places * columns + columns - 1
            temperature = temperature.copy()
            temperature[held] = self._going_on_temperature
            bias[held] = np.where(self._is_open[places], self._going_on_bias, -np.inf)
        for place in forced:
            bias[place * columns : (place + 1) * columns] = -np.inf
            bias[place * columns] = np.inf
        if forced and most >= 0:
            most += len(set(forced))
        return Shaping(bias, temperature, plain.top_p, most)

    def _within(self, pitches: Sequence[int]) -> list[int]:
        return _within(pitches, self._lowest, len(self._is_open))


class _EventShapes:
    """Note events under one steering."""

    def __init__(
        self, encoding: NoteEvents, steering: Steering, is_open: NDArray[np.bool_]
    ) -> None:
        self._shifts = encoding.shift_values
        self._lowest = encoding.lowest_pitch
        self._penalty = steering.repetition_penalty
        self._cap = steering.polyphony
        quarter = encoding.steps_per_quarter
        shifts = np.where(self._shifts > 0, self._shifts, CHORD_QUARTERS * quarter)
        faster = EVENT_DENSITY * steering.density
        shift = -faster * np.log2(shifts / quarter)
        longer = EVENT_LENGTH * steering.note_length - faster
        duration = longer * np.log2(encoding.duration_values / quarter)
        pitch = np.where(is_open, 0.0, -np.inf)
        self._pitches = slice(len(shift), len(shift) + len(pitch))
        bias = np.concatenate([shift, pitch, duration, np.zeros(encoding.velocity_bins)])
        of_factor = (
            steering.rhythm_temperature,
            steering.pitch_temperature,
            steering.rhythm_temperature,
            steering.velocity_temperature,
        )
        temperature = steering.temperature * np.array(of_factor)
        self._plain = _frozen(Shaping(bias, temperature, steering.top_p))

    def shape(self, context: Context) -> Shaping:
        first = self._first_shift(context)
        if not first and not (self._penalty and context.recent):
            return self._plain
        bias = self._plain.bias.copy()
        bias[:first] = -np.inf
        if self._penalty:
            pitches = bias[self._pitches]
            recent = _within(context.recent, self._lowest, len(pitches))
            pitches -= self._penalty * np.bincount(recent, minlength=len(pitches))
        return self._plain._replace(bias=bias)

    def _first_shift(self, context: Context) -> int:
        """Id of the smallest shift: late enough, and with room under the cap; else the longest."""
        earliest = context.earliest_shift
        if self._cap is not None and len(context.remaining) >= self._cap:
            # Room is made when all but cap - 1 of them have ended.
            earliest = max(earliest, sorted(context.remaining)[-self._cap])
        if earliest <= 0:
            return 0
        return min(int(np.searchsorted(self._shifts, earliest)), len(self._shifts) - 1)


def _within(pitches: Sequence[int], lowest: int, count: int) -> list[int]:
    """Their places in a range of pitches, those outside left out."""
    return [pitch - lowest for pitch in pitches if 0 <= pitch - lowest < count]


def _frozen(shaping: Shaping) -> Shaping:
    shaping.bias.flags.writeable = False
    shaping.temperature.flags.writeable = False
    return shaping
