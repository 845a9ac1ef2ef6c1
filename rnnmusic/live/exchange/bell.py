"""A bell: a socket whose bytes mean "look", and whose end means that nobody is there."""

from __future__ import annotations

import socket
from contextlib import suppress


def ring(bell: socket.socket) -> None:
    """Wake the other side; one that is gone is noticed elsewhere, a full bell rings already."""
    with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
        bell.send(b"!")


def drain(bell: socket.socket) -> bool:
    """Take the bytes that woke us; False when the other side is gone."""
    try:
        return bool(bell.recv(4096))
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
