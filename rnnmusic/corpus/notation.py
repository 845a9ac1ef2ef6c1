"""Notation files through music21, parsed once and then kept in a cache on disk.

music21 parses tens of scores a second at best, and keeps pickles; here what matters of a parsed
file is kept as plain arrays under a hash of all that decides it, and read back in a millisecond.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import warnings
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file
from rnnmusic.score import BEND, CONTROL, KEY, METRE, NOTE, TEMPO, Score, Track

EXTENSIONS = frozenset({".xml", ".musicxml", ".mxl", ".krn", ".abc"})
NOT_STATED = "not stated"
CACHE_FORMAT = 2
_SCORE_TABLES = {"tempos": TEMPO, "metres": METRE, "keys": KEY}
_TRACK_TABLES = {"notes": NOTE, "controls": CONTROL, "bends": BEND}


class Loaded(NamedTuple):
    """A score with what its file states beside the music."""

    score: Score
    licence: str
    composer: str = ""


def music21_version() -> str:
    """The installed music21; InputError when there is none."""
    try:
        return version("music21")
    except PackageNotFoundError as error:
        raise InputError(
            "Reading notation needs music21, which isn't installed; "
            "do so with: pip install 'rnnmusic[scores]'."
        ) from error


def cache_folder() -> Path:
    """Where parsed scores are kept: $RNNMUSIC_CACHE, $XDG_CACHE_HOME/rnnmusic or ~/.cache/rnnmusic.

    It may be deleted at any time.
    """
    if own := os.environ.get("RNNMUSIC_CACHE"):
        return Path(own) / "scores"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rnnmusic" / "scores"


def cached_file(path: Path) -> Path:
    """The cache file that belongs to a notation file as it is now."""
    # The converter is part of the key, so that a better one is never shadowed by the cache.
    converter = find_spec("rnnmusic.score.notation")
    code = Path(converter.origin).read_bytes() if converter and converter.origin else b""
    stamp = f"{CACHE_FORMAT} {music21_version()} {path.suffix.lower()} ".encode()
    digest = hashlib.sha256(stamp + hashlib.sha256(code).digest() + path.read_bytes())
    return cache_folder() / f"{digest.hexdigest()[:40]}.npz"


def is_cached(path: Path) -> bool:
    """Whether `load` would find the file in the cache; False also where it can't be read."""
    try:
        return cached_file(path).is_file()
    except (OSError, InputError):
        return False


def load(path: Path) -> list[Loaded]:
    """The scores of a notation file, usually one; InputError when music21 can't read it."""
    kept = cached_file(path)
    with contextlib.suppress(OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile):
        return _read(kept)
    loaded = _parse(path)
    # The cache only saves time: without a writable one everything works, slower.
    with contextlib.suppress(OSError, InputError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        _write(kept, loaded)
    return loaded


def _parse(path: Path) -> list[Loaded]:
    from music21 import converter, stream

    from rnnmusic.score.notation import from_music21

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            parsed = converter.parse(path, forceSource=True, storePickle=False)
            parts = list(parsed.scores) if isinstance(parsed, stream.Opus) else [parsed]
            return [Loaded(from_music21(part), _licence(part), _composer(part)) for part in parts]
        except InputError:
            raise
        except Exception as error:  # music21's parsers raise whatever their input provokes
            reason = str(error).strip().splitlines()[:1] or [""]
            raise InputError(
                f"music21 can't read {path} ({type(error).__name__}: {reason[0]}); "
                "export the score again."
            ) from error


def _licence(part: Any) -> str:
    stated = part.metadata.copyright if part.metadata is not None else None
    return " ".join(str(stated).split()) if stated else NOT_STATED


def _composer(part: Any) -> str:
    return " ".join((part.metadata.composer or "").split()) if part.metadata is not None else ""


def _write(file: Path, loaded: list[Loaded]) -> None:
    arrays: dict[str, Any] = {}
    index: list[dict[str, Any]] = []
    for i, (score, licence, composer) in enumerate(loaded):
        arrays |= {f"{i}.{name}": getattr(score, name) for name in _SCORE_TABLES}
        tracks = []
        for j, track in enumerate(score.tracks):
            arrays |= {f"{i}.{j}.{name}": getattr(track, name) for name in _TRACK_TABLES}
            tracks.append({"program": track.program, "is_drum": track.is_drum, "name": track.name})
        index.append(
            {
                "ticks_per_quarter": score.ticks_per_quarter,
                "name": score.name,
                "licence": licence,
                "composer": composer,
                "tracks": tracks,
            }
        )
    text = np.frombuffer(json.dumps(index).encode(), dtype=np.uint8)
    with replacing_file(file) as temporary, temporary.open("wb") as handle:
        np.savez(handle, allow_pickle=False, index=text, **arrays)


def _read(file: Path) -> list[Loaded]:
    with file.open("rb") as handle, np.load(handle, allow_pickle=False) as arrays:
        loaded = []
        for i, entry in enumerate(json.loads(arrays["index"].tobytes())):
            tracks = tuple(
                Track(**track, **{n: arrays[f"{i}.{j}.{n}"] for n in _TRACK_TABLES})
                for j, track in enumerate(entry["tracks"])
            )
            score = Score(
                ticks_per_quarter=entry["ticks_per_quarter"],
                name=entry["name"],
                tracks=tracks,
                **{n: arrays[f"{i}.{n}"] for n in _SCORE_TABLES},
            )
            loaded.append(Loaded(score, entry["licence"], entry["composer"]))
        return loaded
