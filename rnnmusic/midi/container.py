"""The outer shell of a Standard MIDI File: header, chunks, names; everything but the events."""

from __future__ import annotations

import mmap
from fractions import Fraction
from typing import NamedTuple

from rnnmusic.midi.limits import Limits
from rnnmusic.score.assembly import MalformedError

Bytes = bytes | mmap.mmap

_NEAR_QUARTER = 500_000  # microseconds


class Container(NamedTuple):
    """A file's header fields, its bytes, and where among them each track's events begin and end."""

    format: int
    ticks_per_quarter: int
    tempo: int | None  # microseconds per quarter where the file counts SMPTE frames, else None
    data: Bytes
    chunks: list[tuple[int, int]]
    is_tidy: bool = True  # nothing in the shell breaks the standard


def unpack(data: Bytes, limits: Limits = Limits()) -> Container:
    """Split a file into its tracks, a RIFF wrapper (.rmi) taken off first.

    Raises MalformedError, with the reason as a clause, for anything but a whole file. Foreign
    chunks and a longer header are allowed, as the standard wants; bytes after the last track and
    tracks that the header doesn't announce are too, but aren't tidy.
    """
    limits.check_bytes(len(data))
    if not data:
        raise MalformedError("it is empty")
    begin, end, is_exact = _unwrapped(data)
    if data[begin : begin + 4] != b"MThd":
        found = data[begin : begin + 4]
        raise MalformedError(f"it starts with {found!r} where a MIDI file says b'MThd'")
    if end - begin < 14:
        raise MalformedError(f"it ends within its header, after {end - begin} bytes")
    header_size = number_at(data, begin + 4, 4)
    file_format, track_count, division = (number_at(data, begin + i, 2) for i in (8, 10, 12))
    if header_size < 6:
        raise MalformedError(f"its header is {header_size} bytes long, not 6")
    if file_format > 2:
        raise MalformedError(f"it says it is of format {file_format}; there are 0, 1 and 2")
    ticks_per_quarter, tempo = clock_of(division)
    chunks, last = _tracks(data, begin + 8 + header_size, end, track_count, limits)
    if not chunks:
        raise MalformedError("it has no tracks")
    is_tidy = is_exact and last == end and len(chunks) == track_count
    is_tidy = is_tidy and (file_format != 0 or track_count == 1)
    return Container(file_format, ticks_per_quarter, tempo, data, chunks, is_tidy)


def clock_of(division: int) -> tuple[int, int | None]:
    """Ticks per quarter of a header's division and, where it counts SMPTE frames, the tempo.

    Frames have no quarters: one is chosen, of about half a second, so that ticks last exactly as
    long as the file says. 29 stands for the 30000/1001 frames a second of NTSC television.
    MalformedError for a division that says nothing.
    """
    if not division & 0x8000:
        if division == 0:
            raise MalformedError("it has 0 ticks per quarter note")
        return division, None
    frames_per_s, ticks_per_frame = 256 - (division >> 8), division & 0xFF
    if frames_per_s not in (24, 25, 29, 30) or ticks_per_frame == 0:
        raise MalformedError(
            f"it counts {frames_per_s} SMPTE frames a second of {ticks_per_frame} ticks"
        )
    rate = Fraction(30_000, 1001) if frames_per_s == 29 else Fraction(frames_per_s)
    microseconds = 1_000_000 / (rate * ticks_per_frame)  # a tick's, exactly
    scale = max(1, round(_NEAR_QUARTER / microseconds.numerator))
    return scale * microseconds.denominator, scale * microseconds.numerator


def number_at(data: Bytes, at: int, size: int) -> int:
    """Big-endian number of a header."""
    return int.from_bytes(data[at : at + size], "big")


def _unwrapped(data: Bytes) -> tuple[int, int, bool]:
    """Where the MIDI file in the data begins and ends, and whether nothing is wrong around it."""
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return 0, len(data), True
    at, end = 12, 8 + int.from_bytes(data[4:8], "little")
    is_exact = end in (len(data), len(data) - 1)
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            end = at + 8 + size
            return at + 8, min(end, len(data)), is_exact and end <= len(data)
        at += 8 + size + size % 2
    raise MalformedError("its RIFF wrapper holds no MIDI")


def _tracks(
    data: Bytes, at: int, stop: int, announced: int, limits: Limits
) -> tuple[list[tuple[int, int]], int]:
    """Where the events of each track begin and end, and where the last chunk ends."""
    chunks: list[tuple[int, int]] = []
    last = at
    while at + 8 <= stop:
        kind, size = data[at : at + 4], number_at(data, at + 4, 4)
        at += 8
        if kind == b"MTrk":
            if at + size > stop:
                raise MalformedError(
                    f"it ends in the middle of track {len(chunks) + 1}: "
                    f"{at + size - stop} bytes are missing"
                )
            chunks.append((at, at + size))
            limits.check_tracks(len(chunks))
        elif not is_foreign(kind):
            break
        at += size
        if at <= stop:
            last = at
    if len(chunks) < announced:
        raise MalformedError(f"its header announces {announced} tracks but it holds {len(chunks)}")
    return chunks, last


def is_foreign(kind: bytes) -> bool:
    """Whether four bytes can name a chunk of another kind than MIDI's."""
    return len(kind) == 4 and all(0x20 <= byte < 0x7F for byte in kind) and kind[:2] != b"MT"


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
