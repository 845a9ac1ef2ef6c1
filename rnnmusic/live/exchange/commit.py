"""The sampler's half of the commit window: what can still be changed, and how it is changed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from rnnmusic.live.exchange.ring import Ring
from rnnmusic.live.exchange.shared import Board
from rnnmusic.live.exchange.wire import ClockChange, End, Moved, Ready, Record, Retract, encode
from rnnmusic.live.plan import Plan

#: How long a change may take from choosing its boundary to being in the ring.
MARGIN_S = 0.002
#: How often a full ring is tried again.
_RETRY_S = 0.001


class CommitWindow:
    """Holds the sender at a boundary while a plan is made, and hands plans over.

    board, ring: shared with the sender. wake(): tells the sender to look into the ring.
    sleep(seconds): waits for the sender to make room in a full ring.
    """

    def __init__(
        self,
        board: Board,
        ring: Ring,
        wake: Callable[[], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._board, self._ring, self._wake, self._sleep = board, ring, wake, sleep

    def hold(self, now_s: float, margin_s: float = MARGIN_S, earliest: float = -math.inf) -> float:
        """Choose the moment from which on everything can be changed, and hold the sender there.

        now_s: time of the monotonic clock. earliest: no moment before this one, in quarters. What
        lies before the returned moment will be heard as it was planned. End it with `commit`.
        """
        board = self._board
        boundary = max(earliest, board.quarters_at(now_s + board.lead_s + margin_s))
        while (sent := board.hold(boundary)) >= boundary:
            boundary = math.nextafter(sent, math.inf)
        return boundary

    def commit(self, plan: Plan, answers: Moved | None = None) -> None:
        """Hand a plan to the sender, whole, and end the hold if there is one.

        answers: the jump of the clock that this plan takes account of; from here on the sender
        plays again.
        """
        if plan.retract_quarters is not None:
            self._push(Retract(plan.retract_quarters))
        for name, value in plan.clock:
            self._push(ClockChange(name, value))
        for planned in plan.messages:
            self._push(planned)
        self._push(Ready(plan.ready_quarters))
        if answers is not None:
            self._push(answers)
        self._board.lift()
        self._wake()

    def end(self, at_quarters: float) -> None:
        """Tell the sender when the performance is over."""
        self._push(End(at_quarters))
        self._wake()

    def _push(self, record: Record) -> None:
        data = encode(record)
        while not self._ring.push(data):
            if self._board.is_stopping:
                return
            self._wake()
            self._sleep(_RETRY_S)
