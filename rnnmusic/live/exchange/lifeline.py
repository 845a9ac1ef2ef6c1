"""Lifeline: knowing at once that the process at the other end has died.

A socket tells it too, but a killed process closes its files only when its memory is gone, and to
take a model's hundreds of megabytes apart Linux needs up to a fifth of a second. A robust mutex
(POSIX pthread_mutexattr_setrobust) is given up first of all: the kernel goes through the list of
those that a dying thread holds, and wakes who waits, before it touches the memory.
"""

from __future__ import annotations

import ctypes
import sys
from multiprocessing.shared_memory import SharedMemory
from typing import Any

#: Room for a pthread_mutex_t on any processor (40 bytes on x86-64, 48 on ARM).
LIFELINE_BYTES = 64
#: Elsewhere there is only the socket, and `hold` and `prepare` do nothing.
IS_SUPPORTED = sys.platform == "linux"

_ATTRIBUTE_BYTES = 64
_PROCESS_SHARED = _ROBUST = 1
_OWNER_DEAD, _NOT_RECOVERABLE = 130, 131  # Linux's EOWNERDEAD, ENOTRECOVERABLE


def prepare(memory: memoryview) -> None:
    """Make a lifeline of LIFELINE_BYTES that nobody holds yet; the parent does it once."""
    if not IS_SUPPORTED:
        return
    pthread, attributes = _pthread(), ctypes.create_string_buffer(_ATTRIBUTE_BYTES)
    pthread.pthread_mutexattr_init(attributes)
    pthread.pthread_mutexattr_setpshared(attributes, _PROCESS_SHARED)
    pthread.pthread_mutexattr_setrobust(attributes, _ROBUST)
    pthread.pthread_mutex_init(_address(memory), attributes)


class Lifeline:
    """One end of a lifeline, in a mapping of its own that lasts as long as the process.

    name, offset: of the shared memory and the lifeline in it. The mapping is never undone: the
    kernel looks into it when the holder dies, and the one that waits must find it there.
    """

    def __init__(self, name: str, offset: int) -> None:
        self._memory = SharedMemory(name)
        whole = self._memory.buf
        if whole is None:
            raise FileNotFoundError(name)
        with whole[offset : offset + LIFELINE_BYTES] as part:
            self._address = _address(part)
        _KEPT.append(self._memory)

    def hold(self) -> None:
        """Take hold, until this thread dies."""
        if IS_SUPPORTED:
            _pthread().pthread_mutex_lock(self._address)

    def has_died(self) -> bool:
        """Wait until the holder has died; False at once if nobody has taken hold."""
        if not IS_SUPPORTED:
            return False
        result = _pthread().pthread_mutex_lock(self._address)  # lets other threads run meanwhile
        if result == 0:
            _pthread().pthread_mutex_unlock(self._address)
        return result in (_OWNER_DEAD, _NOT_RECOVERABLE)


_KEPT: list[SharedMemory] = []


def _pthread() -> Any:
    return ctypes.CDLL(None)


def _address(memory: memoryview) -> ctypes.c_void_p:
    return ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
