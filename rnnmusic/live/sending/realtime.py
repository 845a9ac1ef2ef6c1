"""Being on time: priority, cores that stay awake, memory that stays, garbage in quiet moments."""

from __future__ import annotations

import ctypes
import gc
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

FIFO = "fifo"
#: A thread that waits for Python's lock gets it after this, instead of after 5 ms.
SWITCH_S = 0.0005
#: Time between collections of garbage, and how much time must be left for one.
COLLECT_EVERY_S, COLLECTING_S = 10.0, 0.02

# From Linux's mman.h and prctl.h.
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_PR_SET_TIMERSLACK = 29

#: Linux lets its cores sleep only as deep as they wake up from in time for who has this file open.
LATENCY_FILE = "/dev/cpu_dma_latency"


def ask_for_fifo(priority: int) -> str:
    """Ask for SCHED_FIFO, before which no other program's work comes; "fifo", or why it isn't.

    priority: 1 to 99, limited to what the system has. Threads that are started later inherit it,
    which they should: a slow one that has Python's lock would hold up the others.
    """
    if not hasattr(os, "sched_setscheduler"):
        return f"This system ({sys.platform}) has no SCHED_FIFO; timing is that of a program."
    lowest, highest = (
        os.sched_get_priority_min(os.SCHED_FIFO),
        os.sched_get_priority_max(os.SCHED_FIFO),
    )
    wanted = min(max(priority, lowest), highest)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(wanted))
    except OSError as error:
        return (
            f"SCHED_FIFO was refused ({error.strerror}), so a busy machine may delay notes; "
            "allow real-time priorities to this user (rtprio in limits.conf)."
        )
    return FIFO


def prepare() -> None:
    """Make this process fit for exact timing, as far as it may: no privilege is needed.

    Memory isn't paged out, timers end when they are set to, and the garbage collector only runs
    when `Housekeeper` lets it.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.disable()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a C library without them
            libc = ctypes.CDLL(None)
            libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)  # nanosecond
            libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)


@contextmanager
def awake_cores(path: str = LATENCY_FILE) -> Iterator[None]:
    """Let no core sleep meanwhile, where that is allowed: waking up takes them 0.1 ms and more.

    On a virtual machine, whose sleeping processors are given away, it takes milliseconds. The
    price is power. Source: Documentation/power/pm_qos_interface.rst of Linux.
    """
    try:
        file = os.open(path, os.O_WRONLY)
    except OSError:  # another system, or only root may
        yield
        return
    try:
        with suppress(OSError):
            os.write(file, struct.pack("i", 0))  # microseconds
        yield
    finally:
        os.close(file)


class Housekeeper:
    """Collects garbage every ten seconds, when nothing else is to be done for 20 ms."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def tidy(self, now_s: float, left_s: float) -> None:
        """Collect if it is time for it and there is time for it."""
        if left_s >= COLLECTING_S and now_s >= self._next_s:
            gc.collect()
            self._next_s = now_s + COLLECT_EVERY_S
