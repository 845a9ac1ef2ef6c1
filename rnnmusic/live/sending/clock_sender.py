"""ClockSender: MIDI clock for what hangs on one output."""

from __future__ import annotations

from rnnmusic.live.sending.outlet import Outlet
from rnnmusic.live.timing.beat import BeatClock
from rnnmusic.live.timing.clock_out import ClockTicks


class ClockSender:
    """Hands the clock's messages to an outlet when they are due, as much ahead as it wants.

    Ticks that are late are sent all the same: machines count them.
    """

    def __init__(self, outlet: Outlet, beat: BeatClock) -> None:
        self._outlet, self._beat = outlet, beat
        self._ticks = ClockTicks(beat.anchor()[1])

    @property
    def next_s(self) -> float:
        """When the next message is to be handed over; infinite while the clock stands."""
        return self._due_s(self._ticks.next_quarters) - self._outlet.lead_s

    def send_due(self, now_s: float) -> None:
        """Send what is due by now."""
        while self.next_s <= now_s:
            for beat_quarters, message in self._ticks.take(self._ticks.next_quarters):
                self._outlet.send_raw(message, self._due_s(beat_quarters))

    def stop(self, now_s: float) -> None:
        """The clock stands, until `resume`."""
        for message in self._ticks.stop():
            self._outlet.send_raw(message, now_s)

    def resume(self) -> None:
        """The clock runs, perhaps again: the others continue."""
        self._ticks.resume()

    def jump(self, to_quarters: float, now_s: float) -> None:
        """The clock goes on from elsewhere."""
        for message in self._ticks.jump(to_quarters):
            self._outlet.send_raw(message, now_s)

    def _due_s(self, beat_quarters: float) -> float:
        return self._beat.beat_due_s(beat_quarters)
