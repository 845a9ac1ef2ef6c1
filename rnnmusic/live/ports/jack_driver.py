"""JACK as one of the drivers: its ports by name, opened as clients of our own."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from rnnmusic.errors import DeviceError
from rnnmusic.live.ports.jack_client import CLIENT, close_client, open_client
from rnnmusic.live.ports.jack_clock import JackClock
from rnnmusic.live.ports.jack_input import JackInput
from rnnmusic.live.ports.jack_output import JackOutput
from rnnmusic.live.ports.protocol import OnMessage


def jack_driver() -> JackDriver:
    """The process's view of the JACK server; close it as often as it was asked for.

    There is one, because all ports of a server must be timed by one clock. DeviceError where no
    server answers.
    """
    global _driver
    with _lock:
        if _driver is None:
            _driver = JackDriver()
        _driver.users += 1
        return _driver


class JackDriver:
    """A client that isn't part of the graph: it lists ports and carries the clock.

    When the server goes, the names go; they are back soon after a server is.
    """

    name = "JACK"
    has_virtual = True

    def __init__(self) -> None:
        self.users = 0
        self.clock = JackClock()
        self._connecting = threading.Lock()
        self._client: Any = None
        self._reach()

    def inputs(self) -> list[str]:
        """Names of the ports that can be listened to."""
        return self._names(is_output=True)

    def outputs(self) -> list[str]:
        """Names of the ports that can be played to."""
        return self._names(is_input=True)

    def open_output(self, name: str) -> JackOutput:
        """Play to another client's input by its full name."""
        self._reach()
        return JackOutput(name, "out", self.clock)

    def open_input(self, name: str, on_message: OnMessage, hears_clock: bool) -> JackInput:
        """Listen to another client's output by its full name."""
        self._reach()
        return JackInput(name, "in", self.clock, on_message, hears_clock)

    def virtual_output(self, name: str) -> JackOutput:
        """Create an output that other programs connect to."""
        self._reach()
        return JackOutput(None, name, self.clock)

    def virtual_input(self, name: str, on_message: OnMessage, hears_clock: bool) -> JackInput:
        """Create an input that other programs connect to."""
        self._reach()
        return JackInput(None, name, self.clock, on_message, hears_clock)

    def close(self) -> None:
        """Let go of the client when its last user does."""
        global _driver
        with _lock:
            self.users -= 1
            if self.users > 0:
                return
            _driver = None
        self._disconnect()

    def _names(self, **kind: bool) -> list[str]:
        # DeviceError: no server for now. AttributeError: it went this very moment.
        with suppress(DeviceError, AttributeError):
            self._reach()
            return [port.name for port in self._client.get_ports(is_midi=True, **kind)]
        return []

    def _reach(self) -> None:
        """Connect to the server if it has been away; DeviceError while it is."""
        with self._connecting:
            if self._client is not None:
                return
            client = open_client(f"{CLIENT}-names", self._lose)
            self.clock.attach(client)
            self._client = client

    def _lose(self) -> None:
        """The server has ended."""
        self.clock.detach()
        self._client = None

    def _disconnect(self) -> None:
        self.clock.detach()
        client, self._client = self._client, None
        if client is not None:
            close_client(client)


_driver: JackDriver | None = None
_lock = threading.Lock()
