"""The machine's time, and a flag to stop by."""

from __future__ import annotations

import time


class Stop:
    """A flag that ends something; any thread and any signal handler may set it.

    It holds no lock, unlike threading.Event: a handler that runs while the same thread waits for
    an Event can lock itself out for ever.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Ask for the end."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether the end was asked for."""
        return self._is_set


class MonotonicClock:
    """The machine's monotonic clock, which no daylight saving and no time server moves.

    All processes of a machine share it.
    """

    def now(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()
