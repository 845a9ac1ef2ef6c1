"""Notation files through music21, parsed once and then kept in a cache on disk.

music21 parses tens of scores a second at best, and keeps pickles; here what matters of a parsed
file is kept as plain arrays under a hash of all that decides it, and read back in a millisecond.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import threading
import warnings
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn
from zipfile import BadZipFile, ZipFile, is_zipfile

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file
from rnnmusic.score import BEND, CONTROL, KEY, METRE, NOTE, TEMPO, Score, Track

EXTENSIONS = frozenset({".xml", ".musicxml", ".mxl", ".krn", ".abc"})
NOT_STATED = "not stated"
CACHE_FORMAT = 3
MOST_BYTES = 64 << 20  # of text; an opera as MusicXML has some 30 MB
TIME_LIMIT_S = 600.0  # for a file; a symphony takes music21 a minute or two
_CONVERTERS = ("rnnmusic.score.notation", "rnnmusic.score.repeats", __name__)
_SCORE_TABLES = {"tempos": TEMPO, "metres": METRE, "keys": KEY}
_TRACK_TABLES = {"notes": NOTE, "controls": CONTROL, "bends": BEND}


class Loaded(NamedTuple):
    """A score with what its file states beside the music.

    fault: why a tune among others couldn't be read; its score is empty.
    """

    score: Score
    licence: str
    composer: str = ""
    fault: str = ""


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
    # The converters are part of the key, so that a better one is never shadowed by the cache.
    digest = hashlib.sha256(f"{CACHE_FORMAT} {music21_version()} {path.suffix.lower()} ".encode())
    for converter in map(find_spec, _CONVERTERS):
        if converter and converter.origin:
            digest.update(hashlib.sha256(Path(converter.origin).read_bytes()).digest())
    with path.open("rb") as file:
        hashlib.file_digest(file, lambda: digest)
    return cache_folder() / f"{digest.hexdigest()[:40]}.npz"


def is_cached(path: Path) -> bool:
    """Whether `load` would find the file in the cache; False also where it can't be read."""
    try:
        return cached_file(path).is_file()
    except (OSError, InputError):
        return False


def load(path: Path) -> list[Loaded]:
    """The scores of a notation file, usually one; InputError when music21 can't read it."""
    _check_size(path)
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
    from music21 import converter

    with warnings.catch_warnings(), _time_limit(path):
        warnings.simplefilter("ignore")
        try:
            if path.suffix.lower() == ".abc":
                return _parse_abc(_plain_abc(path.read_bytes()))
            return _scores(converter.parse(path, forceSource=True, storePickle=False))
        except (InputError, MemoryError):
            raise
        except Exception as error:  # music21's parsers raise whatever their input provokes
            raise InputError(
                f"music21 can't read {path} ({_reason(error)}); export the score again."
            ) from error


def _parse_abc(text: str) -> list[Loaded]:
    """The tunes in a text; where music21 stumbles over one of many, the others all the same."""
    from music21 import converter

    head, *tunes = re.split(r"(?m)^(?=X:)", text)
    try:
        return _scores(converter.parseData(text, format="abc"))
    except MemoryError:
        raise
    except Exception:
        if len(tunes) < 2:
            raise
    found: list[Loaded] = []
    for tune in tunes:
        try:
            found += _scores(converter.parseData(head + tune, format="abc"))
        except MemoryError:
            raise
        except Exception as error:
            fault = f"music21 can't read this tune ({_reason(error)}); mend or remove it."
            found.append(Loaded(Score(), NOT_STATED, fault=fault))
    return found


def _scores(parsed: Any) -> list[Loaded]:
    from music21 import stream

    from rnnmusic.score.notation import from_music21

    parts = list(parsed.scores) if isinstance(parsed, stream.Opus) else [parsed]
    return [Loaded(from_music21(part), _licence(part), _composer(part)) for part in parts]


def _reason(error: Exception) -> str:
    first = str(error).strip().splitlines()[:1] or [""]
    return f"{type(error).__name__}: {first[0]}"


def _check_size(path: Path) -> None:
    """InputError for a file, or a compressed score in it, that no score comes near."""
    size = path.stat().st_size
    if size <= MOST_BYTES and is_zipfile(path):
        try:
            with ZipFile(path) as archive:  # more than is stated here is never read of an entry
                size = sum(entry.file_size for entry in archive.infolist())
        except (BadZipFile, ValueError) as error:
            raise InputError(f"{path} is a damaged archive ({error}); export it again.") from error
    if size > MOST_BYTES:
        raise InputError(
            f"{path} holds {size} bytes; scores have up to {MOST_BYTES}: split it, or leave it out."
        )


@contextlib.contextmanager
def _time_limit(path: Path) -> Iterator[None]:
    """InputError when the block takes more than TIME_LIMIT_S.

    Signals are what can interrupt music21; without them (Windows, other threads) nothing does.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() != threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise _OverdueError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT_S)
    try:
        yield
    except _OverdueError as error:
        raise InputError(
            f"music21 was not done with {path} after {TIME_LIMIT_S:g} seconds; split it, or "
            "export it as MIDI."
        ) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _OverdueError(BaseException):
    """Not an Exception: music21 catches those in many places and goes on."""


def _plain_abc(content: bytes) -> str:
    """ABC as music21 understands it: fields inside a line, [K:G], on lines of their own."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # as most older tune books are
    return re.sub(r"\[([KLMQV]):([^\]\n]*)\]", r"\n\1:\2\n", text)


def _licence(part: Any) -> str:
    stated = part.metadata.copyright if part.metadata is not None else None
    return " ".join(str(stated).split()) if stated else NOT_STATED


def _composer(part: Any) -> str:
    return " ".join((part.metadata.composer or "").split()) if part.metadata is not None else ""


def _write(file: Path, loaded: list[Loaded]) -> None:
    arrays: dict[str, Any] = {}
    index: list[dict[str, Any]] = []
    for i, (score, licence, composer, fault) in enumerate(loaded):
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
                "fault": fault,
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
            loaded.append(Loaded(score, entry["licence"], entry["composer"], entry["fault"]))
        return loaded
