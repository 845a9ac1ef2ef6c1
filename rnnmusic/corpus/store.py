"""STORE: the folder a corpus is built into and memory-mapped from.

    store.json       format, encoding, the table of pieces, how it was built
    steps.npy        (N, F) of the encoding's integer type; binary steps as (N, ceil(F / 8)) uint8,
                     each row `numpy.packbits` of its F columns
    clock.npy        (N, C) uint8
    verdicts.jsonl   a line for every file that was looked at: kept, rejected, duplicate, ignored

A piece is `length` rows from `offset` on. Opening reads the table only; nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rnnmusic import encodings
from rnnmusic.corpus.pieces import Pieces
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.encodings.protocol import Encoding, Steps
from rnnmusic.errors import InputError, RnnMusicError

FORMAT = "rnnmusic-store"
VERSION = 1
INDEX_FILE, STEPS_FILE, CLOCK_FILE, VERDICTS_FILE = (
    "store.json",
    "steps.npy",
    "clock.npy",
    "verdicts.jsonl",
)


@dataclass(frozen=True)
class PieceRecord:
    """A row of the table of pieces."""

    name: str
    source: str
    licence: str
    sha256: str  # of its steps: see splits.fingerprint
    split: str
    offset: int
    length: int
    notes: int
    duration_s: float
    lowest_pitch: int
    highest_pitch: int


@dataclass(frozen=True)
class Verdict:
    """What became of one input. left_out: reason -> notes that the encoding can't say."""

    source: str
    verdict: str  # kept, rejected, duplicate or ignored
    reason: str = ""
    notes: int = 0
    steps: int = 0
    split: str = ""
    left_out: dict[str, int] | None = None


def pack(steps: Steps, encoding: Encoding) -> NDArray[Any]:
    """Steps (T, F) as the rows that a store keeps."""
    if encoding.is_binary:
        return np.packbits(steps.astype(np.uint8), axis=1)
    return steps.astype(encoding.dtype)


def row_layout(encoding: Encoding) -> tuple[int, np.dtype[Any]]:
    """Width and type of the rows that `pack` gives."""
    columns = len(encoding.sizes)
    if encoding.is_binary:
        return -(-columns // 8), np.dtype(np.uint8)
    return columns, encoding.dtype


class GrowingArray:
    """A .npy file of rows that is written as the rows come: memory for one piece is enough."""

    def __init__(self, path: Path, width: int, dtype: np.dtype[Any]) -> None:
        self._dtype, self._width, self.rows = dtype, width, 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, rows: NDArray[Any]) -> None:
        """Write rows (n, width) after the last."""
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).tobytes())
        self.rows += len(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._write_header()

    def _write_header(self) -> None:
        # numpy pads headers so that the first axis may grow in place.
        np.lib.format.write_array_header_1_0(
            self._file,
            {
                "descr": np.lib.format.dtype_to_descr(self._dtype),
                "fortran_order": False,
                "shape": (self.rows, self._width),
            },
        )


def write_index(
    folder: Path,
    encoding: Encoding,
    pieces: Sequence[PieceRecord],
    verdicts: Sequence[Verdict],
    built: dict[str, Any],
) -> None:
    """Write store.json and verdicts.jsonl, which make two arrays a store."""
    with (folder / VERDICTS_FILE).open("w", encoding="utf-8") as file:
        for verdict in verdicts:
            entry = {**asdict(verdict), "left_out": verdict.left_out or {}}
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    index = {
        "format": FORMAT,
        "version": VERSION,
        "encoding": encoding.to_config(),
        "built": built,
        "pieces": [asdict(piece) for piece in pieces],
    }
    text = json.dumps(index, ensure_ascii=False, indent=1)
    (folder / INDEX_FILE).write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Store:
    """An opened store."""

    path: Path
    encoding: Encoding
    records: tuple[PieceRecord, ...]
    built: dict[str, Any]  # seed, fractions, counts of verdicts, left_out
    rows: NDArray[Any]  # memory-mapped
    clock: NDArray[np.uint8]  # memory-mapped

    @classmethod
    def open(cls, path: Path) -> Store:
        """Map a store; InputError when it is damaged or of another version."""
        index = _read_index(path)
        try:
            encoding = encodings.from_config(index["encoding"])
            records = tuple(PieceRecord(**entry) for entry in index["pieces"])
            rows = _map(path / STEPS_FILE, *row_layout(encoding))
            clock = _map(path / CLOCK_FILE, len(encoding.clock_sizes), np.dtype(np.uint8))
            if len(rows) != len(clock):
                raise ValueError(f"{len(rows)} steps with {len(clock)} clock rows")
            for record in records:
                _check(record, len(rows))
            return cls(path, encoding, records, dict(index["built"]), rows, clock)
        except (OSError, ValueError, KeyError, TypeError, EOFError, RnnMusicError) as error:
            raise InputError(
                f"The store {path} is damaged ({error}); build it again with "
                "`rnnmusic corpus build`."
            ) from error

    def pieces(self, split: str) -> Pieces:
        """The pieces of one split."""
        chosen = [record for record in self.records if record.split == split]
        return Pieces(
            self.rows,
            self.clock,
            [record.name for record in chosen],
            np.array([record.offset for record in chosen], dtype=np.int64),
            np.array([record.length for record in chosen], dtype=np.int64),
            bits=len(self.encoding.sizes) if self.encoding.is_binary else None,
        )

    def verdicts(self) -> list[Verdict]:
        """What became of every input when the store was built."""
        file = self.path / VERDICTS_FILE
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
            return [Verdict(**json.loads(line)) for line in lines]
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{file} is damaged ({error}); build the store again.") from error


def is_store(path: Path) -> bool:
    """Whether a folder is an rnnmusic store, sound or not."""
    return (path / INDEX_FILE).is_file()


def _read_index(path: Path) -> dict[str, Any]:
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


def _map(file: Path, width: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    # Nothing can't be mapped, and needn't be.
    array: NDArray[Any] = np.load(file, mmap_mode="r" if width else None, allow_pickle=False)
    if array.ndim != 2 or array.shape[1] != width or array.dtype != dtype:
        raise ValueError(f"{file.name} holds {array.dtype} {array.shape}, not {dtype} (N, {width})")
    return array


def _check(record: PieceRecord, rows: int) -> None:
    if record.split not in SPLITS:
        raise ValueError(f"{record.name!r} is in a split called {record.split!r}")
    if record.offset < 0 or record.length < 1 or record.offset + record.length > rows:
        raise ValueError(f"{record.name!r} lies outside of {STEPS_FILE}")
