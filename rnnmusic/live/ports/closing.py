"""Letting go of devices whose drivers may hang."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

#: Closing a device can hang in its driver; a performance ends all the same.
CLOSE_TIMEOUT_S = 2.0


def close_in_time(close: Callable[[], None]) -> None:
    """Call `close`, for at most two seconds: after that it is left to the end of the process."""

    def attempt() -> None:
        with suppress(Exception):  # there is nothing left to save
            close()

    closer = threading.Thread(target=attempt, name="close a device", daemon=True)
    closer.start()
    closer.join(CLOSE_TIMEOUT_S)
