"""Stage: the performer as a mode lets it play, and what the sender gets of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.live.directing.outgoing import Outgoing
from rnnmusic.live.listening.modes import ALWAYS, Mode, Turn
from rnnmusic.live.performing.performer import Performer


class Stage:
    """Keeps performer and outgoing messages in step: what one takes back the other forgets."""

    def __init__(
        self, performer: Performer, outgoing: Outgoing, mode: Mode, end_quarters: float
    ) -> None:
        self.performer, self.outgoing = performer, outgoing
        self.end_quarters = end_quarters
        self._mode = mode
        self._turns = [(0.0, ALWAYS)]  # as the performer was told, each with its begin
        self.take_turns(0.0)

    @property
    def mode(self) -> Mode:
        """How it plays together with others."""
        return self._mode

    @property
    def settled_quarters(self) -> float:
        """What lies before is planned; no further than the end."""
        return min(self.performer.ready_quarters, self.end_quarters)

    def extend(self, until_quarters: float) -> None:
        """Settle everything before a time, or before the end."""
        until = min(until_quarters, self.end_quarters)
        notes = self.performer.extend(until)
        self.outgoing.play(notes, self.performer.steering.loudness)

    def revise(self, at_quarters: float) -> None:
        """Sample anew from a time on."""
        self.outgoing.cut(at_quarters)
        self.performer.revise(at_quarters)

    def amend(self, notes: Sequence[NoteMessage], at_quarters: float) -> None:
        """Let the model hear notes, and sample anew from a time on."""
        self.outgoing.cut(at_quarters)
        self.performer.amend(notes, at_quarters)

    def order(self, at_quarters: float, give: Callable[[float], None]) -> None:
        """Give the performer an order for a time; where it has to rest then, it still does."""
        give(at_quarters)
        turn = self._mode.turn(at_quarters)
        if not turn.plays:
            self.performer.rest(at_quarters, turn.until_quarters)
        self.outgoing.cut(at_quarters)

    def change_mode(self, mode: Mode, at_quarters: float) -> None:
        """Play together with others in another way from a time on."""
        self._mode = mode
        self.take_turns(at_quarters)

    def take_turns(self, at_quarters: float) -> None:
        """Tell the performer when to play and when to rest from a time on, if that has changed.

        A change also ends its loops, and its standing still.
        """
        turns = _turns(self._mode, at_quarters)
        if turns == _from(self._turns, at_quarters):
            return
        self._turns = turns
        self.performer.resume(at_quarters)
        for begin, turn in turns:
            if not turn.plays:
                self.performer.rest(begin, turn.until_quarters)
        self.outgoing.cut(at_quarters)

    def jump(self, at_quarters: float, to_quarters: float) -> None:
        """Play from a later time on what would have come at a time; the end moves with it."""
        self.performer.jump(at_quarters, to_quarters)
        self.outgoing.cut(at_quarters)
        by_quarters = to_quarters - at_quarters
        self._mode.move(by_quarters)
        self.end_quarters += by_quarters
        self.take_turns(to_quarters)


def _turns(mode: Mode, at_quarters: float) -> list[tuple[float, Turn]]:
    """The turns from a time on, each with its begin."""
    turns = []
    while at_quarters < math.inf:
        turn = mode.turn(at_quarters)
        turns.append((at_quarters, turn))
        at_quarters = turn.until_quarters
    return turns


def _from(turns: list[tuple[float, Turn]], at_quarters: float) -> list[tuple[float, Turn]]:
    """What is left of turns from a time on."""
    return [(max(t, at_quarters), turn) for t, turn in turns if turn.until_quarters > at_quarters]
