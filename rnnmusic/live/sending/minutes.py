"""Minutes: what the recording is told of what was sent, left out and heard."""

from __future__ import annotations

from collections.abc import Iterable

from rnnmusic.live.plan import Planned
from rnnmusic.live.session.writer import SessionWriter


class Minutes:
    """Tells a recorder, if there is one; of outputs that only double another it tells nothing."""

    def __init__(self, recorder: SessionWriter | None, doubles: Iterable[int]) -> None:
        self._recorder, self._doubles = recorder, frozenset(doubles)

    def sent(self, time_s: float, planned: Planned, due_s: float) -> None:
        """A planned message was handed to its port, or its ledger had no use for it."""
        quarters, message, _, port = planned
        if self._recorder is not None and port not in self._doubles:
            self._recorder.sent(time_s, message, due_s=due_s, time_quarters=quarters, port=port)

    def sent_besides(self, time_s: float, message: bytes, port: int, due_s: float) -> None:
        """A message was sent that nobody had planned, such as what silences a port."""
        if self._recorder is not None and port not in self._doubles:
            self._recorder.sent(time_s, message, due_s=due_s, port=port)

    def dropped(self, time_s: float, planned: Planned, due_s: float, why: str = "late") -> None:
        """A planned message was left out."""
        quarters, message, _, port = planned
        if self._recorder is not None and port not in self._doubles:
            self._recorder.dropped(
                time_s, message, due_s=due_s, time_quarters=quarters, port=port, why=why
            )

    def heard(self, time_s: float, quarters: float, message: bytes, port: int) -> None:
        """A message came in from another player."""
        if self._recorder is not None:
            self._recorder.heard(time_s, message, time_quarters=quarters, port=port)

    def end(self, time_s: float, end_quarters: float, left: Iterable[Planned]) -> None:
        """The performance is over; `left` was planned, and what of it lies before the end is noted
        as left out."""
        for planned in left:
            if planned.time_quarters < end_quarters:
                self.dropped(time_s, planned, time_s, "stopped")
        if self._recorder is not None:
            self._recorder.end(time_s, end_quarters)
