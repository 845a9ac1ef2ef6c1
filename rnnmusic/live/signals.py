"""Ending on a signal in good order: stop the music, silence the port, then exit."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from rnnmusic.live.timing.clock import Stop

#: What ends a performance: Ctrl-C, `kill`, a terminal that is closed.
STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
#: What a terminal sends to every process in it.
FROM_THE_TERMINAL = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGQUIT", "SIGTSTP", "SIGHUP")
    if hasattr(signal, name)
)


class SignalStop(Stop):
    """A stop that remembers which signal set it."""

    def __init__(self) -> None:
        super().__init__()
        self.signal: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """What the process should exit with: 128 + the signal (130, 143, 129), or 0 without one."""
        return 0 if self.signal is None else 128 + self.signal


@contextmanager
def stop_on_signals(*, second_kills: bool = False) -> Iterator[SignalStop]:
    """Within the block what stops a program sets the stop instead of killing or raising.

    Further signals change nothing, so that an impatient second Ctrl-C can't leave notes sounding;
    with second_kills, for what sounds nothing and may not look at the stop for long, they end the
    process at once. The earlier handlers come back at the end. Main thread only, as Python has it.
    """
    stop = SignalStop()

    def handle(number: int, _frame: FrameType | None) -> None:
        if second_kills and stop.signal is not None:
            exit_at_once(128 + number)
        if stop.signal is None:
            stop.signal = signal.Signals(number)
        stop.set()

    earlier = {number: signal.signal(number, handle) for number in STOPPING}
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def leave_signals_to_the_parent() -> None:
    """Ignore what the terminal sends to all: a child that stood still would leave notes sounding.

    Whether to stop is the parent's decision; that the parent is gone shows elsewhere.
    """
    for number in FROM_THE_TERMINAL:
        signal.signal(number, signal.SIG_IGN)


def exit_at_once(code: int) -> NoReturn:
    """End the process with this code now, standard streams flushed, without taking it apart.

    Python needs up to half a second to unload torch, and whoever stops a performance is waiting.
    For the very end of a program: ports and files must be closed, exit handlers don't run.
    """
    for stream in (sys.stdout, sys.stderr):
        # The reader may be gone, and there may be no stream: neither is worth a traceback now.
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)
