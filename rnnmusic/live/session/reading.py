"""Session: a recorded performance in memory."""

from __future__ import annotations

import json
import math
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from rnnmusic.errors import InputError
from rnnmusic.live.events import Event, from_dict

#: Version of what is written, and the file that makes a folder a session.
FORMAT, SETTINGS = 1, "settings.json"

_T = TypeVar("_T")


class Sent(NamedTuple):
    """A message to a port, or one that was left out.

    time_s: when it was handed over; due_s: when it was to sound; both from the start.
    time_quarters: its place in the score, None if it wasn't planned. dropped: why it was left
    out, None if it was sent.
    """

    time_s: float
    due_s: float
    time_quarters: float | None
    port: int
    message: bytes
    dropped: str | None


class Received(NamedTuple):
    """A message from another player: when it was played, in seconds and in the score."""

    time_s: float
    time_quarters: float
    port: int
    message: bytes


class ClockLine(NamedTuple):
    """The beat clock from `time_s` on: beat quarters there, their speed (0: stopped), swing."""

    time_s: float
    quarters: float
    quarters_per_s: float
    swing: float


class Notice(NamedTuple):
    """A sentence that the performer was shown."""

    time_s: float
    text: str


@dataclass(frozen=True)
class Session:
    """A recorded performance; times in seconds count from its start.

    settings: as given to `create`. made_with: versions of what computed it, by name. models: the
    checkpoints that were loaded, each a name and a digest. end_quarters: nothing planned from
    there on was sent; None if something was killed before it could say.
    """

    folder: Path
    settings: dict[str, Any]
    made_with: dict[str, str]
    models: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]
    sent: tuple[Sent, ...]
    heard: tuple[Received, ...]
    clock: tuple[ClockLine, ...]
    notices: tuple[Notice, ...]
    end_quarters: float | None

    @cached_property
    def until_quarters(self) -> float:
        """The record is whole up to here: the end, or a quarter before the last message.

        What was sent in the last moments before something was killed may not be on the disk.
        """
        if self.end_quarters is not None:
            return self.end_quarters
        return max((entry.time_quarters or 0.0 for entry in self.sent), default=0.0) - 1.0

    def quarters_at(self, time_s: float) -> float:
        """Beat quarters at a time, by the recorded clock; 0 if there is none."""
        i = bisect_right(self.clock, time_s, key=lambda line: line.time_s) - 1
        if not self.clock:
            return 0.0
        line = self.clock[max(i, 0)]
        return line.quarters + (time_s - line.time_s) * line.quarters_per_s


def read(folder: str | os.PathLike[str]) -> Session:
    """Read a session, of a performance that is over, was killed or still goes on.

    Every whole line is read; a line that was being written when its writer died is left out.
    InputError for a folder that is no session, is of a newer version or holds a damaged line.
    """
    path = Path(folder)
    settings, made_with = _settings(path)
    sent = list(_lines(path, "sent", _sent))
    notices = [
        notice
        for file in sorted(path.glob("notices-*.jsonl"))
        for notice in _lines(path, file.stem, lambda f: Notice(float(f["time_s"]), str(f["text"])))
    ]
    return Session(
        folder=path,
        settings=settings,
        made_with=made_with,
        models=tuple(_lines(path, "models", lambda f: (str(f["name"]), str(f["digest"])))),
        events=tuple(_lines(path, "events", _numbered())),
        sent=tuple(entry for entry in sent if isinstance(entry, Sent)),
        heard=tuple(_lines(path, "heard", _received)),
        clock=tuple(_lines(path, "clock", _clock_line)),
        notices=tuple(sorted(notices)),
        end_quarters=next((entry for entry in sent if isinstance(entry, float)), None),
    )


def _settings(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings, and what the performance was made with."""
    try:
        settings = json.loads((path / SETTINGS).read_text(encoding="utf-8"))
        version = settings.pop("format")
        made_with = {str(k): str(v) for k, v in settings.pop("made_with", {}).items()}
    except FileNotFoundError:
        raise InputError(
            f"{path} is no recorded session: it has no {SETTINGS}; give a folder that "
            "`rnnmusic live` has recorded."
        ) from None
    except OSError as error:
        raise InputError(f"Can't read {path / SETTINGS}: {error.strerror or error}.") from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise InputError(
            f"{path / SETTINGS} isn't the settings of a session: it is damaged or of another "
            "program; give a folder that `rnnmusic live` has recorded."
        ) from None
    if version != FORMAT:
        raise InputError(
            f"{path} is a session of version {version} and this rnnmusic reads {FORMAT}; "
            "use the rnnmusic that recorded it."
        )
    return settings, made_with


def _lines(path: Path, name: str, parse: Callable[[dict[str, Any]], _T]) -> Iterator[_T]:
    """The whole lines of a file; none if there is no such file."""
    try:
        data = (path / f"{name}.jsonl").read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"Can't read {path / name}.jsonl: {error.strerror or error}.") from None
    whole = data[: data.rfind(b"\n") + 1]
    for i, line in enumerate(whole.splitlines()):
        yield _parsed(path, name, i, line, lambda text: parse(json.loads(text)))


def _parsed(path: Path, name: str, i: int, value: Any, parse: Callable[[Any], _T]) -> _T:
    try:
        return parse(value)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"Line {i + 1} of {path / name}.jsonl is damaged; what comes before it is whole: "
            "delete it and what follows to read the session so far."
        ) from None


def _numbered() -> Callable[[dict[str, Any]], Event]:
    """Parse events and count: one that is missing would make a replay another performance."""
    expected = 0

    def parse(fields: dict[str, Any]) -> Event:
        nonlocal expected
        if fields.pop("n") != expected:
            raise ValueError("an event is missing")
        expected += 1
        return from_dict(fields)

    return parse


def _sent(fields: dict[str, Any]) -> Sent | float:
    """A message, or the score time of the end."""
    if fields.get("end"):
        return _finite(fields["quarters"])
    quarters = fields.get("quarters")
    time_s, due_s = _finite(fields["time_s"]), float(fields["due_s"])
    return Sent(
        time_s=time_s,
        due_s=due_s if math.isfinite(due_s) else time_s,  # sent while the clock stood
        time_quarters=None if quarters is None else _finite(quarters),
        port=int(fields["port"]),
        message=_message(fields),
        dropped=fields.get("dropped"),
    )


def _received(fields: dict[str, Any]) -> Received:
    return Received(
        time_s=_finite(fields["time_s"]),
        time_quarters=_finite(fields["quarters"]),
        port=int(fields["port"]),
        message=_message(fields),
    )


def _message(fields: dict[str, Any]) -> bytes:
    """A MIDI message of 1 to 3 bytes."""
    message = bytes.fromhex(fields["bytes"])
    if not 1 <= len(message) <= 3 or message[0] < 0x80 or any(byte > 0x7F for byte in message[1:]):
        raise ValueError("no MIDI message")
    return message


def _clock_line(fields: dict[str, Any]) -> ClockLine:
    return ClockLine(*(_finite(fields[name]) for name in ClockLine._fields))


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no number")
    return number
