"""MIDI files to Scores and back: `load`, `read`, `write` and `dumps`."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import NamedTuple

from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file
from rnnmusic.midi.container import Bytes, unpack
from rnnmusic.midi.limits import LimitError, Limits
from rnnmusic.midi.reader import read_tracks
from rnnmusic.midi.salvage import open_shell
from rnnmusic.midi.writer import dumps
from rnnmusic.score import Score
from rnnmusic.score.assembly import MalformedError

_MAPPED = 1 << 24  # bytes from which a file is mapped rather than copied into memory


class Loaded(NamedTuple):
    """A Score and what was repaired to get it, as clauses: none for a file that breaks no rule."""

    score: Score
    repairs: tuple[str, ...]


def load(source: str | os.PathLike[str] | bytes, *, limits: Limits = Limits()) -> Loaded:
    """Read a MIDI file, from a path or from its bytes, whole or broken, and say what was repaired.

    Every intact note, tempo, metre, key, controller and pitch bend is kept at its exact tick. Each
    channel and program of each chunk becomes a Track, if it has any event; a note still sounding
    at the end of its chunk ends there. The sequences of format 2 are laid end to end, each from a
    bar line on. Where a file counts SMPTE frames the quarter is one of ours, its tempo such that
    seconds are exact, and the file's own tempos, which mean nothing there, are left out. Key and
    channel pressure, lyrics and system exclusive messages have no place in a Score.

    A repair never makes up notes: an event that is broken is left out, and what follows is only
    read from where several events in a row are right. Foreign chunks, a longer header and a
    running status that goes on behind a meta event aren't worth a repair.

    Raises InputError for a file that isn't there, holds nothing that could be saved or is beyond
    the limits.
    """
    data, label = _opened(source, limits)
    try:
        return _loaded(data, limits)
    except MalformedError as error:
        raise _refused(label, error) from None


def read(
    source: str | os.PathLike[str] | bytes, *, limits: Limits = Limits(), strict: bool = False
) -> Score:
    """Read a MIDI file as `load` does, without being told of repairs.

    `strict` refuses a broken file: InputError too for whatever breaks the standard, but for what
    loses nothing: bytes behind the last track or an end of track, or a missing end.
    """
    if not strict:
        return load(source, limits=limits).score
    data, label = _opened(source, limits)
    try:
        return read_tracks(unpack(data, limits), limits=limits).score
    except MalformedError as error:
        raise _refused(label, error) from None


def write(score: Score, path: str | os.PathLike[str], *, format: int = 1) -> None:
    """Write a Score as a MIDI file: the whole file or, after any error, none of it.

    `dumps` says what each format keeps. Raises InputError when the score has values that MIDI
    can't hold or the path can't be written.
    """
    data = dumps(score, format=format)
    with replacing_file(path) as temporary:
        temporary.write_bytes(data)


def _loaded(data: Bytes, limits: Limits) -> Loaded:
    shell = open_shell(data, limits)
    reading = read_tracks(
        shell.container, limits=limits, forgiving=True, has_early_end=shell.has_early_end
    )
    repairs = (*shell.repairs, *reading.repairs)
    if repairs and not reading.score.tracks:
        # Unless that is all there ever was, the reason why nothing came of it.
        read_tracks(unpack(data, limits), limits=limits)
    return Loaded(reading.score, repairs)


def _refused(label: str, error: MalformedError) -> InputError:
    if isinstance(error, LimitError):
        return InputError(f"{label} is too much: {error}; raise the limit or leave the file out.")
    return InputError(
        f"{label} can't be read as MIDI: {error}; give a whole Standard MIDI File "
        "(.mid), for example one exported again from the program that made it."
    )


def _opened(source: str | os.PathLike[str] | bytes, limits: Limits) -> tuple[Bytes, str]:
    """The bytes and what to call them; a large file is mapped, not copied."""
    if isinstance(source, bytes):
        return source, "The MIDI data"
    path = Path(source)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limits.max_bytes:
                limits.check_bytes(size)
            if size > _MAPPED:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), f"{path}"
            if size:
                return file.read(size), f"{path}"
            # Empty, or a pipe, which has no size. Room for the limit takes a while to be had.
            return file.read(limits.max_bytes + 1), f"{path}"
    except LimitError as error:
        raise _refused(f"{path}", error) from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; give the path of one MIDI file.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path} can't be read: {reason}; check the path.") from None
