"""SessionWriter: what happens is noted in memory and put on the disk by a thread of its own."""

from __future__ import annotations

import json
import math
import os
import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file, unwritable
from rnnmusic.live.events import Event, to_dict
from rnnmusic.live.session.provenance import versions
from rnnmusic.live.session.reading import FORMAT, SETTINGS

#: Longest that a line waits in memory while someone calls `flush_if_due`.
FLUSH_EVERY_S = 0.5
#: Lines that may wait for a disk that has stalled.
_MOST_WAITING = 100_000
#: A line of the beat clock is left out while the one before errs by less.
_CLOCK_TOLERANCE_S = 5e-4
#: Longest that `close` waits for the disk.
_CLOSING_S = 5.0


def create(folder: str | os.PathLike[str], settings: Mapping[str, Any]) -> Path:
    """Make a session's folder, write settings (JSON) and versions into it; return the folder.

    InputError for a folder that can't be written or holds something already.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        is_used = any(path.iterdir())
    except OSError as error:
        raise unwritable(path, error) from error
    if is_used:
        raise InputError(f"{path} holds something already; give a new folder for the recording.")
    with replacing_file(path / SETTINGS) as temporary:
        fields = {"format": FORMAT, "made_with": versions(), **settings}
        text = json.dumps(fields, indent=2, sort_keys=True)
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


class SessionWriter:
    """Writes one process's part of a session; never raises and never waits for the disk.

    The methods named after what happened take a note. `flush` encodes the notes (about 5 us
    each) and hands them to a thread that writes them: call it when there is time, or
    `flush_if_due` now and then. When the disk refuses, the recording ends there, at a whole line,
    `problem` becomes a sentence, and the performance goes on.

    folder: as `create` made it. who: names this process's file of notices. start_s: the moment
    that times in the files count from; all times given are seconds of the sender's clock.

    The thread begins with the first flush and has the scheduling class of the thread that calls
    it, so that a real-time sender never waits for a slower thread of its own.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, who: str = "parent", start_s: float = 0.0
    ) -> None:
        self.start_s = start_s
        self._notices = f"notices-{who}"
        self._notes: list[tuple[str, dict[str, Any]]] = []
        self._events = 0
        self._flushed_s = -math.inf
        self._clock_written: tuple[float, float, float, float] | None = None
        self._clock_waiting: tuple[float, float, float, float] | None = None
        self._disk = _Disk(Path(folder))

    @property
    def problem(self) -> str | None:
        """Why the recording has ended, one sentence; None while all is well."""
        return self._disk.problem

    def model(self, name: str, digest: str) -> None:
        """A checkpoint was loaded: its name, and `provenance.digest` of it."""
        self._note("models", {"name": name, "digest": digest})

    def event(self, event: Event) -> None:
        """The sampler consumes this event next; handed to the disk at once.

        A replay needs every event whose notes were sent, also when the sampler is killed.
        """
        self._note("events", {"n": self._events, **to_dict(event)})
        self._events += 1
        self.flush()

    def sent(
        self,
        time_s: float,
        message: bytes,
        *,
        due_s: float,
        time_quarters: float | None = None,
        port: int = 0,
    ) -> None:
        """A message was handed to a port at `time_s`; without a score time it wasn't planned.

        Every planned message is noted once when its time has come, here or as `dropped`, also
        those that the ledger had no use for: then a replay can be compared with what was sent.
        """
        self._message("sent", time_s, message, time_quarters, port, due_s=due_s)

    def dropped(
        self,
        time_s: float,
        message: bytes,
        *,
        due_s: float,
        time_quarters: float,
        port: int = 0,
        why: str = "late",
    ) -> None:
        """A planned message was left out."""
        self._message("sent", time_s, message, time_quarters, port, due_s=due_s, dropped=why)

    def heard(self, time_s: float, message: bytes, *, time_quarters: float, port: int = 0) -> None:
        """A message came in from another player."""
        self._message("heard", time_s, message, time_quarters, port)

    def clock(self, anchor: tuple[float, float, float], swing: float = 0.5) -> None:
        """The beat clock has changed: its `anchor()` now. Lines that say nothing new are left out.

        A clock that follows another changes at every tick; written down is a line within 0.5 ms
        of it.
        """
        line = (*anchor, swing)
        written, waiting = self._clock_written, self._clock_waiting
        if line == (waiting or written):
            return
        if waiting is not None and (written is None or not _is_near(written, line)):
            self._write_clock(waiting)
        self._clock_waiting = line

    def notice(self, time_s: float, text: str) -> None:
        """A sentence was shown to the performer."""
        self._note(self._notices, {"time_s": time_s - self.start_s, "text": text})

    def end(self, time_s: float, time_quarters: float) -> None:
        """The performance is over: nothing planned at or after this is sent."""
        fields = {"time_s": time_s - self.start_s, "quarters": time_quarters, "end": True}
        self._note("sent", fields)

    def flush_if_due(self, now_s: float) -> None:
        """`flush`, if the last was half a second ago."""
        if now_s - self._flushed_s >= FLUSH_EVERY_S:
            self._flushed_s = now_s
            self.flush()

    def flush(self) -> None:
        """Hand what was noted to the writing thread."""
        if self._clock_waiting is not None:
            self._write_clock(self._clock_waiting)
            self._clock_waiting = None
        if not self._notes:
            return
        notes, self._notes = self._notes, []
        lines: dict[str, list[str]] = {}
        for name, fields in notes:
            lines.setdefault(name, []).append(_encode(fields))
        for name, texts in lines.items():
            self._disk.append(name, ("\n".join(texts) + "\n").encode(), len(texts))

    def close(self) -> None:
        """Write all that was noted; wait for the disk, but not for ever."""
        self.flush()
        self._disk.close()

    def _message(
        self,
        file: str,
        time_s: float,
        message: bytes,
        time_quarters: float | None,
        port: int,
        *,
        due_s: float | None = None,
        dropped: str | None = None,
    ) -> None:
        fields: dict[str, Any] = {"time_s": time_s - self.start_s}
        if due_s is not None:
            fields["due_s"] = due_s - self.start_s
        if time_quarters is not None:
            fields["quarters"] = time_quarters
        fields |= {"port": port, "bytes": message.hex()}
        if dropped is not None:
            fields["dropped"] = dropped
        self._note(file, fields)

    def _write_clock(self, line: tuple[float, float, float, float]) -> None:
        time_s, quarters, speed, swing = line
        fields = {
            "time_s": time_s - self.start_s,
            "quarters": quarters,
            "quarters_per_s": speed,
            "swing": swing,
        }
        self._note("clock", fields)
        self._clock_written = line

    def _note(self, file: str, fields: dict[str, Any]) -> None:
        if self._disk.problem is None:
            self._notes.append((file, fields))


