"""When and how `scan` is compiled: not for a song, but for a performance or a corpus."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnmusic.midi import scan
from rnnmusic.midi.tables import Tables
from rnnmusic.score import Table

Scan = Callable[[bytes, Table, Tables], scan.Trouble]

# As many bytes take plain Python 25 ms. Compiling takes about 3 s, once per installation, and
# loading what was compiled 0.6 s, once per process.
PATIENCE_BYTES = 1 << 17


class Scanner:
    """`scan.scan` as plain Python for the first so many bytes altogether, then compiled."""

    def __init__(self, patience_bytes: int = PATIENCE_BYTES) -> None:
        self._patience_bytes = patience_bytes
        self._bytes = 0
        self._compiled: Scan | None = None
        self._lock = threading.Lock()

    def scan_for(self, byte_count: int) -> Scan:
        """The function to scan a file of this many bytes with."""
        if self._compiled is not None:
            return self._compiled
        with self._lock:
            self._bytes += byte_count
            if self._compiled is None and self._bytes > self._patience_bytes:
                self._compiled = compile_scan()
        return self._compiled or scan.scan


def compile_scan() -> Scan:
    """`scan.scan` as machine code, kept on disk where numba finds a place for it."""
    import numba
    from numba.extending import register_jitable

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba's worries about its cache aren't the reader's
        for helper in scan.HELPERS:
            register_jitable(helper)
        try:
            return _warmed_up(numba.njit(cache=True, nogil=True)(scan.scan))
        except (OSError, RuntimeError):  # no folder to keep it in, or one that is full
            return _warmed_up(numba.njit(nogil=True)(scan.scan))


def _warmed_up(compiled: Any) -> Scan:
    compiled(b"", np.empty(0, dtype=scan.CHUNK), Tables.for_bytes(0))
    function: Scan = compiled
    return function
