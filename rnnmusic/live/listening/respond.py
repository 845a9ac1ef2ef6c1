"""Respond: call and response. The performer plays a phrase, then the model answers it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.errors import UsageError
from rnnmusic.live.listening.keys import Keys, Touch
from rnnmusic.live.listening.modes import Partner, Turn

#: Hands are early and late by this much: a phrase that ends so shortly after a bar line, or
#: begins so shortly before one, begins or ends on it.
GRACE_QUARTERS = 0.25
ROUNDING = 1e-6  # of times computed from seconds
UNITS = ("bar", "beat")
INTERRUPTIONS = ("stop", "continue")


@dataclass(frozen=True)
class PhraseSettings:
    """When a phrase ends, and how it is answered.

    silence_quarters: a phrase has ended when no key has been down for so long. phrase_bars: it
    ends so many bars after the bar line it began at instead (None: by silence). answer_bars: how
    long we answer (None: as long as the phrase was). unit: answers begin at a "bar" line or on a
    "beat", and last for whole ones. when_interrupted: what we do when the performer plays into
    our answer, "stop" at the next beat and listen, or "continue".
    """

    silence_quarters: float = 1.5
    phrase_bars: int | None = None
    answer_bars: int | None = None
    unit: str = "bar"
    when_interrupted: str = "stop"

    def __post_init__(self) -> None:
        if not 0.0 < self.silence_quarters <= 64.0:
            raise UsageError(
                f"A phrase can't end after {self.silence_quarters:g} quarters of silence; "
                "give more than 0 and at most 64."
            )
        for name, bars in (("phrase", self.phrase_bars), ("answer", self.answer_bars)):
            if bars is not None and not 1 <= bars <= 64:
                raise UsageError(f"The {name} can't last {bars} bars; give 1 to 64.")
        if self.unit not in UNITS:
            raise UsageError(f"Answers begin at a bar or a beat, not at {self.unit!r}.")
        if self.when_interrupted not in INTERRUPTIONS:
            raise UsageError(
                f"An interrupted answer can stop or continue, not {self.when_interrupted!r}."
            )


class Answering(NamedTuple):
    """From when until when we answer."""

    begin_quarters: float
    end_quarters: float

    def moved(self, by_quarters: float) -> Answering:
        """The same, later."""
        return Answering(self.begin_quarters + by_quarters, self.end_quarters + by_quarters)


class Respond:
    """Rests and listens while the performer plays, then answers.

    A phrase is made of struck keys and drums; it is over when no key is down and silence has
    lasted, whatever the pedal does. The answer is planned as soon as it is known when it would
    begin, and taken back when the performer plays on before that.
    """

    name: ClassVar[str] = "respond"
    hears: ClassVar[bool] = True

    def __init__(self, settings: PhraseSettings, quarters_per_bar: float) -> None:
        self._settings = settings
        self._bar = quarters_per_bar
        self._unit = quarters_per_bar if settings.unit == "bar" else 1.0
        self._began: float | None = None  # the phrase that isn't answered yet
        self._coming: Answering | None = None  # to that phrase, if nothing more is played
        self._current: Answering | None = None  # the latest that has begun

    def turn(self, at_quarters: float) -> Turn:
        """We play in our answers, and rest between them."""
        for answer in (self._current, self._coming):
            if answer is not None and at_quarters < answer.begin_quarters:
                return Turn(False, answer.begin_quarters)
            if answer is not None and at_quarters < answer.end_quarters:
                return Turn(True, answer.end_quarters)
        return Turn(False, math.inf)

    def hear(self, touch: Touch, at_quarters: float, keys: Keys) -> None:
        """Begin, lengthen or end a phrase, and plan its answer."""
        if not (touch.begins or touch.lets_go):
            return
        if self._coming is not None and self._coming.begin_quarters <= at_quarters:
            self._current, self._coming, self._began = self._coming, None, None
        is_answering = self._current is not None and at_quarters < self._current.end_quarters
        if is_answering and self._settings.when_interrupted == "continue":
            return
        if self._began is None and not touch.begins:
            return
        if self._current is not None and is_answering:
            stop = min(_up(at_quarters, 1.0), self._current.end_quarters)
            self._current = self._current._replace(end_quarters=stop)
        if self._began is None:
            self._began = touch.time_quarters
        if self._settings.phrase_bars is not None:
            line = _down(self._began + GRACE_QUARTERS, self._bar)
            end = line + self._settings.phrase_bars * self._bar
            self._coming = self._answer(end, line, end, at_quarters)
        elif keys.is_down:
            self._coming = None
        else:
            last = touch.time_quarters
            begin = _down(self._began + GRACE_QUARTERS, self._unit)
            self._coming = self._answer(
                last + self._settings.silence_quarters,
                begin,
                max(_up(last - GRACE_QUARTERS, self._unit), begin + self._unit),
                at_quarters,
            )

    def reply(self, touch: Touch, at_quarters: float, partner: Partner) -> list[NoteMessage]:
        """Nothing: answers are played in turn."""
        return []

    def leave(self, at_quarters: float) -> list[NoteMessage]:
        """Nothing."""
        return []

    def move(self, by_quarters: float) -> None:
        """Shift the phrase and its answer."""
        if self._began is not None:
            self._began += by_quarters
        self._coming = self._coming and self._coming.moved(by_quarters)
        self._current = self._current and self._current.moved(by_quarters)

    def _answer(self, after: float, began: float, ended: float, at_quarters: float) -> Answering:
        """The answer to a phrase, from the first bar line or beat after it is over."""
        begin = _up(max(after, at_quarters), self._unit)
        bars = self._settings.answer_bars
        return Answering(begin, begin + (ended - began if bars is None else bars * self._bar))


def _up(quarters: float, unit: float) -> float:
    return math.ceil(quarters / unit - ROUNDING) * unit


def _down(quarters: float, unit: float) -> float:
    return math.floor(quarters / unit + ROUNDING) * unit
