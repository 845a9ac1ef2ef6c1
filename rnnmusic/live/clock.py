"""Time in a performance: clocks that can be replaced, deadlines that don't drift, and stopping."""

from __future__ import annotations

import time
from typing import Protocol

#: Longest uninterrupted sleep, hence the longest a wish to stop goes unnoticed.
SLICE_S = 0.02


class Stop:
    """A flag that ends a performance; any thread and any signal handler may set it.

    It holds no lock, unlike threading.Event: a handler that runs while the same thread waits for
    an Event can lock itself out for ever.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Ask the performance to end."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether the performance is to end."""
        return self._is_set


class Clock(Protocol):
    """Seconds that only go forward, and a way to wait for them."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def wait_until(self, time_s: float, stop: Stop) -> None:
        """Return when `time_s` has come, or a little after `stop` is set."""
        ...


class MonotonicClock:
    """The machine's monotonic clock, which no daylight saving and no time server moves."""

    def now(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    def wait_until(self, time_s: float, stop: Stop) -> None:
        """Sleep until `time_s`; wakes every 20 ms to look at `stop`."""
        while not stop.is_set():
            left_s = time_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(left_s, SLICE_S))


class SimulatedClock:
    """A clock that jumps to whatever is waited for: an hour of music in as long as it takes."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now(self) -> float:
        """Seconds, moved only by `wait_until` and `advance`."""
        return self._now_s

    def wait_until(self, time_s: float, stop: Stop) -> None:
        """Jump to `time_s`, unless it is past or `stop` is set."""
        if not stop.is_set():
            self._now_s = max(self._now_s, time_s)

    def advance(self, seconds: float) -> None:
        """Let time pass, as slow work would."""
        self._now_s += seconds


class BeatClock:
    """When each moment of the music is due: one product from the start, so nothing accumulates.

    Quarter `q` is due at `start_s + q * 60 / tempo_bpm`; `delay` moves all that is still to come.
    """

    def __init__(self, start_s: float, tempo_bpm: float) -> None:
        self.start_s = start_s
        self.tempo_bpm = tempo_bpm

    def due_s(self, time_quarters: float) -> float:
        """Clock time in seconds at which a moment of the music is due."""
        return self.start_s + time_quarters * 60.0 / self.tempo_bpm

    def delay(self, seconds: float) -> None:
        """Put off everything from now on, as a player does who waits for a slow partner."""
        self.start_s += seconds
