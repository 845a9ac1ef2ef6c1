"""Opening what a performer names, and listing what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from rnnmusic.errors import DeviceError, UsageError
from rnnmusic.live.ports.drivers import Driver, working_drivers
from rnnmusic.live.ports.file import FilePort, WavPort
from rnnmusic.live.ports.jack_driver import jack_driver
from rnnmusic.live.ports.memory import MemoryInput, MemoryPort
from rnnmusic.live.ports.naming import meant
from rnnmusic.live.ports.plugged import PluggedInput, PluggedOutput
from rnnmusic.live.ports.protocol import InputPort, OnMessage, OutputPort
from rnnmusic.live.ports.tcp import LOCAL, TcpInput, TcpOutput, parse_address

MEMORY, VIRTUAL, JACK, TCP, SYNTH = "memory", "virtual", "jack", "tcp", "synth"
MIDI_FILES, SOUND_FILES = (".mid", ".midi"), (".wav",)


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
    try:
        return PortList(
            tuple(PortName(name, driver.name) for driver in found for name in driver.inputs()),
            tuple(PortName(name, driver.name) for driver in found for name in driver.outputs()),
            tuple(driver.name for driver in found),
        )
    finally:
        _close_all(found)


def open_output(spec: str, drivers: Sequence[Driver] | None = None) -> OutputPort:
    """Open the output that `spec` names.

    - `memory`: a `MemoryPort`.
    - `SOMETHING.mid` (or `.midi`), `SOMETHING.wav`: becomes this file when closed.
    - `synth` or `synth:DEVICE`: the built-in synthesiser on a sound card.
    - `tcp:HOST:PORT`: a program that listens there, such as one with mido.sockets.
    - `virtual` or `virtual:NAME`: a new port NAME (else "out") of a client "rnnmusic", which
      other programs connect to. Windows has none.
    - `jack` or `jack:NAME`: as `virtual`, or as a name below, but in JACK only.
    - anything else: the first output with that name, or else the first that contains it, either
      without regard to case, in the order of `list_ports`. Nothing is made up for a name that
      isn't there: a slip of the pen shouldn't play to nobody.

    Devices and connections come back by themselves when they return (see `PluggedOutput`).
    UsageError for a spec that makes no sense, DeviceError when there is no driver or no such
    port, InputError when a file can't be written.
    """
    kind, _, name = spec.partition(":")
    if spec == MEMORY:
        return MemoryPort()
    if spec.lower().endswith(MIDI_FILES):
        return FilePort(spec)
    if spec.lower().endswith(SOUND_FILES):
        return WavPort(spec)
    if kind == SYNTH:
        from rnnmusic.live.ports.synth import SynthPort

        return SynthPort(name or None)
    if kind == TCP:
        host, number = parse_address(spec, None)
        return PluggedOutput(spec, lambda _: TcpOutput(host, number), lambda: [spec])
    device = _device(spec, drivers, "output")
    open_port = device.driver.virtual_output if device.is_new else device.driver.open_output
    with _closing_on_error(device.driver):
        return PluggedOutput(device.name, open_port, device.names, device.driver.close)


def open_input(
    spec: str,
    on_message: OnMessage,
    drivers: Sequence[Driver] | None = None,
    *,
    hears_clock: bool = False,
) -> InputPort:
    """Open the input that `spec` names, and call `on_message` with every message.

    - `memory`: a `MemoryInput`, played by calling it.
    - `tcp:PORT` or `tcp:HOST:PORT`: programs that connect there; PORT alone listens to this
      machine only.
    - `virtual[:NAME]` (else "in"), `jack[:NAME]` or a name, as for `open_output`.

    Timing clocks are passed on with hears_clock; system exclusive messages and active sensing
    never are. Errors as of `open_output`.
    """
    kind = spec.partition(":")[0]
    if spec == MEMORY:
        return MemoryInput(on_message)
    if spec.lower().endswith((*MIDI_FILES, *SOUND_FILES)) or kind == SYNTH:
        raise UsageError(f"{spec!r} can't be listened to; give a MIDI input, or virtual:NAME.")
    if kind == TCP:
        return TcpInput(*parse_address(spec, LOCAL), on_message, hears_clock)
    device = _device(spec, drivers, "input")
    opened = device.driver.virtual_input if device.is_new else device.driver.open_input
    with _closing_on_error(device.driver):
        return PluggedInput(
            device.name,
            lambda name, on_message: opened(name, on_message, hears_clock),
            on_message,
            device.names,
            device.driver.close,
        )


class _Device(NamedTuple):
    """A port to be opened, or created where it is_new."""

    driver: Driver
    name: str
    is_new: bool
    names: Callable[[], list[str]]


def _device(spec: str, drivers: Sequence[Driver] | None, what: str) -> _Device:
    kind, _, name = spec.partition(":")
    is_new = kind == VIRTUAL or spec == JACK
    wanted = name if kind == JACK else spec
    if not is_new and not wanted.strip():  # it would be a part of every name
        raise UsageError(f"Got {spec!r} as the MIDI {what}; give a part of its name.")
    if drivers is not None:
        found = list(drivers)
    elif kind == JACK:
        found = [jack_driver()]
    else:
        found = working_drivers()
    try:
        if is_new:
            device = _new(found, name or what.removesuffix("put"))
        else:
            device = _existing(found, wanted, what)
    except DeviceError:
        _close_all(found)
        raise
    _close_all(driver for driver in found if driver is not device.driver)
    return device


def _new(drivers: Sequence[Driver], name: str) -> _Device:
    for driver in drivers:
        if driver.has_virtual:
            return _Device(driver, name, True, lambda: [name])
    raise DeviceError(
        f"This system has no virtual MIDI ports for {name!r}; on Windows create one with loopMIDI "
        "and give its name."
    )


def _existing(drivers: Sequence[Driver], spec: str, what: str) -> _Device:
    names = {driver: driver.outputs if what == "output" else driver.inputs for driver in drivers}
    ports = [(name, driver) for driver in drivers for name in names[driver]()]
    if match := meant(spec, ports):
        name, driver = match
        return _Device(driver, name, False, names[driver])
    have = "; ".join(repr(name) for name, _ in ports) or "none"
    other = " or NAME.mid for a file" if what == "output" else " or tcp:PORT for the network"
    raise DeviceError(
        f"No MIDI {what} contains {spec!r} ({what}s: {have}); give one of them, "
        f"{VIRTUAL}:NAME for a new port,{other}."
    )


@contextmanager
def _closing_on_error(driver: Driver) -> Iterator[None]:
    try:
        yield
    except DeviceError:
        driver.close()
        raise


def _close_all(drivers: Iterable[Driver]) -> None:
    for driver in drivers:
        driver.close()
