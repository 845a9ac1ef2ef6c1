"""Replaying a session: the recorded events through a fresh director, and was it the same?"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rnnmusic.live.events import Event
from rnnmusic.live.messages import is_note_on
from rnnmusic.live.plan import Plan, Planned
from rnnmusic.live.session.reading import Session


class Handles(Protocol):
    """What replaying needs of a director."""

    def handle(self, event: Event) -> Plan:
        """What an event changes in what is planned."""
        ...


@dataclass(frozen=True)
class Comparison:
    """A replay beside what was sent.

    same: messages that both have. dropped: those that were planned but came too late to be sent.
    until_quarters: what lies beyond was not compared. difference: a sentence about the first
    message that only one of them has; None if there is none.
    """

    same: int
    dropped: int
    until_quarters: float
    difference: str | None


def replay(session: Session, make_director: Callable[[dict[str, Any]], Handles]) -> list[Planned]:
    """Every message that was planned before `session.until_quarters` and not taken back, in order.

    make_director: a fresh director from the session's settings. Its plans are a function of them
    and of the events alone, so the messages are those of the performance to the bit, however fast
    the machine was then or is now. They include those that came too late to be sent.
    """
    director = make_director(session.settings)
    agenda: list[Planned] = []
    for event in session.events:
        plan = director.handle(event)
        if plan.retract_quarters is not None:
            del agenda[bisect_left(agenda, plan.retract_quarters, key=lambda m: m.time_quarters) :]
        for message in plan.messages:
            insort(agenda, message, key=_place)
    return [message for message in agenda if message.time_quarters < session.until_quarters]


def performed(session: Session) -> list[Planned]:
    """The planned messages that were sent before `session.until_quarters`, in order."""
    return _recorded(session, were_sent=True)


def without_dropped(session: Session, replayed: Iterable[Planned]) -> list[Planned]:
    """A replay less the messages that came too late in the performance."""
    dropped = _counted(_recorded(session, were_sent=False))
    kept = []
    for message in replayed:
        if dropped[_key(message)] > 0:
            dropped[_key(message)] -= 1
        else:
            kept.append(message)
    return kept


def verify(session: Session, replayed: Sequence[Planned]) -> Comparison:
    """Compare what `replay` gave with what was sent, up to `session.until_quarters`."""
    here = _counted(without_dropped(session, replayed))
    there = _counted(performed(session))
    only_here, only_there = here - there, there - here
    difference = None
    if only_here or only_there:
        first = min([*only_here, *only_there])
        who, other = ("replay", "performance") if first in only_here else ("performance", "replay")
        time_quarters, port, message = first
        difference = (
            f"At quarter {time_quarters:g} the {who} has the message {message.hex(' ')} on port "
            f"{port}, which the {other} has not."
        )
    return Comparison(
        same=(here & there).total(),
        dropped=len(_recorded(session, were_sent=False)),
        until_quarters=session.until_quarters,
        difference=difference,
    )


def _recorded(session: Session, *, were_sent: bool) -> list[Planned]:
    messages = [
        Planned(entry.time_quarters, entry.message, port=entry.port)
        for entry in session.sent
        if entry.time_quarters is not None
        and entry.time_quarters < session.until_quarters
        and (entry.dropped is None) == were_sent
    ]
    return sorted(messages, key=_place)


def _place(message: Planned) -> tuple[float, int, bool, bytes]:
    """Order in the score: at one moment of a port notes end before others begin."""
    return message.time_quarters, message.port, is_note_on(message.message), message.message


def _key(message: Planned) -> tuple[float, int, bytes]:
    return message.time_quarters, message.port, message.message


def _counted(messages: Iterable[Planned]) -> Counter[tuple[float, int, bytes]]:
    return Counter(_key(message) for message in messages)
