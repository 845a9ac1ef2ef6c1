"""What travels between sampler and sender: records of 32 bytes, all of one layout.

To the sender go planned messages (`Planned`), `Retract`, `Ready`, `ClockChange` and `End`; to the
sampler go `HeardMessage`, `Moved` and `Transport`. A `Moved` is sent back when it is dealt with.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from rnnmusic.live.plan import Planned

# kind, port, number of bytes of text; two numbers; text: a MIDI message or a name.
_LAYOUT = struct.Struct("<BBB5xdd8s")
RECORD_BYTES = _LAYOUT.size
_LONGEST_TEXT = 8


class Retract(NamedTuple):
    """Forget what was planned at or after this moment."""

    from_quarters: float


class Ready(NamedTuple):
    """What lies before is settled, unless it is retracted."""

    until_quarters: float


class ClockChange(NamedTuple):
    """Change the beat clock now. name: "tempo" (bpm) or "swing" (share of the first eighth)."""

    name: str
    value: float


class End(NamedTuple):
    """The performance is over at this moment."""

    at_quarters: float


class HeardMessage(NamedTuple):
    """A MIDI message came in at an input, `played_quarters` in score time."""

    played_quarters: float
    message: bytes
    port: int = 0


class Moved(NamedTuple):
    """The clock jumped: nothing at or after `at_quarters` was sent, `to_quarters` sounds now."""

    at_quarters: float
    to_quarters: float


class Transport(NamedTuple):
    """An external clock told us to "start", "stop" or "continue" at this moment."""

    name: str
    at_quarters: float


Record = Planned | Retract | Ready | ClockChange | End | HeardMessage | Moved | Transport
_PLANNED, _RETRACT, _READY, _CLOCK, _END, _HEARD, _MOVED, _TRANSPORT = range(1, 9)


def encode(record: Record) -> bytes:
    """The record as RECORD_BYTES bytes; ValueError for a text of more than 8 bytes."""
    match record:
        case Planned(quarters, message, delay_s, port):
            return _pack(_PLANNED, quarters, delay_s, message, port)
        case Retract(quarters):
            return _pack(_RETRACT, quarters)
        case Ready(quarters):
            return _pack(_READY, quarters)
        case ClockChange(name, value):
            return _pack(_CLOCK, value, text=name.encode())
        case End(quarters):
            return _pack(_END, quarters)
        case HeardMessage(quarters, message, port):
            return _pack(_HEARD, quarters, 0.0, message, port)
        case Moved(at_quarters, to_quarters):
            return _pack(_MOVED, at_quarters, to_quarters)
        case Transport(name, quarters):
            return _pack(_TRANSPORT, quarters, text=name.encode())


def decode(data: bytes) -> Record:
    """The record that `encode` wrote; ValueError for anything else."""
    if len(data) != RECORD_BYTES:
        raise ValueError(f"a record has {RECORD_BYTES} bytes, got {len(data)}")
    kind, port, size, first, second, padded = _LAYOUT.unpack(data)
    text = padded[:size]
    if kind == _PLANNED:  # by far the most frequent
        return Planned(first, text, second, port)
    if kind == _RETRACT:
        return Retract(first)
    if kind == _READY:
        return Ready(first)
    if kind == _CLOCK:
        return ClockChange(text.decode(), first)
    if kind == _END:
        return End(first)
    if kind == _HEARD:
        return HeardMessage(first, text, port)
    if kind == _MOVED:
        return Moved(first, second)
    if kind == _TRANSPORT:
        return Transport(text.decode(), first)
    raise ValueError(f"no record is of kind {kind}")


def _pack(kind: int, first: float, second: float = 0.0, text: bytes = b"", port: int = 0) -> bytes:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"a record holds {_LONGEST_TEXT} bytes of text, got {len(text)}")
    return _LAYOUT.pack(kind, port, len(text), first, second, text)
