"""Which split each piece of a build goes to: what belongs together, and who says so."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus import split_files, splits
from rnnmusic.errors import UsageError

GROUP_BY = ("folder", "composer")


MOST_LEAKS = 100  # sentences; the count is of all


class Placed(NamedTuple):
    """The split of each piece, how many groups they form, and where a split file parts a group."""

    splits: list[str]
    groups: int
    leaking: int  # pieces held out that have a version in an earlier split
    leaks: list[str]  # sentences about the first of them


class Placing:
    """Groups pieces and gives each group a split, as `splits` tells, or as a split file does.

    UsageError for an unknown group_by, InputError for a split file that can't be used.
    """

    def __init__(
        self,
        fractions: Sequence[float],
        seed: int,
        group_by: str | None = None,
        split_file: str | os.PathLike[str] | None = None,
    ) -> None:
        splits.check_fractions(fractions)
        if group_by is not None and group_by not in GROUP_BY:
            raise UsageError(
                f"Pieces can't be grouped by {group_by!r}; choose {' or '.join(GROUP_BY)}."
            )
        self._fractions, self._seed, self._group_by = fractions, seed, group_by
        self._given = split_files.read(split_file) if split_file is not None else None
        self.options: dict[str, Any] = {
            "fractions": list(fractions),
            "seed": seed,
            "group_by": group_by,
            "split_file": None if split_file is None else _digest(Path(split_file)),
        }

    def place(
        self,
        table: NDArray[Any],
        sketches: NDArray[np.uint64],
        names: Iterable[Sequence[str]],
    ) -> Placed:
        """Split all pieces of a table (N,) PIECE and fill in their groups.

        names: name, source, licence and composer of each.
        """
        keys: list[str | None] = []
        given: list[str | None] = []
        titles: list[str] = []  # only needed to tell of leaks
        for name, source, _, composer in names:
            keys.append(self._key(name, source, composer))
            if self._given is not None:
                given.append(self._given.split_of(name))
                titles.append(name)
        groups = splits.group(sketches, table["family"], keys if self._group_by else None)
        table["group"] = groups
        places = splits.assign(
            groups, table["sha256"], self._fractions, self._seed, given if self._given else None
        )
        torn = []
        if self._given:
            # Pieces that are kept together for another reason are no versions of each other.
            versions = splits.group(sketches, table["family"]) if self._group_by else groups
            torn = splits.leaks(versions, places)
        sentences = [
            f"{titles[i]} ({places[i]}) is a version of {titles[leak.relative]} "
            f"({places[leak.relative]})"
            for leak in torn[:MOST_LEAKS]
            for i in leak.held_out
        ]
        return Placed(
            places,
            len(np.unique(groups)),
            sum(len(leak.held_out) for leak in torn),
            sentences[:MOST_LEAKS],
        )

    def _key(self, name: str, source: str, composer: str) -> str | None:
        if self._group_by == "folder":
            # The folder a file is in, not the name within its source: two sources may share it.
            return source.rpartition("/")[0]
        if self._group_by == "composer":
            told = self._given.composer_of(name) if self._given else None
            # Collections are often sorted into a folder for each composer.
            return told or composer or name.rpartition("/")[0].partition("/")[0] or None
        return None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
