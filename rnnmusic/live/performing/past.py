"""Where the music stands, as a value, and the ring of places where it stood."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnmusic.encodings.protocol import Steps
from rnnmusic.sampling.stepper import State

if TYPE_CHECKING:
    from rnnmusic.live.performing.flow import Flow
    from rnnmusic.live.performing.looping import Looping

_TIME = attrgetter("time_quarters")


@dataclass(frozen=True)
class Playing:
    """The model's music is played."""


@dataclass(frozen=True)
class Resting:
    """We are silent until a time and hear the others."""

    until_quarters: float


@dataclass(frozen=True)
class Frozen:
    """What sounds goes on sounding, the network stands still."""

    since_quarters: float


PLAYING = Playing()


class Place(NamedTuple):
    """Where the music stands before a step: a value, so that keeping it is being able to return.

    state: what the network remembers before it hears `previous`, the step before. step: the index
    of the frame to come; for an encoding of notes, the sum of the shifts so far. onset_step: the
    last onset of a note (shifts may lag behind it). decoding: where the decoder of our own notes
    stands. take, draw: which numbers the next draw takes. ready_quarters: what lies before it is
    settled. floors: steps before which no note of ours may begin, in the order in which that
    became known. heard: (step, pitch) of the last note of another player that was heard. crowd:
    notes at this moment. is_stuck: the steering leaves nothing to play. fork: where the music
    branched off, if an alternative is being tried.
    """

    flow: Flow
    state: State
    previous: Steps
    step: int
    onset_step: int
    decoding: Any
    take: int
    draw: int
    ready_quarters: float
    recent: tuple[int, ...] = ()
    floors: tuple[int, ...] = ()
    heard: tuple[int, int] = (-(1 << 62), 0)
    crowd: int = 0
    is_stuck: bool = False
    activity: Playing | Resting | Frozen | Looping = PLAYING
    fork: Fork | None = None


class Fork(NamedTuple):
    """A place that was left for an alternative."""

    at_quarters: float
    place: Place


class Moment(NamedTuple):
    """A step that was taken, or an order that was carried out (own and heard are None).

    before: where the music stood. own: the step of ours, None when it was another player's note.
    heard: what the network heard of it. until_step: where the heard note ends (encodings of notes).
    draw: which numbers the draw after it took.
    """

    time_quarters: float
    before: Place
    own: Steps | None = None
    heard: Steps | None = None
    until_step: int = 0
    draw: int = 0


class Past:
    """The moments in time order, back to where they were forgotten."""

    def __init__(self) -> None:
        self._moments: list[Moment] = []

    def __len__(self) -> int:
        return len(self._moments)

    def add(self, moment: Moment) -> None:
        """Take the next moment; times never fall."""
        self._moments.append(moment)

    def since(self, time_quarters: float) -> list[Moment]:
        """The moments at or after a time."""
        return self._moments[bisect_left(self._moments, time_quarters, key=_TIME) :]

    def first_step(self, time_quarters: float) -> Moment | None:
        """The first step (not order) at or after a time; None if there is none."""
        first = bisect_left(self._moments, time_quarters, key=_TIME)
        for index in range(first, len(self._moments)):
            if self._moments[index].heard is not None:
                return self._moments[index]
        return None

    def backwards(self) -> Iterator[Moment]:
        """The moments, the latest first."""
        yield from reversed(self._moments)

    def cut(self, time_quarters: float) -> Place | None:
        """Forget what lies at or after a time; the place before it, None if nothing does."""
        first = bisect_left(self._moments, time_quarters, key=_TIME)
        if first == len(self._moments):
            return None
        place = self._moments[first].before
        del self._moments[first:]
        return place

    @property
    def begin_quarters(self) -> float:
        """The time of the oldest moment, infinite without any."""
        return self._moments[0].time_quarters if self._moments else float("inf")

    def forget(self, before_quarters: float) -> None:
        """Drop what is older."""
        del self._moments[: bisect_left(self._moments, before_quarters, key=_TIME)]
