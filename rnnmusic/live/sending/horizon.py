"""Horizon: until when the sender knows what to play, and whether the sampler keeps ahead of it."""

from __future__ import annotations

import math

from rnnmusic.live.exchange.shared import Board
from rnnmusic.live.timing.beat import BeatClock


class Horizon:
    """What is settled ends where planning has got to, where the sampler holds the future, or where
    a jump of the clock waits for its answer.

    stall_s: how long nothing may be settled before the sampler counts as fallen behind.
    """

    def __init__(self, board: Board, beat: BeatClock, stall_s: float) -> None:
        self._board, self._beat, self._patience_s = board, beat, stall_s
        self._ready = -math.inf
        self._frozen_from = math.inf
        self._is_stalled = False

    def settle(self, until_quarters: float) -> None:
        """All that lies before has been planned."""
        self._ready = self._board.ready_quarters = until_quarters

    def retract(self, from_quarters: float) -> None:
        """What lies at or after a moment isn't planned any more."""
        self.settle(min(self._ready, from_quarters))

    def freeze(self, from_quarters: float) -> None:
        """Keep back what lies at or after a moment until `thaw`."""
        self._frozen_from = min(self._frozen_from, from_quarters)

    def thaw(self) -> None:
        """The jump has been answered."""
        self._frozen_from = math.inf

    def is_frozen(self, quarters: float) -> bool:
        """Whether a moment is kept back."""
        return quarters >= self._frozen_from

    def is_ahead_of(self, time_s: float) -> bool:
        """Whether it has been planned what to play then."""
        return self._ready > self._beat.quarters_at(time_s)

    @property
    def stall_s(self) -> float:
        """When what sounds will have to be ended, if the sampler doesn't plan on."""
        return math.inf if self._is_stalled else self._settled_s + self._patience_s

    def has_stalled(self, now_s: float) -> bool | None:
        """True when the sampler has just fallen behind, False when it has just caught up."""
        if not self._is_stalled and self.stall_s <= now_s:
            self._is_stalled = True
            return True
        if self._is_stalled and self._settled_s > now_s:
            self._is_stalled = False
            return False
        return None

    @property
    def _settled_s(self) -> float:
        settled = min(self._ready, self._board.hold_quarters, self._frozen_from)
        return self._beat.due_s(settled)
