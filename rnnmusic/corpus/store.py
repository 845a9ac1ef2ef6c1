"""STORE: the folder a corpus is built into and memory-mapped from.

    store.json       format, encoding, how it was built
    steps.npy        (N, F) of the encoding's own type; binary steps as (N, ceil(F / 8)) uint8,
                     each row `numpy.packbits` of its F columns
    clock.npy        (N, C) uint8
    pieces.npy       the table of pieces, one after the other in steps.npy and clock.npy
    names.jsonl      name, source, licence and composer of each piece
    sketches.npy     what tells near duplicates
    verdicts.jsonl   a line for every input: kept, repaired, rejected, duplicate, ignored
    inputs.jsonl     the files that were read, and when they were last changed

Opening reads the two tables of pieces only; nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic import encodings
from rnnmusic.corpus.pieces import Pieces
from rnnmusic.corpus.records import PIECE, PieceRecord, Verdict, row_layout
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.corpus.writing import (
    CLOCK_FILE,
    FORMAT,
    INDEX_FILE,
    NAMES_FILE,
    PIECES_FILE,
    STEPS_FILE,
    VERDICTS_FILE,
    VERSION,
)
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.errors import InputError, RnnMusicError


@dataclass(frozen=True)
class Store:
    """An opened store."""

    path: Path
    encoding: Encoding
    built: dict[str, Any]  # options, counts of verdicts, left_out
    table: NDArray[Any]  # (pieces,) PIECE
    names: tuple[tuple[str, str, str, str], ...]  # name, source, licence, composer
    rows: NDArray[Any]  # memory-mapped
    clock: NDArray[np.uint8]  # memory-mapped

    @classmethod
    def open(cls, path: Path) -> Store:
        """Map a store; InputError when it is damaged or of another version."""
        index = read_index(path)
        try:
            encoding = encodings.from_config(index["encoding"])
            table: NDArray[Any] = np.load(path / PIECES_FILE, allow_pickle=False)
            names = tuple(tuple(json.loads(line)) for line in _lines(path / NAMES_FILE))
            rows = _map(path / STEPS_FILE, *row_layout(encoding))
            clock = _map(path / CLOCK_FILE, len(encoding.clock_sizes), np.dtype(np.uint8))
            if len(rows) != len(clock):
                raise ValueError(f"{len(rows)} steps with {len(clock)} clock rows")
            _check(table, names, len(rows))
            return cls(path, encoding, dict(index["built"]), table, names, rows, clock)
        except (OSError, ValueError, KeyError, TypeError, EOFError, RnnMusicError) as error:
            raise InputError(
                f"The store {path} is damaged ({error}); build it again with "
                "`rnnmusic corpus build`."
            ) from error

    def pieces(self, split: str) -> Pieces:
        """The pieces of one split."""
        chosen = np.flatnonzero(self.table["split"] == SPLITS.index(split))
        return Pieces(
            self.rows,
            self.clock,
            [self.names[i][0] for i in chosen],
            self.table["offset"][chosen],
            self.table["length"][chosen],
            bits=len(self.encoding.sizes) if self.encoding.is_binary else None,
        )

    @cached_property
    def records(self) -> tuple[PieceRecord, ...]:
        """What is known of each piece, in the order of the sources."""
        return tuple(
            PieceRecord(
                name=name,
                source=source,
                licence=licence,
                composer=composer,
                split=SPLITS[int(row["split"])],
                sha256=row["sha256"].tobytes().hex(),
                duration_s=float(row["duration_s"]),
                tempo_bpm=float(row["tempo_bpm"]),
                **{field: int(row[field]) for field in _WHOLE},
            )
            for (name, source, licence, composer), row in zip(self.names, self.table, strict=True)
        )

    def verdicts(self) -> list[Verdict]:
        """What became of every input when the store was built."""
        return list(read_verdicts(self.path))


_WHOLE = ("offset", "length", "group", "notes", "key", "lowest_pitch", "highest_pitch")


def is_store(path: Path) -> bool:
    """Whether a folder is an rnnmusic store, sound or not."""
    return (path / INDEX_FILE).is_file()


def read_verdicts(path: Path) -> Iterator[Verdict]:
    """The verdicts in a store's folder, one by one; InputError where the file is damaged."""
    file = path / VERDICTS_FILE
    try:
        for line in _lines(file):
            entry = json.loads(line)
            yield Verdict(**{**entry, "repairs": tuple(entry["repairs"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file} is damaged ({error}); build the store again.") from error


def read_index(path: Path) -> dict[str, Any]:
    """store.json of a store of this version; InputError for any other."""
    try:
        index = json.loads((path / INDEX_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"Can't read {path / INDEX_FILE}: {error}; build the store again."
        ) from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise InputError(
            f"{path / INDEX_FILE} doesn't belong to an rnnmusic store; give a folder that "
            "`rnnmusic corpus build` wrote."
        )
    if index.get("version") != VERSION:
        raise InputError(
            f"The store {path} has format version {index.get('version')}, this rnnmusic reads "
            f"version {VERSION}; build it again with `rnnmusic corpus build`."
        )
    return index


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        yield from file


def _map(file: Path, width: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    # Nothing can't be mapped, and needn't be.
    array: NDArray[Any] = np.load(file, mmap_mode="r" if width else None, allow_pickle=False)
    if array.ndim != 2 or array.shape[1] != width or array.dtype != dtype:
        raise ValueError(f"{file.name} holds {array.dtype} {array.shape}, not {dtype} (N, {width})")
    return array


def _check(table: NDArray[Any], names: tuple[tuple[str, ...], ...], rows: int) -> None:
    if table.dtype != PIECE or table.ndim != 1:
        raise ValueError(f"{PIECES_FILE} holds {table.dtype} {table.shape}, not a table of pieces")
    if len(names) != len(table) or any(len(entry) != 4 for entry in names):
        raise ValueError(f"{NAMES_FILE} has {len(names)} names for {len(table)} pieces")
    if (table["split"] >= len(SPLITS)).any():
        raise ValueError("a piece is in a split that doesn't exist")
    first, length = table["offset"], table["length"]
    if ((first < 0) | (length < 1) | (first > rows - length)).any():
        raise ValueError(f"a piece lies outside of {STEPS_FILE}")
