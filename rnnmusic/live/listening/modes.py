"""Modes: who plays when, and what is done with a note that another player strikes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, Protocol

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.live.listening.keys import Keys, Touch


class Partner(NamedTuple):
    """What a mode may ask of the model.

    answer: (played pitches, at_quarters) -> the pitches it would sound with them. polyphony: how
    many it may sound at once; None: any number.
    """

    answer: Callable[[Sequence[int], float], tuple[int, ...]]
    polyphony: int | None = None


class Turn(NamedTuple):
    """From a time until another the player plays, or rests, unless something is heard."""

    plays: bool
    until_quarters: float


ALWAYS = Turn(True, float("inf"))
NEVER = Turn(False, float("inf"))


class Mode(Protocol):
    """How a player plays together with another; a function of what it hears, without a clock."""

    name: ClassVar[str]
    hears: ClassVar[bool]  # whether the other player's notes go to the model

    def turn(self, at_quarters: float) -> Turn:
        """Whose turn it is from a time on, as far as is known now."""
        ...

    def hear(self, touch: Touch, at_quarters: float, keys: Keys) -> None:
        """Take what the performer did; nothing before `at_quarters` can be changed any more."""
        ...

    def reply(self, touch: Touch, at_quarters: float, partner: Partner) -> list[NoteMessage]:
        """What is to sound at once, beside what the player plays in its turns."""
        ...

    def leave(self, at_quarters: float) -> list[NoteMessage]:
        """The ends of what `reply` has left sounding."""
        ...

    def move(self, by_quarters: float) -> None:
        """Shift what is to come: the clock has jumped."""
        ...


class _Steady:
    """Plays or rests whatever happens, and replies nothing."""

    name: ClassVar[str]
    hears: ClassVar[bool]
    steady: ClassVar[Turn]

    def turn(self, at_quarters: float) -> Turn:
        return self.steady

    def hear(self, touch: Touch, at_quarters: float, keys: Keys) -> None:
        pass

    def reply(self, touch: Touch, at_quarters: float, partner: Partner) -> list[NoteMessage]:
        return []

    def leave(self, at_quarters: float) -> list[NoteMessage]:
        return []

    def move(self, by_quarters: float) -> None:
        pass


class Solo(_Steady):
    """Plays on whatever others do; controllers still work."""

    name = "solo"
    hears = False
    steady = ALWAYS


class Duet(_Steady):
    """Plays all the time and hears every note as it comes: what follows is sampled anew."""

    name = "duet"
    hears = True
    steady = ALWAYS
