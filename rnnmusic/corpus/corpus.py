"""Corpus: what training and evaluation see of a store or of a benchmark file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rnnmusic.corpus.benchmark import read_benchmark
from rnnmusic.corpus.pieces import Pieces
from rnnmusic.corpus.sources import MUSIC_EXTENSIONS
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.corpus.store import Store, is_store
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.errors import InputError
from rnnmusic.files import existing_folder


@dataclass(frozen=True)
class Corpus:
    """Encoded pieces in three splits (train, valid, test, each possibly empty)."""

    path: Path
    encoding: Encoding
    splits: dict[str, Pieces]
    store: Store | None = None  # where it comes from a store

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Corpus:
        """Open a store folder or a benchmark .npz; InputError says what else it is."""
        place = existing_folder(path)
        if place.is_dir():
            if not is_store(place):
                raise InputError(_not_a_store(place))
            store = Store.open(place)
            return cls(place, store.encoding, {s: store.pieces(s) for s in SPLITS}, store)
        if not place.exists():
            raise InputError(
                f"There is no corpus {place}; build one with "
                f"`rnnmusic corpus build FOLDER -o {place}`."
            )
        encoding, splits = read_benchmark(place)
        return cls(place, encoding, splits)

    @property
    def name(self) -> str:
        """The name of its folder or file, without suffix."""
        return self.path.resolve().stem


def _not_a_store(folder: Path) -> str:
    if not any(folder.iterdir()):
        return f"{folder} is empty; build a corpus with `rnnmusic corpus build FOLDER -o STORE`."
    if any(file.suffix.lower() in MUSIC_EXTENSIONS for file in folder.rglob("*")):
        return (
            f"{folder} is a folder of files: build a corpus first with "
            f"`rnnmusic corpus build {folder} -o STORE`."
        )
    return (
        f"{folder} is not a corpus: it has no store.json; give a folder that "
        "`rnnmusic corpus build` wrote."
    )
