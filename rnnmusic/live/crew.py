"""Crew: the child processes of a performance, and the lines to them."""

from __future__ import annotations

import json
import multiprocessing
import select
import signal
import socket
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from rnnmusic.live.exchange.shared import SharedHandle

_GLANCE_S = 0.02
#: From when a process says no more until the system has buried it.
_BURIAL_S = 0.2


class Member:
    """A child process and the line to it.

    run(config, handle, peer, line): what it does. peer: its end of the socket to the other child.
    is_gone: its line has ended, or `see_off` has ended it. is_ready: as the engine was told.
    was_forced: it didn't leave by itself.
    """

    def __init__(
        self,
        name: str,
        run: Callable[..., None],
        config: Any,
        handle: SharedHandle,
        peer: socket.socket,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.name, self.is_gone, self.is_ready, self.was_forced = name, False, False, False
        self.line, theirs = context.Pipe(duplex=True)
        self.process = context.Process(
            target=run, args=(config, handle, peer, theirs), name=f"rnnmusic {name}", daemon=True
        )
        with theirs:
            self.process.start()

    def send(self, command: dict[str, Any]) -> None:
        """Tell it, without ever waiting: what it has no room for, it isn't told.

        That it has gone is noticed when it is listened to.
        """
        if not self.is_gone and _has_room(self.line):
            with suppress(OSError):
                self.line.send_bytes(json.dumps(command).encode())

    def receive(self) -> list[dict[str, Any]]:
        """All it has said."""
        messages: list[dict[str, Any]] = []
        try:
            while not self.is_gone and self.line.poll():
                messages.append(json.loads(self.line.recv_bytes()))
        except (EOFError, OSError):
            self.is_gone = True
        return messages

    def see_off(self, patience_s: float) -> list[dict[str, Any]]:
        """Wait until it has left, for so long, then end it by force; its last words."""
        words: list[dict[str, Any]] = []
        deadline_s = time.monotonic() + patience_s
        while not self.is_gone and time.monotonic() < deadline_s:
            wait([self.line], _GLANCE_S)
            words += self.receive()
        self.process.join(_BURIAL_S)
        if self.process.is_alive():
            self.was_forced = True
            self.process.kill()
            self.process.join()
        words += self.receive()
        self.is_gone = True
        self.line.close()
        return words

    @property
    def killer(self) -> str | None:
        """The signal that ended it, such as "SIGKILL"; None if none did."""
        code = self.process.exitcode
        if code is None or code >= 0:
            return None
        with suppress(ValueError):  # real-time signals have no names
            return signal.Signals(-code).name
        return f"signal {-code}"


@contextmanager
def nothing_to_import() -> Iterator[None]:
    """Let children start without the program that started them.

    multiprocessing imports the parent's main module in every child: a script without a guard
    would start again there, and a command line would be loaded to send notes.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _has_room(line: Connection) -> bool:
    """Whether a message of usual length can be sent without waiting for the other side."""
    if sys.platform == "win32":  # pipes can't be asked there
        return True
    poll = select.poll()
    poll.register(line.fileno(), select.POLLOUT)
    return bool(poll.poll(0))
