"""Flow: how one kind of encoding moves on in time, from place to place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import NoteMessage, ScoreEncoding, Steps
from rnnmusic.live.performing.others import Change, Others
from rnnmusic.live.performing.past import Moment, Past, Place
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.shape import Shaper
from rnnmusic.sampling.steering import Steering
from rnnmusic.sampling.stepper import Adaptive, Hidden, State, Stepper

#: Pitches of ours that a repetition penalty looks back on.
RECENT = 16

#: Times this close, in steps of a grid, are the same.
SAME_STEP = 1e-6

NOTHING_TO_PLAY = (
    "Register, key, chord and model leave no note to play; it rests until one of them is opened."
)


class Scene(NamedTuple):
    """What a step depends on besides its place.

    kept: moments whose steps of ours are taken again instead of drawn, in their order.
    """

    steering: Steering
    others: Others
    kept: list[Moment] | None = None


class Advance(NamedTuple):
    """A step forward: where the music stands then, what it was, and our messages.

    moment: None when only time has passed. notice: a sentence for the performer.
    """

    place: Place
    moment: Moment | None
    messages: list[NoteMessage]
    notice: str | None = None


class Flow(ABC):
    """A model's music step by step, forwards only; it keeps nothing: places are values."""

    #: Whether a note is heard with its length, so that this must be guessed while it is held.
    hears_lengths: ClassVar[bool]

    def __init__(self, stepper: Stepper, dice: Dice, quarters_per_bar: float) -> None:
        self.stepper = stepper
        self.encoding: ScoreEncoding = stepper.encoding
        self.shaper = Shaper(stepper.encoding)
        self._dice = dice
        self._quarters_per_bar = quarters_per_bar

    # -- one kind of encoding ------------------------------------------------------------

    @abstractmethod
    def begin(self, at_quarters: float) -> Place:
        """The place where nothing has been heard yet."""

    @abstractmethod
    def advance(
        self, place: Place, until_quarters: float, limit_quarters: float, scene: Scene
    ) -> Advance | None:
        """Take one step before a limit, or let time pass; None when nothing comes before the
        limit any more. Where there are no steps, time passes no further than `until_quarters`."""

    @abstractmethod
    def settle(self, place: Place, at_quarters: float) -> tuple[Place, list[NoteMessage]]:
        """The place when nothing more comes before a time, and our offs due until then."""

    @abstractmethod
    def bounded(self, place: Place, from_quarters: float) -> Place:
        """The place when nothing of what lies before a time can be changed any more."""

    @abstractmethod
    def sounding(self, place: Place) -> tuple[int, ...]:
        """Our pitches that sound, rising."""

    @abstractmethod
    def only(self, place: Place, pitches: Iterable[int]) -> Place:
        """The place without those notes of ours that aren't of some pitches."""

    @abstractmethod
    def moved(self, place: Place, from_quarters: float, to_quarters: float) -> Place:
        """The place as if what came at one time came at another, at the place in the bar that
        this one has."""

    @abstractmethod
    def first_changed(self, change: Change, past: Past) -> float:
        """The time of the first step that is heard differently after a change."""

    @abstractmethod
    def after(
        self,
        steps: Steps,
        clock: NDArray[np.uint8] | None,
        at_quarters: float,
        length_quarters: float | None = None,
    ) -> Place:
        """The place when steps (T, F) have been heard, the first of them from a bar line on.

        clock (T, C): their metrical positions; None: those of one metre. length_quarters: how
        long they last until `at_quarters`; None: until the bar line after them, so that the place
        lies before it by what the last bar lacks.
        """

    @abstractmethod
    def answered_from(self, at_quarters: float) -> float:
        """The place to answer from at a time is that before the first step at or after this."""

    @abstractmethod
    def answer(
        self, place: Place, forced: tuple[int, ...], at_quarters: float, scene: Scene
    ) -> tuple[int, ...]:
        """The pitches that the model would strike together with these."""

    # -- all kinds -----------------------------------------------------------------------

    def silenced(self, place: Place) -> Place:
        """The place without notes of ours."""
        return self.only(place, ())

    def _kept(self, scene: Scene) -> Sequence[Moment]:
        """The steps of ours that are taken again, up to where another model plays."""
        return list(takewhile(lambda moment: moment.before.flow is self, scene.kept or ()))

    def _clock(self, index: int) -> NDArray[np.uint8]:
        return self.encoding.clock_at(index, quarters_per_bar=self._quarters_per_bar)

    def _uniforms(self, take: int, index: int) -> NDArray[np.float64]:
        return self._dice.uniforms(take, index, self.stepper.draws)

    def _learned(
        self, hidden: Hidden, heard: Steps, state: State, theirs: NDArray[np.bool_] | None = None
    ) -> State:
        """The state when a step of another player's has been heard: a model that adapts has
        learned from it. hidden is what was made of the steps before; theirs as in `learn`."""
        if not isinstance(self.stepper, Adaptive):
            return state
        return self.stepper.learn(hidden, heard, state, theirs)

    def _fed(self, steps: Steps, clock: list[NDArray[np.uint8]]) -> tuple[State, Steps]:
        """The state before the last of some steps is heard, and that step."""
        state = self.stepper.initial()
        previous = self.encoding.start_step()
        for step, row in zip(steps, clock, strict=True):
            _, state = self.stepper.hear(previous, row, state)
            previous = np.asarray(step, dtype=np.int64)
        return state, previous


def with_struck(recent: tuple[int, ...], messages: Iterable[NoteMessage]) -> tuple[int, ...]:
    """The pitches struck lately, those of some messages among them."""
    struck = tuple(message.pitch for message in messages if message.velocity)
    return (recent + struck)[-RECENT:] if struck else recent
