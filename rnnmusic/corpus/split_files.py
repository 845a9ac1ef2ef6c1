"""Splits that somebody settled: MAESTRO's tables, or a plain table of names and splits."""

from __future__ import annotations

import csv
import io
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rnnmusic.corpus.sources import AUDIO_EXTENSIONS, MUSIC_EXTENSIONS
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file

#: What files call the splits.
SPELLINGS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}
# A piece goes by the name in any of these columns.
_NAME_COLUMNS = ("name", "midi_filename", "audio_filename")
_COMPOSER_COLUMNS = ("composer", "canonical_composer")
_EXTENSIONS = AUDIO_EXTENSIONS | MUSIC_EXTENSIONS


class Entry(NamedTuple):
    """What a split file says of a piece: its name, split and composer ("" where it says none)."""

    name: str
    split: str
    composer: str


class SplitFile:
    """The splits of pieces by their names, as `read` gives it.

    A piece goes by its path below the corpus's folder, with or without the extension of music.
    Either path may begin further up than the other: an entry "2018/x.midi" is of the piece
    "maestro/2018/x.midi", and of "x.midi" unless other entries that differ end in that too. What
    is said of a file of many tunes holds for each, "tunes.abc#3", that has no entry of its own.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self._whole: dict[str, Entry | None] = {}  # None: entries that differ
        self._ends: dict[str, Entry | None] = {}
        for entry in self.entries:
            for path in _spellings(entry.name):
                _put(self._whole, path, entry)
                for end in _ends(path):
                    _put(self._ends, end, entry)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the file, in its order."""
        return tuple(entry.name for entry in self.entries)

    def split_of(self, item_name: str) -> str | None:
        """The split of a piece, one of SPLITS; None where the file doesn't settle it."""
        entry = self._entry(item_name)
        return entry.split if entry else None

    def composer_of(self, item_name: str) -> str | None:
        """The composer of a piece; None where the file names none."""
        entry = self._entry(item_name)
        return (entry.composer or None) if entry else None

    def _entry(self, name: str) -> Entry | None:
        file, _, tune = name.rpartition("#")
        found = self._named(name)
        return found or (self._named(file) if file and tune.isdecimal() else None)

    def _named(self, name: str) -> Entry | None:
        paths = _spellings(name)
        for path in paths:
            for end in (path, *_ends(path)):
                if end in self._whole:
                    return self._whole[end]
        return next((self._ends[path] for path in paths if path in self._ends), None)


def read(path: str | os.PathLike[str]) -> SplitFile:
    """Read a table of splits: CSV with a header, or MAESTRO's JSON.

    Columns: `split` (train, valid, validation, val, dev or test) and `name`, or MAESTRO's
    midi_filename and audio_filename; composer or canonical_composer if there is one; others are
    ignored. InputError, with the line, for anything else and for names with two splits.
    """
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"Can't read {file}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"Line {line} of {file} isn't UTF-8; save the table as UTF-8.") from error
    rows = _json_rows(file, text) if file.suffix.lower() == ".json" else _csv_rows(file, text)
    entries: dict[str, tuple[Entry, str]] = {}
    for where, row in rows:
        for entry in _row_entries(f"{where} of {file}", row):
            known, there = entries.setdefault(entry.name, (entry, where))
            if known.split != entry.split:
                raise InputError(
                    f"{where} of {file} puts {entry.name!r} in {entry.split}, "
                    f"{there.lower()} in {known.split}; name it once."
                )
    if not entries:
        raise InputError(f"{file} names no piece; give a table with a row for each.")
    return SplitFile(entry for entry, _ in entries.values())


def write(path: str | os.PathLike[str], pairs: Iterable[tuple[str, str]]) -> None:
    """Write (name, split) pairs as a table that `read` reads; folders above it must exist."""
    with (
        replacing_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("name", "split"))
        table.writerows(pairs)


def _csv_rows(file: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [column.strip().lower() for column in next(lines, [])]
        _check_columns(f"The first line of {file}", header)
        for row in lines:
            if not any(row):
                continue
            if len(row) != len(header):
                raise InputError(
                    f"Line {lines.line_num} of {file} has {len(row)} columns, the header "
                    f"{len(header)}; put names with commas in quotes."
                )
            yield f"Line {lines.line_num}", dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise InputError(
            f"Line {lines.line_num} of {file} isn't CSV ({error}); save the table as CSV with "
            "commas."
        ) from error


def _json_rows(file: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        columns = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} isn't JSON ({error}); give MAESTRO's, or CSV.") from error
    if not isinstance(columns, dict) or not all(isinstance(c, dict) for c in columns.values()):
        raise InputError(
            f"{file} isn't a table of columns, each an object of rows, as MAESTRO's is; "
            "give that, or CSV."
        )
    _check_columns(str(file), columns)
    for row in columns["split"]:
        yield f"Row {row}", {name: column.get(row, "") for name, column in columns.items()}


def _check_columns(where: str, columns: Iterable[str]) -> None:
    there = set(columns)
    if "split" not in there or there.isdisjoint(_NAME_COLUMNS):
        told = ", ".join(sorted(there)[:8]) or "none"
        raise InputError(
            f"{where} has the columns {told}; a table of splits needs `split` and one of "
            f"{', '.join(_NAME_COLUMNS)}, named by its first line."
        )


def _row_entries(where: str, row: Mapping[str, Any]) -> Iterator[Entry]:
    values = {name: str(value).strip() for name, value in row.items()}
    split = SPELLINGS.get(values["split"].lower())
    if split is None:
        raise InputError(
            f"{where} has the split {values['split']!r}; use {', '.join(SPLITS)} "
            "(or validation, val, dev)."
        )
    names = [values[column] for column in _NAME_COLUMNS if values.get(column)]
    if not names:
        raise InputError(f"{where} names no piece; give the name of its file.")
    composer = next((values[c] for c in _COMPOSER_COLUMNS if values.get(c)), "")
    for name in names:
        yield Entry(name, split, composer)


def _spellings(name: str) -> tuple[str, ...]:
    """A name as a plain path, then without the extension of music, if it has one."""
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")
    path = "/".join(part for part in parts if part not in ("", "."))
    stem, dot, extension = path.rpartition(".")
    return (path, stem) if stem and f"{dot}{extension}".lower() in _EXTENSIONS else (path,)


def _ends(path: str) -> list[str]:
    """The path without its first folder, without its first two, ..., longest first."""
    parts = path.split("/")
    return ["/".join(parts[i:]) for i in range(1, len(parts))]


def _put(index: dict[str, Entry | None], key: str, entry: Entry) -> None:
    """Note the entry under a key; None where others that say something else are there too."""
    known = index.setdefault(key, entry)
    if known is not None and known[1:] != entry[1:]:
        index[key] = None
