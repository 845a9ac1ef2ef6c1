"""The MIDI systems of this machine behind one small protocol, and which of them answer."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from rnnmusic.errors import DeviceError
from rnnmusic.live.ports.protocol import InputPort, OnMessage, OutputPort


class Driver(Protocol):
    """One MIDI system that answers on this machine.

    Opening raises DeviceError with one sentence. Names are asked for again and again while a
    performance runs, so a driver keeps what it needs for that until it is closed.
    """

    @property
    def name(self) -> str:
        """What to call it before a person."""
        ...

    @property
    def has_virtual(self) -> bool:
        """Whether it can create ports."""
        ...

    def inputs(self) -> list[str]:
        """Names of the ports that can be listened to."""
        ...

    def outputs(self) -> list[str]:
        """Names of the ports that can be played to."""
        ...

    def open_output(self, name: str) -> OutputPort:
        """Open an output by its full name."""
        ...

    def open_input(self, name: str, on_message: OnMessage, hears_clock: bool) -> InputPort:
        """Open an input by its full name; without hears_clock, timing clocks are left out."""
        ...

    def virtual_output(self, name: str) -> OutputPort:
        """Create an output that other programs connect to."""
        ...

    def virtual_input(self, name: str, on_message: OnMessage, hears_clock: bool) -> InputPort:
        """Create an input that other programs connect to."""
        ...

    def close(self) -> None:
        """Stop asking for names; ports that are open stay so."""
        ...


def working_drivers() -> list[Driver]:
    """The drivers that answer, the system's own first; DeviceError if there are none."""
    from rnnmusic.live.ports.jack_driver import jack_driver
    from rnnmusic.live.ports.rtmidi_driver import rtmidi_drivers

    jack: list[Driver] = []
    with suppress(DeviceError):  # the system's own may do
        jack.append(jack_driver())
    try:
        return [*rtmidi_drivers(with_jack=not jack), *jack]
    except DeviceError:
        if jack:
            return jack
        raise
