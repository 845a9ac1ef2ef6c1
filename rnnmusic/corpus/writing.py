"""A store while it is built: everything goes to its files as it comes, nothing piles up in memory.

Its splits are settled last, when all pieces are known: the table of pieces is filled in in place,
and the verdicts are written anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus.fingerprints import SKETCH_SIZE
from rnnmusic.corpus.records import PIECE, Found, Verdict, row_layout
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.sequences.growing import GrowingArray

FORMAT = "rnnmusic-store"
VERSION = 2
INDEX_FILE = "store.json"
PIECES_FILE, NAMES_FILE = "pieces.npy", "names.jsonl"
STEPS_FILE, CLOCK_FILE, SKETCHES_FILE = "steps.npy", "clock.npy", "sketches.npy"
VERDICTS_FILE, INPUTS_FILE = "verdicts.jsonl", "inputs.jsonl"

_NO_SPLIT = '"split": ""}\n'  # how the line of a piece ends until it has one


class StoreWriter:
    """Writes the files of a store into a folder; a context, after which `seal` ends the work."""

    def __init__(self, folder: Path, encoding: Encoding) -> None:
        self._folder, self._encoding = folder, encoding
        with ExitStack() as stack:
            keep = stack.enter_context
            width, dtype = row_layout(encoding)
            self._steps = keep(GrowingArray(folder / STEPS_FILE, (width,), dtype))
            clocks = len(encoding.clock_sizes)
            self._clock = keep(GrowingArray(folder / CLOCK_FILE, (clocks,), np.dtype(np.uint8)))
            self._pieces = keep(GrowingArray(folder / PIECES_FILE, (), PIECE))
            sketch = np.dtype("<u8")
            self._sketches = keep(GrowingArray(folder / SKETCHES_FILE, (SKETCH_SIZE,), sketch))
            texts = (
                keep((folder / name).open("w", encoding="utf-8"))
                for name in (NAMES_FILE, VERDICTS_FILE, INPUTS_FILE)
            )
            self._names, self._verdicts, self._inputs = texts
            self._files = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.__exit__(kind, error, trace)

    @property
    def pieces(self) -> int:
        """Number of pieces so far."""
        return self._pieces.rows

    def add_piece(self, found: Found) -> None:
        """Write a piece; its verdict is to be added too."""
        row = found.numbers.copy()
        row["offset"] = self._steps.rows
        self._steps.append(found.rows)
        self._clock.append(found.clock)
        self._pieces.append(row[None])
        self._sketches.append(found.sketch[None])
        _line(self._names, [found.name, found.source, found.licence, found.composer])

    def add_verdict(self, verdict: Verdict) -> None:
        """Write a verdict, which has no split yet."""
        entry = {**vars(verdict), "left_out": verdict.left_out or {}, "split": ""}
        _line(self._verdicts, entry)

    def add_input(self, *columns: str | int) -> None:
        """Write a line about an input file, for the next build to tell whether it has changed."""
        _line(self._inputs, columns)

    def tables(self) -> tuple[NDArray[Any], NDArray[np.uint64], Iterator[list[str]]]:
        """Once the context is left: pieces (N,) PIECE, to be written to, sketches and names."""
        table = np.lib.format.open_memmap(self._folder / PIECES_FILE, mode="r+")
        sketches = np.load(self._folder / SKETCHES_FILE, mmap_mode="r")
        return table, sketches, _read_lines(self._folder / NAMES_FILE)

    def seal(self, splits: Sequence[str], built: dict[str, Any]) -> None:
        """Give pieces their splits and make the folder a store; the last thing to do."""
        table, _, _ = self.tables()
        table["split"] = [SPLITS.index(split) for split in splits]
        table.flush()  # type: ignore[attr-defined]
        self._place_verdicts(splits)
        index = {
            "format": FORMAT,
            "version": VERSION,
            "encoding": self._encoding.to_config(),
            "built": built,
        }
        text = json.dumps(index, ensure_ascii=False, indent=1)
        (self._folder / INDEX_FILE).write_text(text + "\n", encoding="utf-8")

    def _place_verdicts(self, splits: Sequence[str]) -> None:
        final = self._folder / VERDICTS_FILE
        draft = final.with_suffix(".draft")
        final.rename(draft)
        places = iter(splits)
        with draft.open(encoding="utf-8") as lines, final.open("w", encoding="utf-8") as file:
            for line in lines:
                if Verdict(**json.loads(line)).is_piece:
                    line = line.removesuffix(_NO_SPLIT) + f'"split": "{next(places)}"}}\n'
                file.write(line)
        draft.unlink()


def _read_lines(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _line(file: Any, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    try:
        file.write(text + "\n")
    except UnicodeEncodeError:  # the name of a file that isn't text in any encoding
        file.write(json.dumps(value) + "\n")
