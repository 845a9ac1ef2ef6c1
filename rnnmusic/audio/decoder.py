"""Decoders in processes of their own: what hangs or crashes there is killed and replaced.

Sound files are decoded by C libraries, for some of which a crafted file is the way into an endless
loop or a crash. No thread can end either, and signals reach only Python's own code. A process can
be killed, prints where nobody is disturbed, and leaves its caller the interpreter's lock. It is
started once, in a third of a second, and then decodes file after file: a process for each would
cost a corpus of thousands of files half an hour.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from rnnmusic.audio.decoder_process import END, MESSAGE, REFUSAL
from rnnmusic.errors import InputError, RnnMusicError


class Decoder:
    """One decoding process."""

    def __init__(self) -> None:
        paths = os.pathsep.join(sys.path)  # it finds what this process finds
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rnnmusic.audio.decoder_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": paths},
            )
        except OSError as error:
            raise RnnMusicError(
                f"The process that decodes audio can't be started ({error}); "
                "check the limits on processes and memory."
            ) from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can take a request."""
        return self._process.poll() is None

    def answer(
        self, request: dict[str, Any], timeout_s: float
    ) -> Generator[tuple[bytes, bytes], None, None]:
        """The messages (kind, body) of its answer, the last an END or a REFUSAL.

        InputError, without its subject, when that one isn't there within `timeout_s` or the
        process dies. An answer not taken to its end leaves no process.
        """
        hung = threading.Event()
        timer = threading.Timer(timeout_s, self._give_up, [hung])
        timer.daemon = True
        timer.start()
        kind = b""
        try:
            self._ask(request)
            while kind not in (END, REFUSAL):
                kind, length = MESSAGE.unpack(self._take(MESSAGE.size))
                yield kind, self._take(length)
        except (OSError, EOFError) as error:
            did = "kept it busy without end" if hung.is_set() else "killed it"
            raise InputError(
                f"was given to a decoder and {did}; leave it out or convert it."
            ) from error
        finally:
            timer.cancel()
            if kind not in (END, REFUSAL):
                self.close()  # what it has yet to say would be taken for the next answer

    def close(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.communicate()

    def _give_up(self, hung: threading.Event) -> None:
        hung.set()
        self._process.kill()

    def _ask(self, request: dict[str, Any]) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def _take(self, length: int) -> bytes:
        data = self._process.stdout.read(length) if self._process.stdout is not None else b""
        if len(data) < length:
            raise EOFError
        return data


# At rest, by the process that they belong to: what a fork inherits isn't its own. As many run at
# once as threads read files.
_resting: defaultdict[int, list[Decoder]] = defaultdict(list)


@contextmanager
def borrowed_decoder() -> Iterator[Decoder]:
    """A decoding process, alive, for one thread; kept for the next unless it dies."""
    resting = _resting[os.getpid()]
    if not resting:
        atexit.register(_close_resting)
    try:
        decoder = resting.pop()
    except IndexError:
        decoder = Decoder()
    if not decoder.is_alive:
        decoder.close()
        decoder = Decoder()
    try:
        yield decoder
    finally:
        if decoder.is_alive:
            resting.append(decoder)


def _close_resting() -> None:
    atexit.unregister(_close_resting)
    resting = _resting[os.getpid()]
    while resting:
        resting.pop().close()
