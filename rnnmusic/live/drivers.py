"""The MIDI drivers of this machine, through python-rtmidi or rtmidi2, behind one small protocol.

python-rtmidi ships wheels up to Python 3.12, rtmidi2 from there on. Both wrap RtMidi, and both
have ends to be rounded off here: RtMidi opens ALSA and gives up where only JACK runs, the native
libraries write to stderr, errors come as OSError or RuntimeError, and rtmidi2 lets the whole
process die of a C++ exception when JACK isn't there. (rtmidi2 1.5 brings a JACK library of its
own, which jackd2 refuses: with it JACK is left out and only ALSA plays.)
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from rnnmusic.errors import DeviceError

CLIENT = "rnnmusic"  # what other programs see the ports under
APIS = {
    "API_LINUX_ALSA": "ALSA",
    "API_UNIX_JACK": "JACK",
    "API_MACOSX_CORE": "CoreMIDI",
    "API_WINDOWS_MM": "Windows MM",
}
BY_PLATFORM = {"darwin": ("API_MACOSX_CORE",), "win32": ("API_WINDOWS_MM",)}
ON_LINUX = ("API_LINUX_ALSA", "API_UNIX_JACK")


class NativeOutput(Protocol):
    """An open output of some driver."""

    def send(self, message: bytes) -> None:
        """Send now; raises whatever the driver makes of a failure."""
        ...

    def close(self) -> None:
        """Release it; can hang."""
        ...


class Driver(Protocol):
    """One MIDI system that answers on this machine."""

    name: str
    has_virtual: bool

    def inputs(self) -> list[str]:
        """Names of the ports that can be listened to."""
        ...

    def outputs(self) -> list[str]:
        """Names of the ports that can be played to."""
        ...

    def open(self, output: str) -> NativeOutput:
        """Open an output by its full name; DeviceError if that fails."""
        ...

    def open_virtual(self, name: str) -> NativeOutput:
        """Create an output that others connect to; DeviceError if that fails."""
        ...


class RtMidiDriver:
    """One API of python-rtmidi or of rtmidi2, which differ in a handful of names."""

    def __init__(self, binding: ModuleType, api: str) -> None:
        self.name = APIS[api]
        self.has_virtual = api != "API_WINDOWS_MM"
        self._binding = binding
        self._api = getattr(binding, api)

    def inputs(self) -> list[str]:
        """Names of the ports that can be listened to."""
        return self._names(self._binding.MidiIn)

    def outputs(self) -> list[str]:
        """Names of the ports that can be played to."""
        return self._names(self._binding.MidiOut)

    def open(self, output: str) -> NativeOutput:
        """Open an output by its full name; DeviceError if that fails."""

        def connect(native: Any) -> None:
            native.open_port(_port_names(native).index(output))

        return self._opened(output, connect)

    def open_virtual(self, name: str) -> NativeOutput:
        """Create an output that others connect to; DeviceError if that fails."""
        return self._opened(name, lambda native: native.open_virtual_port(name))

    def _names(self, kind: Any) -> list[str]:
        with quiet():
            native = self._client(kind)
            try:
                return _port_names(native)
            finally:
                _release(native)

    def _client(self, kind: Any) -> Any:
        # Keywords differ (rtapi, api), and so does the order.
        if _is_rtmidi2(self._binding):
            return kind(CLIENT, api=self._api)
        return kind(self._api, CLIENT)

    def _opened(self, name: str, connect: Any) -> NativeOutput:
        native = None
        try:
            with quiet():
                native = self._client(self._binding.MidiOut)
                connect(native)
        except Exception as error:  # each binding has errors of its own
            if native is not None:
                _release(native)
            raise DeviceError(
                f"{self.name} can't open the MIDI output {name!r} ({error}); "
                "check that it is there and not in use."
            ) from error
        return _RtMidiOutput(native)


class _RtMidiOutput:
    def __init__(self, native: Any) -> None:
        self._native = native
        self._is_rtmidi2 = hasattr(native, "send_raw")

    def send(self, message: bytes) -> None:
        if self._is_rtmidi2:
            self._native.send_raw(*message)
        else:
            self._native.send_message(message)

    def close(self) -> None:
        native, self._native = self._native, None
        native.close_port()
        _release(native)


def working_drivers() -> list[Driver]:
    """The drivers that answer, best first; DeviceError with one sentence if there are none."""
    # Asking for JACK's ports must not start a server.
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    binding = _binding()
    apis = BY_PLATFORM.get(sys.platform, ON_LINUX)
    found: list[Driver] = []
    for api in apis:
        driver = RtMidiDriver(binding, api)
        if _is_rtmidi2(binding) and driver.name == "JACK" and not _rtmidi2_reaches_jack():
            continue
        with suppress(Exception):  # SystemError, OSError, RuntimeError: it isn't there
            driver.outputs()
            found.append(driver)
    if not found:
        tried = " or ".join(APIS[api] for api in apis)
        raise DeviceError(
            f"No MIDI driver answers on this machine (tried {tried}); "
            "start one, or play to memory or to a file such as out.mid."
        )
    return found


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


def _release(native: Any) -> None:
    """Let go of a client: one that python-rtmidi merely forgets stays in JACK and jams it."""
    if hasattr(native, "delete"):  # rtmidi2 does it by itself
        native.delete()


def _rtmidi2_reaches_jack() -> bool:
    """Whether a JACK port opens, tried in another process because failing kills it."""
    attempt = (
        "import rtmidi2; "
        f"rtmidi2.MidiOut('{CLIENT}', api=rtmidi2.API_UNIX_JACK).open_virtual_port('test')"
    )
    try:
        result = subprocess.run([sys.executable, "-c", attempt], capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what native libraries write to file descriptor 2 from the person at the keyboard."""
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all, nothing to keep quiet
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
