"""Clients of a JACK server: opened without starting one, closed even where the server hangs.

When a server ends, its library takes the clients that are still there apart as soon as another
one is opened, and whoever touches them then crashes. So all of them are told of the end, and
closed before anything is opened again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from rnnmusic.errors import DeviceError
from rnnmusic.live.ports.closing import close_in_time
from rnnmusic.live.ports.quiet import quiet

CLIENT = "rnnmusic"  # what other programs see the ports under

_lock = threading.Lock()  # one is opened or closed at a time
_clients: dict[Any, Callable[[], None]] = {}  # those open, and what to call when the server ends
_has_ended = threading.Event()


def jack_library() -> Any:
    """The module of JACK-Client; DeviceError where it or the JACK library isn't installed."""
    try:
        with quiet():
            library = import_module("jack")
    except (ImportError, OSError) as error:  # OSError: the native library under it
        raise DeviceError(
            f"JACK can't be reached ({error}); install JACK-Client and your system's JACK."
        ) from None
    # What it has to say comes as errors of ours; its own would land on the performer's screen.
    library.set_error_function(_say_nothing)
    library.set_info_function(_say_nothing)
    return library


def open_client(name: str, on_end: Callable[[], None] = lambda: None) -> Any:
    """A new client of the running server (`JACK_DEFAULT_SERVER`, else "default").

    on_end is called, from a thread of JACK's, when the server ends; it must not touch the client
    afterwards. DeviceError where no server answers.
    """
    library = jack_library()
    # A client must not start a server: the user's own would then not start.
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    with _lock:
        if _has_ended.is_set():
            for client in list(_clients):
                _close(client)
            _has_ended.clear()
        try:
            client = library.Client(name, no_start_server=True)
        except library.JackError as error:
            raise DeviceError(
                f"No JACK server answers ({error}); start one, for example with `jackd -d alsa`."
            ) from None
        _clients[client] = on_end
        client.set_shutdown_callback(_end)
        return client


def close_client(client: Any) -> None:
    """Let go of a client: one that is left behind jams the server's graph."""
    with _lock:
        if client in _clients:
            _close(client)


def _close(client: Any) -> None:
    del _clients[client]

    def close() -> None:
        with suppress(Exception):
            client.deactivate()
        client.close()

    close_in_time(close)


def _end(_status: object, _reason: str) -> None:
    _has_ended.set()
    for on_end in list(_clients.values()):
        on_end()


def _say_nothing(_message: str) -> None:
    pass
