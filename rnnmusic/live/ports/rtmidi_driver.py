"""ALSA, CoreMIDI, Windows MM and, where there is nothing better, JACK: through RtMidi.

python-rtmidi ships wheels up to Python 3.12, rtmidi2 from there on. Both wrap RtMidi, and both
have ends to be rounded off here: RtMidi opens ALSA and gives up where only JACK runs, the native
libraries write to stderr, errors come as SystemError, OSError or RuntimeError, and rtmidi2 brings
a JACK library of its own, which lets the whole process die where it doesn't fit the server.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from rnnmusic.errors import DeviceError
from rnnmusic.live.ports.closing import close_in_time
from rnnmusic.live.ports.drivers import Driver
from rnnmusic.live.ports.protocol import OnMessage
from rnnmusic.live.ports.quiet import quiet
from rnnmusic.live.ports.stamps import Stamps

CLIENT = "rnnmusic"  # what other programs see the ports under
APIS = {
    "API_LINUX_ALSA": "ALSA",
    "API_UNIX_JACK": "JACK",
    "API_MACOSX_CORE": "CoreMIDI",
    "API_WINDOWS_MM": "Windows MM",
}
BY_PLATFORM = {"darwin": ("API_MACOSX_CORE",), "win32": ("API_WINDOWS_MM",)}
ON_LINUX = ("API_LINUX_ALSA", "API_UNIX_JACK")


def rtmidi_drivers(*, with_jack: bool) -> list[Driver]:
    """The APIs of RtMidi that answer, best first; DeviceError with one sentence if none does."""
    # Asking for JACK's ports must not start a server.
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    binding = _binding()
    apis = BY_PLATFORM.get(sys.platform, ON_LINUX)
    found: list[Driver] = []
    for api in apis:
        is_jack = APIS[api] == "JACK"
        if is_jack and (not with_jack or _is_rtmidi2(binding)):
            continue
        driver = RtMidiDriver(binding, api)
        try:
            with quiet():
                driver.outputs()
        except Exception:  # SystemError, OSError, RuntimeError: it isn't there
            driver.close()
        else:
            found.append(driver)
    if not found:
        tried = " or ".join(APIS[api] for api in apis)
        raise DeviceError(
            f"No MIDI driver answers on this machine (tried {tried}); "
            "start one, or play to memory or to a file such as out.mid."
        )
    return found


class RtMidiDriver:
    """One API of python-rtmidi or of rtmidi2, which differ in a handful of names."""

    def __init__(self, binding: ModuleType, api: str) -> None:
        self.name = APIS[api]
        self.has_virtual = api != "API_WINDOWS_MM"
        self._binding = binding
        self._api = getattr(binding, api)
        # One client of each kind lists the names for good: making one a second would disturb
        # what plays, and JACK most.
        self._listing: dict[str, Any] = {}

    def inputs(self) -> list[str]:
        """Names of the ports that can be listened to."""
        return self._names("MidiIn")

    def outputs(self) -> list[str]:
        """Names of the ports that can be played to."""
        return self._names("MidiOut")

    def open_output(self, name: str) -> RtMidiOutput:
        """Open an output by its full name."""
        return RtMidiOutput(name, self._opened("MidiOut", name, _open_port(name)))

    def virtual_output(self, name: str) -> RtMidiOutput:
        """Create an output that other programs connect to."""
        return RtMidiOutput(name, self._opened("MidiOut", name, _open_virtual(name)))

    def open_input(self, name: str, on_message: OnMessage, hears_clock: bool) -> RtMidiInput:
        """Open an input by its full name."""
        return self._input(name, _open_port(name), on_message, hears_clock)

    def virtual_input(self, name: str, on_message: OnMessage, hears_clock: bool) -> RtMidiInput:
        """Create an input that other programs connect to."""
        return self._input(name, _open_virtual(name), on_message, hears_clock)

    def close(self) -> None:
        """Stop asking for names."""
        for native in self._listing.values():
            _release(native)
        self._listing.clear()

    def _names(self, kind: str) -> list[str]:
        if kind not in self._listing:
            self._listing[kind] = self._client(kind)
        return _port_names(self._listing[kind])

    def _client(self, kind: str) -> Any:
        make = getattr(self._binding, kind)
        # Keywords differ (rtapi, api), and so does the order.
        if _is_rtmidi2(self._binding):
            return make(CLIENT, api=self._api)
        return make(self._api, CLIENT)

    def _input(
        self, name: str, connect: Callable[[Any], None], on_message: OnMessage, hears_clock: bool
    ) -> RtMidiInput:
        port = RtMidiInput(name, on_message)

        def prepare(native: Any) -> None:
            # Sysex and active sensing are never wanted. rtmidi2 has other names for the same.
            native.ignore_types(True, not hears_clock, True)
            if _is_rtmidi2(self._binding):
                native.callback = port.hear
            else:
                native.set_callback(lambda event, _: port.hear(*event))
            connect(native)

        port.attach(self._opened("MidiIn", name, prepare))
        return port

    def _opened(self, kind: str, name: str, connect: Callable[[Any], None]) -> Any:
        native = None
        try:
            with quiet():
                native = self._client(kind)
                connect(native)
        except Exception as error:  # each binding has errors of its own
            if native is not None:
                _release(native)
            what = "input" if kind == "MidiIn" else "output"
            raise DeviceError(
                f"{self.name} can't open the MIDI {what} {name!r} ({error}); "
                "check that it is there and not in use by another program."
            ) from error
        return native


class RtMidiOutput:
    """An output of the system, or a virtual one: messages leave at once."""

    lead_s = 0.0
    clock = None

    def __init__(self, name: str, native: Any) -> None:
        self.name = name
        self._native = native
        self._is_rtmidi2 = hasattr(native, "send_raw")

    @property
    def is_alive(self) -> bool:
        """Until it is closed: RtMidi doesn't say when a device is unplugged."""
        return self._native is not None

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Nothing to prepare."""

    def send(self, message: bytes, time_s: float) -> None:
        """Send now."""
        if self._native is None:
            raise DeviceError(f"The MIDI port {self.name!r} is closed; open it again to play.")
        try:
            if self._is_rtmidi2:
                self._native.send_raw(*message)
            else:
                self._native.send_message(message)
        except Exception as error:  # the bindings raise whatever their driver made of it
            raise DeviceError(
                f"The MIDI port {self.name!r} refused a message ({error}); "
                "check that it is still connected."
            ) from error

    def close(self) -> None:
        """Close it, or leave it to the end of the process if its driver hangs."""
        native, self._native = self._native, None
        if native is not None:
            close_in_time(lambda: _close(native))


class RtMidiInput:
    """An input of the system, or a virtual one."""

    def __init__(self, name: str, on_message: OnMessage) -> None:
        self.name = name
        self._on_message: OnMessage | None = on_message
        self._stamps = Stamps()
        self._native: Any = None

    @property
    def is_alive(self) -> bool:
        """Until it is closed: RtMidi doesn't say when a device is unplugged."""
        return self._on_message is not None

    def attach(self, native: Any) -> None:
        """Keep the native input: one that is collected ends after its first message."""
        self._native = native

    def hear(self, message: list[int], since_last_s: float) -> None:
        """Take a message from RtMidi's thread."""
        now_s = time.monotonic()
        on_message = self._on_message
        if on_message is not None and message:
            on_message(bytes(message), self._stamps.time_s(since_last_s, now_s))

    def close(self) -> None:
        """Hear no more, and close it or leave it to the end of the process if its driver hangs."""
        self._on_message = None
        native, self._native = self._native, None
        if native is not None:
            close_in_time(lambda: _close(native))


def _open_port(name: str) -> Callable[[Any], None]:
    return lambda native: native.open_port(_port_names(native).index(name))


def _open_virtual(name: str) -> Callable[[Any], None]:
    return lambda native: native.open_virtual_port(name)


def _binding() -> ModuleType:
    for module in ("rtmidi", "rtmidi2"):
        with suppress(ImportError):
            return import_module(module)
    raise DeviceError(
        "Neither python-rtmidi nor rtmidi2 can be imported; install rnnmusic with its dependencies."
    )


def _is_rtmidi2(binding: ModuleType) -> bool:
    return binding.__name__ == "rtmidi2"


def _port_names(native: Any) -> list[str]:
    return list(native.ports) if hasattr(native, "ports") else list(native.get_ports())


def _close(native: Any) -> None:
    native.close_port()
    _release(native)


def _release(native: Any) -> None:
    """Let go of a client: one that python-rtmidi merely forgets stays in JACK and jams it."""
    if hasattr(native, "delete"):  # rtmidi2 does it by itself
        native.delete()
