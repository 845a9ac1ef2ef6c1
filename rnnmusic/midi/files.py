"""MIDI files to Scores and back: `read`, `write` and `dumps`."""

from __future__ import annotations

import os
from pathlib import Path

from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file
from rnnmusic.midi.container import unpack
from rnnmusic.midi.reader import read_tracks
from rnnmusic.midi.writer import dumps
from rnnmusic.score import Score
from rnnmusic.score.assembly import MalformedError


def read(source: str | os.PathLike[str] | bytes) -> Score:
    """Read a Standard MIDI File of format 0, 1 or 2, from a path or from its bytes.

    Every note, tempo, metre, key, controller and pitch bend is kept at its exact tick. Each
    channel and program of each chunk becomes a Track, if it has any event; a note still sounding
    at the end of its chunk ends there. The sequences of format 2 are laid end to end, each from a
    bar line on. Key and channel pressure, lyrics and system exclusive messages have no place in a
    Score.

    Raises InputError for a file that isn't there, isn't MIDI or breaks the standard anywhere.
    """
    if isinstance(source, bytes):
        data, label = source, "The MIDI data"
    else:
        data, label = _file_bytes(Path(source)), f"{source}"
    try:
        return read_tracks(unpack(data))
    except MalformedError as error:
        raise InputError(
            f"{label} can't be read as MIDI: {error}; give a whole Standard MIDI File "
            "(.mid), for example one exported again from the program that made it."
        ) from None


def write(score: Score, path: str | os.PathLike[str], *, format: int = 1) -> None:
    """Write a Score as a MIDI file: the whole file or, after any error, none of it.

    `dumps` says what each format keeps. Raises InputError when the score has values that MIDI
    can't hold or the path can't be written.
    """
    data = dumps(score, format=format)
    with replacing_file(path) as temporary:
        temporary.write_bytes(data)


def _file_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; give the path of one MIDI file.") from None
    except OSError as error:
        raise InputError(
            f"{path} can't be read: {error.strerror or error}; check the path."
        ) from None
