"""What every port promises: outputs that take messages with their due times, and inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

#: Called by an input, from its driver's thread: the message, and when it was played in seconds of
#: `time.monotonic`. It must be quick and must not raise.
OnMessage = Callable[[bytes, float], None]


class TimeSource(Protocol):
    """Seconds that only go forward."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...


class OutputPort(Protocol):
    """Takes MIDI messages as bytes, each with the moment at which it is due.

    Messages are handed over in the order in which they are due, by one thread.
    """

    @property
    def name(self) -> str:
        """What to call it before a person."""
        ...

    @property
    def lead_s(self) -> float:
        """How long before it is due a message is to be handed over; 0: when it is due."""
        ...

    @property
    def clock(self) -> TimeSource | None:
        """The clock that due times must be told by (a sound server's frames); None: any that
        runs like `time.monotonic`."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether messages reach anything; False for a while when a device is unplugged."""
        ...

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Learn when the first bar begins, and its tempo, before the first message."""
        ...

    def send(self, message: bytes, time_s: float) -> None:
        """Send one message that is due at `time_s`; DeviceError if the device is gone."""
        ...

    def close(self) -> None:
        """Finish and release it; a second call does nothing. Doesn't end notes on a device."""
        ...


class InputPort(Protocol):
    """Calls back with every message that arrives, for as long as it is kept."""

    @property
    def name(self) -> str:
        """What to call it before a person."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether messages can arrive; False for a while when a device is unplugged."""
        ...

    def close(self) -> None:
        """Release it; a second call does nothing, and no message arrives afterwards."""
        ...
