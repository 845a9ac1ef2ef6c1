"""Drivers and bindings that need no hardware."""

from __future__ import annotations

import os
import types
from collections.abc import Callable
from typing import Any

from rnnmusic.errors import DeviceError
from rnnmusic.live.ports.protocol import OnMessage


class FakeOutput:
    lead_s = 0.0
    clock = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent: list[bytes] = []
        self.closed = 0
        self.begun: list[tuple[float, float]] = []
        self.is_broken = False

    @property
    def is_alive(self) -> bool:
        return not self.closed

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        self.begun.append((start_s, tempo_bpm))

    def send(self, message: bytes, time_s: float) -> None:
        if self.is_broken or self.closed:
            raise DeviceError("The cable is loose; push it in.")
        self.sent.append(message)

    def close(self) -> None:
        self.closed += 1


class FakeInput:
    def __init__(self, name: str, on_message: OnMessage, hears_clock: bool) -> None:
        self.name, self.hear, self.hears_clock = name, on_message, hears_clock
        self.closed = 0

    @property
    def is_alive(self) -> bool:
        return not self.closed

    def close(self) -> None:
        self.closed += 1


class FakeDriver:
    def __init__(self, name: str, outputs: list[str], has_virtual: bool = True) -> None:
        self.name, self.has_virtual = name, has_virtual
        self.present = outputs
        self.opened: list[Any] = []
        self.is_busy = False
        self.closed = 0

    def inputs(self) -> list[str]:
        return [f"{name} in" for name in self.present]

    def outputs(self) -> list[str]:
        return list(self.present)

    def open_output(self, name: str) -> FakeOutput:
        return self._opened(FakeOutput(f"{self.name}/{name}"))

    def virtual_output(self, name: str) -> FakeOutput:
        return self._opened(FakeOutput(f"{self.name}/virtual {name}"))

    def open_input(self, name: str, on_message: OnMessage, hears_clock: bool) -> FakeInput:
        return self._opened(FakeInput(f"{self.name}/{name}", on_message, hears_clock))

    def virtual_input(self, name: str, on_message: OnMessage, hears_clock: bool) -> FakeInput:
        return self._opened(FakeInput(f"{self.name}/virtual {name}", on_message, hears_clock))

    def close(self) -> None:
        self.closed += 1

    def _opened(self, port: Any) -> Any:
        if self.is_busy:
            raise DeviceError("The port is taken; leave the other program.")
        self.opened.append(port)
        return port


class NativeError(OSError):
    """python-rtmidi's SystemError isn't the built-in one either."""


def binding(name: str, working: dict[int, list[str]]) -> types.ModuleType:
    """A module like rtmidi or rtmidi2: API number -> its ports. `log` says what was called."""
    module = types.ModuleType(name)
    numbers = {"LINUX_ALSA": 2, "UNIX_JACK": 3, "MACOSX_CORE": 1, "WINDOWS_MM": 4}
    for api, number in numbers.items():
        setattr(module, f"API_{api}", number)
    log: list[tuple[Any, ...]] = []
    module.log = log  # type: ignore[attr-defined]
    module.hearing = []  # type: ignore[attr-defined]

    class Native:
        def __init__(self, api: int, client: str) -> None:
            os.write(2, b"ALSA lib: noise\n")
            if api not in working:
                raise NativeError("error creating ALSA sequencer client object")
            self.names = working[api]
            log.append(("client", client, api))

        def open_port(self, index: int) -> None:
            log.append(("open", self.names[index]))

        def open_virtual_port(self, name: str) -> None:
            log.append(("virtual", name))

        def close_port(self) -> None:
            log.append(("close",))

        def ignore_types(self, *ignored: bool) -> None:
            log.append(("ignore", *ignored))

    class One(Native):
        def __init__(self, rtapi: int, name: str) -> None:
            super().__init__(rtapi, name)

        def get_ports(self) -> list[str]:
            return self.names

        def send_message(self, message: bytes) -> None:
            log.append(("send", tuple(message)))

        def set_callback(self, callback: Callable[[Any, Any], None]) -> None:
            module.hearing.append(lambda message, delta: callback((message, delta), None))

        def delete(self) -> None:
            log.append(("delete",))

    class Two(Native):
        def __init__(self, clientname: str, *, api: int) -> None:
            super().__init__(api, clientname)

        @property
        def ports(self) -> list[str]:
            return self.names

        @property
        def callback(self) -> Any:
            return None

        @callback.setter
        def callback(self, callback: Callable[[Any, float], None]) -> None:
            module.hearing.append(callback)

        def send_raw(self, *message: int) -> None:
            log.append(("send", message))

    module.MidiOut = module.MidiIn = One if name == "rtmidi" else Two  # type: ignore[attr-defined]
    return module
