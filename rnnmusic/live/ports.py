"""Where a performance goes: the `Port` protocol, ports in memory and on devices, their names."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from rnnmusic.errors import DeviceError
from rnnmusic.live.drivers import Driver, NativeOutput, working_drivers
from rnnmusic.live.file_port import FilePort

VIRTUAL = "virtual"
#: Closing a device can hang in its driver; a performance ends all the same.
CLOSE_TIMEOUT_S = 2.0


class Port(Protocol):
    """Takes MIDI messages as bytes. Times are seconds of the performance's clock.

    `send` is told when a message is due; a port that can't schedule sends it at once, which is
    right because players call it when the time has come.
    """

    @property
    def name(self) -> str:
        """What to call it before a person."""
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


class MemoryPort:
    """Keeps what it is sent: for tests, also yours, and for a rehearsal without sound.

    messages: (time_s, message) in the order of arrival; start_s and tempo_bpm as `begin` had them.
    """

    name = "memory"

    def __init__(self) -> None:
        self.messages: list[tuple[float, bytes]] = []
        self.start_s = 0.0
        self.tempo_bpm = 120.0
        self.is_closed = False

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Remember the start and the tempo."""
        self.start_s, self.tempo_bpm = start_s, tempo_bpm

    def send(self, message: bytes, time_s: float) -> None:
        """Keep a message."""
        self.messages.append((time_s, bytes(message)))

    def close(self) -> None:
        """Remember that it was closed."""
        self.is_closed = True


class DevicePort:
    """A port of the system: a synthesiser, another program, or a virtual port others connect to."""

    def __init__(self, name: str, output: NativeOutput) -> None:
        self.name = name
        self._output: NativeOutput | None = output

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Nothing to prepare: messages leave at once."""

    def send(self, message: bytes, time_s: float) -> None:
        """Send now."""
        if self._output is None:
            raise DeviceError(f"The MIDI port {self.name!r} is closed; open it again to play.")
        try:
            self._output.send(message)
        except Exception as error:  # the bindings raise whatever their driver made of it
            raise DeviceError(
                f"The MIDI port {self.name!r} refused a message ({error}); "
                "check that it is still connected."
            ) from error

    def close(self) -> None:
        """Close it, for at most two seconds: after that it is left to the end of the process."""
        output, self._output = self._output, None
        if output is None:
            return

        def close() -> None:
            with suppress(Exception):  # there is nothing left to save
                output.close()

        closer = threading.Thread(target=close, name="close MIDI port", daemon=True)
        closer.start()
        closer.join(CLOSE_TIMEOUT_S)


class PortName(NamedTuple):
    """A port that could be opened, and the driver that offers it."""

    name: str
    driver: str


class PortList(NamedTuple):
    """The ports of this machine. drivers: those that answered, ports or no ports."""

    inputs: tuple[PortName, ...]
    outputs: tuple[PortName, ...]
    drivers: tuple[str, ...]


def list_ports(drivers: Sequence[Driver] | None = None) -> PortList:
    """The MIDI inputs and outputs of this machine; DeviceError if it has no MIDI driver at all."""
    found = working_drivers() if drivers is None else drivers
    return PortList(
        tuple(PortName(name, driver.name) for driver in found for name in driver.inputs()),
        tuple(PortName(name, driver.name) for driver in found for name in driver.outputs()),
        tuple(driver.name for driver in found),
    )


def open_output(spec: str, drivers: Sequence[Driver] | None = None) -> Port:
    """Open the output that `spec` names.

    - `memory`: a `MemoryPort`.
    - `SOMETHING.mid` (or `.midi`): a `FilePort` that becomes this file when closed.
    - `virtual` or `virtual:NAME`: a new port NAME (else "out") of a client "rnnmusic", which
      other programs connect to. Windows has none.
    - anything else: the first output with that name, or else the first that contains it, either
      without regard to case, in the order of `list_ports`. Nothing is made up for a name that
      isn't there: a slip of the pen shouldn't play to nobody.

    DeviceError when there is no driver or no such port; InputError when a file can't be written.
    """
    if spec == "memory":
        return MemoryPort()
    if spec.lower().endswith((".mid", ".midi")):
        return FilePort(spec)
    found = working_drivers() if drivers is None else drivers
    kind, _, virtual_name = spec.partition(":")
    if kind == VIRTUAL:
        return _open_virtual(virtual_name or "out", found)
    return _open_existing(spec, found)


def _open_virtual(name: str, drivers: Sequence[Driver]) -> DevicePort:
    for driver in drivers:
        if driver.has_virtual:
            return DevicePort(name, driver.open_virtual(name))
    raise DeviceError(
        f"This system has no virtual MIDI ports for {name!r}; on Windows create one with loopMIDI "
        "and give its name."
    )


def _open_existing(spec: str, drivers: Sequence[Driver]) -> DevicePort:
    outputs = [(name, driver) for driver in drivers for name in driver.outputs()]
    wanted = spec.casefold()
    same = [item for item in outputs if item[0].casefold() == wanted]
    alike = [item for item in outputs if wanted in item[0].casefold()]
    for name, driver in (same + alike)[:1]:
        return DevicePort(name, driver.open(name))
    have = "; ".join(repr(name) for name, _ in outputs) or "none"
    raise DeviceError(
        f"No MIDI output contains {spec!r} (outputs: {have}); give one of them, "
        f"{VIRTUAL}:NAME for a new port, or NAME.mid for a file."
    )
