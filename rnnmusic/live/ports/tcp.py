"""MIDI over TCP as mido.sockets speaks it: the bare bytes of the messages."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rnnmusic.errors import DeviceError, UsageError
from rnnmusic.live.ports.filtering import let_go, unheard
from rnnmusic.live.ports.protocol import OnMessage

if TYPE_CHECKING:
    from mido import Parser

LOCAL = "127.0.0.1"
CONNECT_TIMEOUT_S = 2.0
LOOK_EVERY_S = 0.2  # how soon a listening thread notices that it was closed


def parse_address(spec: str, default_host: str | None) -> tuple[str, int]:
    """Host and port of `tcp:HOST:PORT`, or of `tcp:PORT` where there is a default host."""
    host, _, number = spec.partition(":")[2].rpartition(":")
    host = host.strip("[]") or default_host or ""
    if not host or not number.isdecimal() or not 0 < int(number) < 1 << 16:
        form = "tcp:HOST:PORT" if default_host is None else "tcp:PORT or tcp:HOST:PORT"
        raise UsageError(f"Got the port {spec!r}; give {form}, with a port number from 1 to 65535.")
    return host, int(number)


class TcpOutput:
    """Connects to a program that listens, and sends without waiting for it."""

    lead_s = 0.0
    clock = None

    def __init__(self, host: str, port: int) -> None:
        """DeviceError where nobody listens."""
        self.name = f"tcp:{host}:{port}"
        try:
            connection = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
            # Nagle's algorithm would keep a note back until the one before is acknowledged.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            connection.setblocking(False)
        except OSError as error:
            raise DeviceError(
                f"Nothing answers at {host}, port {port} ({error}); start the receiver first."
            ) from None
        self._socket: socket.socket | None = connection

    @property
    def is_alive(self) -> bool:
        """Whether the other end is still there."""
        connection = self._socket
        if connection is None:
            return False
        try:
            return connection.recv(1024) != b""  # what it says isn't for us
        except BlockingIOError:
            return True
        except OSError:
            return False

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Nothing to prepare."""

    def send(self, message: bytes, time_s: float) -> None:
        """Send now; DeviceError when the other end is gone or doesn't read."""
        connection = self._socket
        if connection is None:
            raise DeviceError(f"The port {self.name} is closed; open it again to play.")
        try:
            sent = connection.send(message)
        except OSError as error:
            raise DeviceError(
                f"The port {self.name} takes no more ({error}); restart it."
            ) from None
        if sent < len(message):  # half a message would garble the next
            raise DeviceError(f"The port {self.name} takes no more; restart it.")

    def close(self) -> None:
        """Hang up."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()


class TcpInput:
    """Listens for any number of programs that connect and play."""

    def __init__(self, host: str, port: int, on_message: OnMessage, hears_clock: bool) -> None:
        """DeviceError where that port can't be listened on, for example because it is taken."""
        self.name = f"tcp:{host}:{port}"
        self._on_message = on_message
        self._unheard = unheard(hears_clock)
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._server = socket.create_server((host, port), family=family)
        except OSError as error:
            raise DeviceError(
                f"Can't listen at {host}, port {port} ({error.strerror or error}); "
                "give another port."
            ) from None
        self._is_closed = False
        self._thread = threading.Thread(target=self._listen, name=self.name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Until it is closed."""
        return not self._is_closed

    def close(self) -> None:
        """Hear no more."""
        self._is_closed = True
        if threading.current_thread() is not self._thread:
            self._thread.join(2 * LOOK_EVERY_S)

    def _listen(self) -> None:
        from mido import Parser

        players: dict[socket.socket, Parser] = {}
        while not self._is_closed:
            ready, _, _ = select.select([self._server, *players], [], [], LOOK_EVERY_S)
            for source in ready:
                if source is self._server:
                    with suppress(OSError):  # it has left again
                        players[source.accept()[0]] = Parser()
                elif not self._hear(source, players[source]):
                    del players[source]
                    source.close()
                    if not self._is_closed:
                        let_go(self._on_message)
        for source in (self._server, *players):
            source.close()

    def _hear(self, player: socket.socket, parser: Parser) -> bool:
        """Pass on what a player has sent; whether it is still there."""
        now_s = time.monotonic()
        try:
            data = player.recv(4096)
        except OSError:  # reset by the other end
            return False
        parser.feed(data)
        for message in parser:
            encoded = bytes(message.bytes())
            if encoded[0] not in self._unheard and not self._is_closed:
                self._on_message(encoded, now_s)
        return data != b""
