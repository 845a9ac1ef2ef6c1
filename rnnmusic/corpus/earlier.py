"""What an earlier build of the same store knows: files that haven't changed aren't read again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rnnmusic.corpus.records import Found, Verdict
from rnnmusic.corpus.sources import Item
from rnnmusic.corpus.store import Store, is_store, read_index, read_verdicts
from rnnmusic.corpus.writing import INPUTS_FILE, SKETCHES_FILE
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.errors import RnnMusicError

Stamp = tuple[int, int]  # size in bytes and nanoseconds of the last change
_Line = tuple[str, str, str, int, int, int]  # name, source, file, stamp, number of verdicts


def stamp_of(item: Item) -> Stamp:
    """What changes when a file does; (-1, -1) for one that can't be looked at."""
    try:
        status = os.stat(item.file)  # noqa: PTH116 - a Path for each of a million files
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def same_build(
    path: Path, encoding: Encoding, items: Iterable[Item], built: dict[str, Any]
) -> bool:
    """Whether building would only make the store in this folder once more.

    built: what the build would note of its options and of the folders' other files.
    """
    try:
        index = read_index(path)
        if index["encoding"] != encoding.to_config():
            return False
        if any(index["built"].get(key) != value for key, value in built.items()):
            return False
        lines = _read_inputs(path)
        for item in items:
            line = next(lines, None)
            if line is None or line[:3] != (item.name, item.source, item.file):
                return False
            if line[3:5] != stamp_of(item):
                return False
        return next(lines, None) is None
    except (RnnMusicError, OSError, ValueError, TypeError, KeyError):
        return False


class Earlier:
    """A store of the same encoding that is about to be replaced."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sketches = np.load(store.path / SKETCHES_FILE, mmap_mode="r")
        self._inputs = self._lines()
        self._next = next(self._inputs, None)

    @classmethod
    def open(cls, path: Path, encoding: Encoding, revision: int) -> Earlier | None:
        """The store in this folder if it is sound and what it holds would be read the same."""
        if not is_store(path):
            return None
        try:
            store = Store.open(path)
            if store.encoding == encoding and store.built.get("revision") == revision:
                return cls(store)
        except (RnnMusicError, OSError, ValueError):
            pass  # it is built anew
        return None

    def outcomes(self, item: Item, stamp: Stamp) -> list[Found | Verdict] | None:
        """What became of an unchanged item; None if it has to be read.

        Items must be asked for in the order of `sources.expand`.
        """
        try:
            # Both lists are sorted alike: what comes before this item is no longer wanted.
            while self._next is not None and self._next[0][:2] < (item.name, item.source):
                self._next = next(self._inputs, None)
            if self._next is None:
                return None
            line, verdicts, first_piece = self._next
        except (RnnMusicError, OSError, ValueError, TypeError):
            self._next = None
            return None
        if line[:3] != (item.name, item.source, item.file) or line[3:5] != stamp:
            return None
        # What another file has made a duplicate is a piece again when that file is gone.
        if any(verdict.verdict == "duplicate" for verdict in verdicts):
            return None
        outcomes: list[Found | Verdict] = []
        for verdict in verdicts:
            if verdict.is_piece:
                outcomes.append(self._found(first_piece, verdict))
                first_piece += 1
            else:
                outcomes.append(verdict)
        return outcomes

    def _lines(self) -> Iterator[tuple[_Line, list[Verdict], int]]:
        """Each input, its verdicts and the number of its first piece."""
        verdicts = (v for v in read_verdicts(self._store.path) if v.verdict != "ignored")
        piece = 0
        for line in _read_inputs(self._store.path):
            mine = [next(verdicts) for _ in range(line[5])]
            yield line, mine, piece
            piece += sum(verdict.is_piece for verdict in mine)

    def _found(self, index: int, verdict: Verdict) -> Found:
        store = self._store
        numbers = store.table[index]
        rows = slice(int(numbers["offset"]), int(numbers["offset"] + numbers["length"]))
        return Found(
            *store.names[index],
            numbers.copy(),
            np.array(self._sketches[index]),
            np.array(store.rows[rows]),
            np.array(store.clock[rows]),
            verdict.repairs,
            verdict.left_out or {},
        )


def _read_inputs(path: Path) -> Iterator[_Line]:
    with (path / INPUTS_FILE).open(encoding="utf-8") as file:
        for line in file:
            yield tuple(json.loads(line))
