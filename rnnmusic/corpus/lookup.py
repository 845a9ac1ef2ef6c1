"""Finding one piece of a corpus by its number or its name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnmusic.corpus.corpus import Corpus
from rnnmusic.corpus.pieces import Piece
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.errors import InputError, UsageError

SUGGESTIONS = 3


class Place(NamedTuple):
    """Where a piece lies, and its tempo (NaN where the corpus doesn't know it)."""

    split: str
    number: int  # within the split
    tempo_bpm: float

    def piece(self, corpus: Corpus) -> Piece:
        """The piece itself."""
        return corpus.splits[self.split][self.number]


def find(corpus: Corpus, which: str, *, split: str | None = None) -> Place:
    """The piece of this number, from 1 on, or of this name, in a corpus or one split of it.

    Pieces of a store are numbered as they were read, those of a benchmark file split by split. A
    part of a name will do where no other piece has it. UsageError for a split, number or name
    that isn't there, with the nearest ones; InputError for a split without pieces.
    """
    places = _places(corpus, _checked_split(corpus, split))
    where = f"{corpus.path}" if split is None else f"the {split} split of {corpus.path}"
    if which.isdecimal():
        number = int(which)
        if not 1 <= number <= len(places):
            raise UsageError(f"Piece {which} was asked for; {where} has pieces 1 to {len(places)}.")
        return places[number - 1]
    names = [corpus.splits[place.split].names[place.number] for place in places]
    return places[_named(which, names, where)]


def _checked_split(corpus: Corpus, split: str | None) -> str | None:
    if split is None:
        return None
    if split not in SPLITS:
        raise UsageError(f"There is no split {split!r}; choose one of {', '.join(SPLITS)}.")
    if not len(corpus.splits[split]):
        filled = [name for name, pieces in corpus.splits.items() if len(pieces)]
        raise InputError(
            f"The {split} split of {corpus.path} has no pieces; choose {' or '.join(filled)}."
        )
    return split


def _places(corpus: Corpus, split: str | None) -> list[Place]:
    if corpus.store is None:
        chosen = [split] if split else list(corpus.splits)
        return [
            Place(name, number, np.nan)
            for name in chosen
            for number in range(len(corpus.splits[name]))
        ]
    counts = dict.fromkeys(SPLITS, 0)
    places = []
    table = corpus.store.table
    for number, tempo_bpm in zip(table["split"].tolist(), table["tempo_bpm"].tolist(), strict=True):
        name = SPLITS[number]
        if split in (None, name):
            places.append(Place(name, counts[name], tempo_bpm))
        counts[name] += 1
    return places


def _named(which: str, names: Sequence[str], where: str) -> int:
    wanted = which.lower()
    lowered = [name.lower() for name in names]
    for matches in (
        [i for i, name in enumerate(names) if name == which],
        [i for i, name in enumerate(lowered) if wanted in name],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            shown = ", ".join(f"{i + 1} ({names[i]})" for i in matches[:SUGGESTIONS])
            more = " or another" if len(matches) > SUGGESTIONS else ""
            raise UsageError(
                f"{len(matches)} pieces of {where} are called {which!r}; "
                f"give the number of one: {shown}{more}."
            )
    near = difflib.get_close_matches(wanted, lowered, n=SUGGESTIONS, cutoff=0.4)
    hint = ", ".join(names[lowered.index(name)] for name in near)
    advice = f"did you mean {hint}?" if hint else f"give a number from 1 to {len(names)}."
    raise UsageError(f"No piece of {where} is called {which!r}; {advice}")
