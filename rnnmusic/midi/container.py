"""The outer shell of a Standard MIDI File: header, chunks, names; everything but the events."""

from __future__ import annotations

from typing import NamedTuple

from rnnmusic.score.assembly import MalformedError


class Container(NamedTuple):
    """A file's header fields and the event bytes of each of its tracks."""

    format: int
    ticks_per_quarter: int
    chunks: tuple[bytes, ...]


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
    return Container(file_format, division, chunks)


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


def _tracks(data: bytes, at: int, announced: int) -> tuple[bytes, ...]:
    chunks: list[bytes] = []
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        at += 8
        if kind == b"MTrk":
            if at + size > len(data):
                raise MalformedError(
                    f"it ends in the middle of track {len(chunks) + 1}: "
                    f"{at + size - len(data)} bytes are missing"
                )
            chunks.append(data[at : at + size])
        elif len(chunks) >= announced:
            break
        at += size
    if len(chunks) < announced:
        raise MalformedError(f"its header announces {announced} tracks but it holds {len(chunks)}")
    return tuple(chunks)


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """Value of the variable-length quantity at this byte, and the position after it."""
    value = 0
    for i in range(4):
        if at + i >= len(data):
            raise MalformedError(f"a number breaks off at byte {at} of a track")
        byte = data[at + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    raise MalformedError(f"a number at byte {at} of a track is longer than the standard's 4 bytes")


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


def sequence_name(chunk: bytes) -> str:
    """Track name among the meta events that open a chunk, before any other event; else ""."""
    at, name = 0, ""
    while True:
        _, at = read_length(chunk, at)
        if chunk[at : at + 1] != b"\xff" or chunk[at + 1 : at + 2] in (b"", b"\x2f"):
            return name
        kind = chunk[at + 1]
        size, at = read_length(chunk, at + 2)
        if kind == 0x03:
            name = decode_text(chunk[at : at + size])
        at += size
