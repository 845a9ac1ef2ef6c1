"""Tally: what a sender has done so far, in numbers."""

from __future__ import annotations

from typing import Any

from rnnmusic.live.exchange.shared import COUNTERS, Board
from rnnmusic.live.sending.lateness import Lateness


class Tally:
    """Counts of a performance, and how late its messages were handed over.

    messages: sent to ports, of any kind. notes: begun. dropped: notes left out because late.
    stalls: how often the sampler fell behind. unheard: what was heard but found no room on its
    way to the sampler.
    """

    def __init__(self) -> None:
        self.lateness = Lateness()
        self.messages = self.notes = self.dropped = self.stalls = self.unheard = 0

    def publish(self, board: Board) -> None:
        """Write the board's counters."""
        for name in COUNTERS:
            board.count(name, getattr(self, name))

    def result(self) -> dict[str, Any]:
        """All of it, lateness in microseconds."""
        late = self.lateness
        return {
            **{name: getattr(self, name) for name in (*COUNTERS, "unheard")},
            "lateness_p50_us": round(late.quantile_s(0.5) * 1e6, 1),
            "lateness_p99_us": round(late.quantile_s(0.99) * 1e6, 1),
            "lateness_max_us": round(late.max_s * 1e6, 1),
        }
