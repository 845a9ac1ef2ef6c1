"""The outer shell of a Standard MIDI File: header, chunks, names; everything but the events."""

from __future__ import annotations

from typing import NamedTuple

from rnnmusic.score.assembly import MalformedError

_MOST_TRACKS = 0xFFFF  # a header can't announce more


class Container(NamedTuple):
    """A file's header fields, its bytes, and where among them each track's events begin and end."""

    format: int
    ticks_per_quarter: int
    data: bytes
    chunks: list[tuple[int, int]]


def unpack(data: bytes) -> Container:
    """Split a file into its tracks, a RIFF wrapper (.rmi) taken off first.

    Raises MalformedError, with the reason as a clause, for anything but a whole file that counts
    time in ticks per quarter. Foreign chunks and bytes after the last track are allowed, as the
    standard wants.
    """
    if not data:
        raise MalformedError("it is empty")
    data = _unwrapped(data)
    if data[:4] != b"MThd":
        raise MalformedError(f"it starts with {data[:4]!r} where a MIDI file says b'MThd'")
    if len(data) < 14:
        raise MalformedError(f"it ends within its header, after {len(data)} bytes")
    header_size = int.from_bytes(data[4:8], "big")
    file_format, track_count, division = (
        int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12)
    )
    if header_size < 6:
        raise MalformedError(f"its header is {header_size} bytes long, not 6")
    if file_format > 2:
        raise MalformedError(f"it says it is of format {file_format}; there are 0, 1 and 2")
    if division & 0x8000:
        raise MalformedError("it counts time in SMPTE frames, not in ticks per quarter note")
    if division == 0:
        raise MalformedError("it has 0 ticks per quarter note")
    chunks = _tracks(data, 8 + header_size, track_count)
    if not chunks:
        raise MalformedError("it has no tracks")
    return Container(file_format, division, data, chunks)


def _unwrapped(data: bytes) -> bytes:
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise MalformedError("its RIFF wrapper holds no MIDI")


def _tracks(data: bytes, at: int, announced: int) -> list[tuple[int, int]]:
    chunks: list[tuple[int, int]] = []
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        at += 8
        if kind == b"MTrk":
            if at + size > len(data):
                raise MalformedError(
                    f"it ends in the middle of track {len(chunks) + 1}: "
                    f"{at + size - len(data)} bytes are missing"
                )
            chunks.append((at, at + size))
        elif len(chunks) >= announced:
            break
        at += size
    if len(chunks) < announced:
        raise MalformedError(f"its header announces {announced} tracks but it holds {len(chunks)}")
    if len(chunks) > _MOST_TRACKS:
        raise MalformedError(f"it holds {len(chunks)} tracks; there can be {_MOST_TRACKS}")
    return chunks


def write_length(value: int) -> bytes:
    """Variable-length quantity of 0..0x0FFFFFFF."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def decode_text(raw: bytes) -> str:
    """Text of a meta event, for which the standard fixes no encoding: UTF-8, else Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
