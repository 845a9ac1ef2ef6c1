"""Line: what a child process tells its parent, without ever waiting for it."""

from __future__ import annotations

import json
import queue
import threading
from multiprocessing.connection import Connection
from typing import Any

#: What waits for a parent that doesn't listen; more is lost, but for how it ended.
_MOST_WAITING = 1000
_LAST_WORDS = ("result", "error")
#: How long the last words are given to be heard.
_CLOSING_S = 0.5


class Line:
    """Sends JSON messages from a thread of its own: a parent that hangs holds up no note."""

    def __init__(self, parent: Connection) -> None:
        self._parent = parent
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="line to the parent", daemon=True)
        self._thread.start()

    def say(self, kind: str, **fields: Any) -> None:
        """Send {"kind": kind, field: value, ...}."""
        if self._queue.qsize() < _MOST_WAITING or kind in _LAST_WORDS:
            self._queue.put(json.dumps({"kind": kind, **fields}).encode())

    def close(self) -> None:
        """Send what waits, for at most half a second."""
        self._queue.put(None)
        self._thread.join(_CLOSING_S)

    def _run(self) -> None:
        while (data := self._queue.get()) is not None:
            try:
                self._parent.send_bytes(data)
            except OSError:  # nobody listens any more
                return