def _is_near(
    line: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    """Whether the first line of a clock says where the second begins, and swings like it."""
    time_s, quarters, speed, swing = line
    other_s, other_quarters, other_speed, other_swing = other
    if swing != other_swing or (speed == 0) != (other_speed == 0):
        return False
    error = quarters + (other_s - time_s) * speed - other_quarters
    return abs(error) <= _CLOCK_TOLERANCE_S * other_speed


def _encode(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    """A number of numpy's as Python's; anything else as its text, for a recording never fails."""
    return value.item() if hasattr(value, "item") else str(value)


class _Disk:
    """A thread that appends to the files of a folder; `problem` says why it has stopped."""

    def __init__(self, folder: Path) -> None:
        self.problem: str | None = None
        self._folder = folder
        self._files: dict[str, int] = {}
        self._queue: queue.SimpleQueue[tuple[str, bytes, int] | None] = queue.SimpleQueue()
        self._handed = self._written = 0  # lines; each counter has one writing thread
        self._thread: threading.Thread | None = None

    def append(self, name: str, lines: bytes, count: int) -> None:
        if self.problem is not None:
            return
        if self._handed - self._written > _MOST_WAITING:
            self.problem = (
                f"The disk under {self._folder} has stalled, so the recording ends here; "
                "the performance goes on."
            )
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="session", daemon=True)
            self._thread.start()
        self._handed += count
        self._queue.put((name, lines, count))

    def close(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(_CLOSING_S)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            name, lines, count = work
            if self.problem is None:
                try:
                    self._write(name, lines)
                except OSError as error:
                    reason = error.strerror or str(error)
                    self.problem = (
                        f"Can't write to {self._folder} ({reason}), so the recording ends here; "
                        "the performance goes on."
                    )
            self._written += count
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def _write(self, name: str, lines: bytes) -> None:
        if name not in self._files:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._files[name] = os.open(self._folder / f"{name}.jsonl", flags, 0o666)
        file = self._files[name]
        size = os.fstat(file).st_size
        written = 0
        try:
            while written < len(lines):
                written += os.write(file, lines[written:])
        except OSError:
            # Back to the last whole line that is there: shortening needs no room on the disk.
            os.ftruncate(file, size + lines.rfind(b"\n", 0, written) + 1)
            raise
