"""Outputs: all ports that are played to, and the MIDI clocks that some of them are sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from rnnmusic.live.ports.protocol import OutputPort
from rnnmusic.live.sending.clock_sender import ClockSender
from rnnmusic.live.sending.outlet import Outlet
from rnnmusic.live.timing.beat import BeatClock


class Outputs:
    """Does for every port, or for every MIDI clock, what the sender wants of all of them.

    on_sent(port, message, due_s), on_change(port, is_alive, text): as `Outlet` says them, with the
    number of the port. lead_s: the least lead of ports that play ahead.
    """

    def __init__(
        self,
        ports: Sequence[OutputPort],
        clock_out: Sequence[int],
        beat: BeatClock,
        on_sent: Callable[[int, bytes, float], None],
        on_change: Callable[[int, bool, str], None],
        lead_s: float = 0.0,
    ) -> None:
        self._outlets = [
            Outlet(port, partial(on_sent, index), partial(on_change, index), lead_s)
            for index, port in enumerate(ports)
        ]
        self._clocks = [ClockSender(self._outlets[port], beat) for port in clock_out]

    def __getitem__(self, port: int) -> Outlet:
        return self._outlets[port]

    @property
    def lead_s(self) -> float:
        """How long before it is due the slowest port is handed a message."""
        return max((outlet.lead_s for outlet in self._outlets), default=0.0)

    @property
    def sounding(self) -> list[tuple[int, int, int]]:
        """(port, channel, pitch) of the keys that are down."""
        return [
            (port, *key)
            for port, outlet in enumerate(self._outlets)
            for key in sorted(outlet.sounding)
        ]

    @property
    def lost(self) -> list[int]:
        """The ports that have gone away."""
        return [port for port, outlet in enumerate(self._outlets) if outlet.is_lost]

    def begin(self, first_s: float, tempo_bpm: float) -> None:
        """Tell every port when the first beat is, and how fast it goes on."""
        for outlet in self._outlets:
            outlet.port.begin(first_s, tempo_bpm)

    def check(self, now_s: float) -> None:
        """Look which ports have gone away or are back."""
        for outlet in self._outlets:
            outlet.check(now_s)

    def release(self, now_s: float) -> None:
        """End what sounds."""
        for outlet in self._outlets:
            outlet.release(now_s)

    def silence(self, now_s: float) -> None:
        """End what sounds, and silence every channel used for good."""
        for outlet in self._outlets:
            outlet.silence(now_s)

    # MIDI clocks.

    @property
    def next_tick_s(self) -> float:
        """When the next tick is to be sent; infinite for never."""
        return min((clock.next_s for clock in self._clocks), default=math.inf)

    def send_ticks(self, now_s: float) -> None:
        """Send the ticks that are due."""
        for clock in self._clocks:
            clock.send_due(now_s)

    def stop_clocks(self, now_s: float) -> None:
        """Tell those that follow us to stop."""
        for clock in self._clocks:
            clock.stop(now_s)

    def resume_clocks(self) -> None:
        """Let those that follow us go on."""
        for clock in self._clocks:
            clock.resume()

    def move_clocks(self, to_quarters: float, now_s: float) -> None:
        """Tell those that follow us that we have jumped."""
        for clock in self._clocks:
            clock.jump(to_quarters, now_s)
