"""Music as steps that a network reads and writes: notes, piano-roll frames, frames of sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rnnmusic.encodings.chroma import Chroma
from rnnmusic.encodings.cqt import Cqt
from rnnmusic.encodings.events import NoteEvents
from rnnmusic.encodings.logmel import LogMel
from rnnmusic.encodings.pianoroll import PianoRoll
from rnnmusic.encodings.protocol import (
    REAL,
    AudioEncoding,
    Encoded,
    Encoding,
    LiveDecoder,
    LiveEncoder,
    NoteMessage,
    ScoreEncoding,
    Steps,
)
from rnnmusic.encodings.stft import Stft
from rnnmusic.encodings.waveform import Waveform
from rnnmusic.errors import UsageError

_KINDS: tuple[type[Encoding], ...] = (PianoRoll, NoteEvents, Waveform, Stft, LogMel, Cqt, Chroma)
ENCODINGS = {kind.name: kind for kind in _KINDS}


def from_config(config: Mapping[str, Any]) -> Encoding:
    """Build an encoding from {"name": ..., field: value, ...}; the inverse of `to_config`.

    Fields left out take their defaults. UsageError names an unknown name or key and lists the
    known ones; a field's value is checked by the encoding itself.
    """
    if not isinstance(config, Mapping):
        raise UsageError(
            f"An encoding's configuration is {config!r}; it must be a table with a name."
        )
    options = dict(config)
    name = options.pop("name", None)
    if not isinstance(name, str) or name not in ENCODINGS:
        known = ", ".join(sorted(ENCODINGS))
        raise UsageError(f"There is no encoding named {name!r}; choose one of {known}.")
    keys = [field.name for field in fields(ENCODINGS[name])]  # type: ignore[arg-type]
    if unknown := [key for key in options if key not in keys]:
        raise UsageError(
            f"The {name} encoding has no option {unknown[0]!r}; it knows {', '.join(keys)}."
        )
    return ENCODINGS[name](**options)


__all__ = [
    "ENCODINGS",
    "REAL",
    "AudioEncoding",
    "Chroma",
    "Cqt",
    "Encoded",
    "Encoding",
    "LiveDecoder",
    "LiveEncoder",
    "LogMel",
    "NoteEvents",
    "NoteMessage",
    "PianoRoll",
    "ScoreEncoding",
    "Steps",
    "Stft",
    "Waveform",
    "from_config",
]
