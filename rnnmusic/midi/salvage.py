"""The outer shell of a file that breaks the standard: which bytes are a track's, and what is wrong.

What is wrong within a track is for the forgiving scan: here its bytes are only given to it.
"""

from __future__ import annotations

from typing import NamedTuple

from rnnmusic.midi.container import Bytes, Container, clock_of, is_foreign, number_at, unpack
from rnnmusic.midi.limits import LimitError, Limits
from rnnmusic.midi.repairs import bytes_of, named, plural
from rnnmusic.score.assembly import MalformedError

_GUESSED_DIVISION = 480
_END = b"\xff\x2f\x00"


class _Header(NamedTuple):
    format: int
    tracks: int | None  # announced
    ticks_per_quarter: int
    tempo: int | None


class Shell(NamedTuple):
    """A file's tracks and, as clauses, what was repaired to find them."""

    container: Container
    repairs: list[str]
    has_early_end: bool  # the last track lacks bytes


def open_shell(data: Bytes, limits: Limits) -> Shell:
    """Split a file into its tracks, whatever its headers say.

    A track that can't have the length it claims gets the bytes up to the next one: its
    end-of-track says where it really ends. MalformedError when there is no track at all.
    """
    try:
        container = unpack(data, limits)
        if container.is_tidy:
            return Shell(container, [], False)
    except LimitError:
        raise
    except MalformedError as error:
        if data.find(b"MTrk") < 0:
            raise error from None
    repairs: list[str] = []
    begin, end = _song(data, repairs)
    first = data.find(b"MTrk", begin, end)
    if first < 0:
        raise MalformedError("it has no tracks")
    header = _header(data, begin, first, repairs)
    chunks, has_early_end = _tracks(data, first, end, limits, repairs)
    if not chunks:
        raise MalformedError("it ends within the head of its first track")
    if header.tracks is not None and header.tracks != len(chunks):
        verb = "is" if len(chunks) == 1 else "are"
        announced = plural(header.tracks, "track")
        repairs.append(f"the header announces {announced}, there {verb} {len(chunks)}")
    file_format = header.format
    if file_format == 0 and len(chunks) > 1:
        repairs.append("format 0 with several tracks read as format 1")
        file_format = 1
    container = Container(
        file_format, header.ticks_per_quarter, header.tempo, data, chunks, is_tidy=False
    )
    return Shell(container, repairs, has_early_end)


def _song(data: Bytes, repairs: list[str]) -> tuple[int, int]:
    """Where the header, or without one the first track, begins and what may be tracks ends.

    Of several files in one, the first that has a track.
    """
    track = data.find(b"MTrk")
    begin = data.rfind(b"MThd", 0, track)
    if begin < 0:
        begin = track
    is_wrapped = data[:4] == b"RIFF" and data[8:12] == b"RMID"
    end = data.find(b"MThd", track)
    while end >= 0 and data.find(b"MTrk", end, end + 64) < 0:
        end = data.find(b"MThd", end + 4)
    end = len(data) if end < 0 else end
    if end < len(data):
        repairs.append(f"a second file behind the first left out ({bytes_of(len(data) - end)})")
    if is_wrapped:
        size_at = data.rfind(b"data", 12, begin)
        size = int.from_bytes(data[size_at + 4 : size_at + 8], "little") if size_at > 0 else 0
        riff = int.from_bytes(data[4:8], "little") + 8
        if size_at < 0 or size_at + 8 != begin or riff not in (len(data), len(data) - 1):
            repairs.append("wrong sizes in the RIFF wrapper")
        elif begin + size > len(data):
            repairs.append(f"the RIFF wrapper ends {bytes_of(begin + size - len(data))} early")
        else:
            end = min(end, begin + size)
    elif begin:
        repairs.append(f"{bytes_of(begin)} before the header left out")
    return begin, end


def _header(data: Bytes, begin: int, first_track: int, repairs: list[str]) -> _Header:
    """The header's fields, where they can't be right by what is usual."""
    if data[begin : begin + 4] != b"MThd":
        repairs.append(f"no header, read as format 1 with {_GUESSED_DIVISION} ticks per quarter")
        return _Header(1, None, _GUESSED_DIVISION, None)
    if first_track - begin < 14:
        repairs.append(
            f"the header is cut short, read as format 1 with {_GUESSED_DIVISION} ticks per quarter"
        )
        return _Header(1, None, _GUESSED_DIVISION, None)
    size = number_at(data, begin + 4, 4)
    if size < 6 or begin + 8 + size > first_track:
        repairs.append(f"a header length of {size}")
    file_format, tracks, division = (number_at(data, begin + i, 2) for i in (8, 10, 12))
    if file_format > 2:
        repairs.append(f"format {file_format} read as format 1")
        file_format = 1
    try:
        ticks_per_quarter, tempo = clock_of(division)
    except MalformedError as error:
        ticks_per_quarter, tempo = _GUESSED_DIVISION, None
        clause = str(error).removeprefix("it ").removeprefix("has ")
        repairs.append(f"{clause}, read as {_GUESSED_DIVISION} ticks per quarter")
    return _Header(file_format, tracks, ticks_per_quarter, tempo)


def _tracks(
    data: Bytes, at: int, stop: int, limits: Limits, repairs: list[str]
) -> tuple[list[tuple[int, int]], bool]:
    """Where the events of each track may begin and end, and whether the last lacks bytes."""
    chunks: list[tuple[int, int]] = []
    wrong: list[int] = []
    between = junk = misnamed = 0
    has_early_end = False
    while at + 8 <= stop:
        limits.check_tracks(len(chunks) + 1)
        begin, size = at + 8, number_at(data, at + 4, 4)
        misnamed += data[at : at + 4] != b"MTrk"
        end = _end_of_track(data, begin, size, stop)
        missing = begin + size - end
        if 0 < missing <= limits.max_bytes and end == stop and data.rfind(_END, begin, end) < 0:
            repairs.append(f"{named(len(chunks))} ends {bytes_of(missing)} early")
            has_early_end = True
        elif missing:
            wrong.append(len(chunks))
        chunks.append((begin, end))
        at, junk = _next_track(data, end, stop)
        if at < stop:
            between += junk
    behind = junk if at == stop else stop - at
    if wrong:
        one = len(wrong) == 1
        repairs.append(
            f"the length of {named(wrong[0])} is wrong"
            if one
            else f"the lengths of {len(wrong)} tracks are wrong"
        )
    if misnamed:
        repairs.append(f"{plural(misnamed, 'track')} not called MTrk")
    if between:
        repairs.append(f"{bytes_of(between)} between tracks left out")
    if behind:
        repairs.append(f"{bytes_of(behind)} behind the last track left out")
    return chunks, has_early_end


def _end_of_track(data: Bytes, begin: int, size: int, stop: int) -> int:
    """Where a track ends at the latest: where it says, if that can be, or at the next track."""
    end = begin + size
    can_be = end <= stop and (
        end == stop
        or data[end : end + 4] == b"MTrk"
        or data[end - 3 : end] == _END
        or _foreign_end(data, end, stop) > end
    )
    following = data.find(b"MTrk", begin, end if can_be else stop)
    if can_be and (following < 0 or data[following - 3 : following] != _END):
        return end
    return following if following >= 0 else stop


def _next_track(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Where the next track begins, else `stop`, and how many bytes before it are in no chunk."""
    while at < stop and not _is_track(data, at, stop):
        end = _foreign_end(data, at, stop)
        if end == at:
            following = data.find(b"MTrk", at, stop)
            return (following, following - at) if following >= 0 else (stop, stop - at)
        at = end
    return at, 0


def _is_track(data: Bytes, at: int, stop: int) -> bool:
    """Whether a track begins here, if under a damaged name."""
    if data[at : at + 4] == b"MTrk":
        return True
    end = at + 8 + number_at(data, at + 4, 4)
    has_end = at + 12 <= end <= stop and data[end - 3 : end] == _END
    return has_end and (end == stop or data[end : end + 4] == b"MTrk")


def _foreign_end(data: Bytes, at: int, stop: int) -> int:
    """Where the chunk of another kind that begins here ends, or here if none does."""
    end = at + 8 + number_at(data, at + 4, 4)
    return end if is_foreign(data[at : at + 4]) and end <= stop else at
