"""Which pieces train, validate and test: a function of the music alone.

Pieces that are versions of each other form a group, and a group goes to one split whole: a network
would otherwise have heard what it is tested on. Its place is decided by a hash of its music, so
files may be renamed, converted or added without moving the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus.fingerprints import NO_FAMILY, components, similar
from rnnmusic.errors import UsageError

SPLITS = ("train", "valid", "test")


class Leak(NamedTuple):
    """Pieces that are to be new to the network though it learns from a version of them."""

    group: int
    held_out: tuple[int, ...]  # all of the group's pieces in later splits than the relative
    relative: int  # the first of the group's pieces in its earliest split


def fingerprint(rows: NDArray[Any]) -> bytes:
    """SHA-256 of a piece's packed rows (T, ...), their shape and type: 32 bytes."""
    digest = hashlib.sha256(f"{rows.shape} {rows.dtype.str}".encode())
    digest.update(np.ascontiguousarray(rows).data)
    return digest.digest()


def check_fractions(fractions: Sequence[float]) -> None:
    """UsageError unless fractions are three shares that add up to 1, the first above 0."""
    sound = len(fractions) == len(SPLITS) and all(f >= 0 for f in fractions)
    if not sound or fractions[0] == 0 or abs(sum(fractions) - 1) > 1e-6:
        raise UsageError(
            f"The splits {tuple(fractions)} don't make sense; give three shares for train, valid "
            "and test that add up to 1, as 0.8 0.1 0.1."
        )


def group(
    sketches: NDArray[np.uint64],
    families: NDArray[np.uint64],
    keys: Iterable[Hashable] | None = None,
) -> NDArray[np.int64]:
    """The group (N,) of each piece: the index of the first piece that belongs with it.

    Together are near duplicates by their sketches (N, SKETCH_SIZE), pieces of one family (N,),
    and those of equal keys (N), the user's own: a folder, a composer; None is no key.
    """
    labels = np.arange(len(sketches))
    labels = components(labels, _equal(families, families != NO_FAMILY))
    if keys is not None:
        numbers: dict[Hashable, int] = {}
        known = [-1 if key is None else numbers.setdefault(key, len(numbers)) for key in keys]
        labels = components(labels, _equal(np.array(known), np.array(known) >= 0))
    return components(labels, similar(sketches))


def assign(
    groups: NDArray[np.int64],
    fingerprints: NDArray[np.uint8],
    fractions: Sequence[float],
    seed: int = 0,
    given: Sequence[str | None] | None = None,
) -> list[str]:
    """The split of each piece, from its group (N,) and fingerprint (N, 32).

    The lowest fingerprint of a group hashes to a point in [0, 1), and the fractions, which are of
    pieces, cut that line. Two exceptions. A group that is more than the whole share of valid or of
    test stands at the beginning of the line, larger ones first, and so trains. And where a cut
    leaves a split of a small corpus empty, it moves just past the nearest group: with three groups
    or more all splits are filled, with fewer valid and test go without, in that order from the end.

    given: splits that are settled, None for those to choose. Then groups with a settled piece
    follow it, into train before valid before test, and the others are cut as if they were alone.
    """
    check_fractions(fractions)
    if given is not None:
        return _assign_the_rest(groups, fingerprints, fractions, seed, given)
    numbers, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    lowest = np.full(len(numbers), np.iinfo(np.uint64).max, dtype=np.uint64)
    heads = np.ascontiguousarray(fingerprints[:, :8]).view(">u8").ravel()
    np.minimum.at(lowest, member, heads.astype(np.uint64))
    points = np.array([_point(int(value), seed) for value in lowest])
    shares = [share for share in fractions[1:] if share > 0]
    too_large = sizes > max(1, min(shares, default=1.0) * len(groups))
    order = np.lexsort((lowest, points, -sizes * too_large, ~too_large))
    valid_from, test_from = _cuts(np.where(too_large, 0.0, points)[order], fractions)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    place = (rank >= valid_from).astype(int) + (rank >= test_from)
    return [SPLITS[split] for split in place[member]]


def leaks(groups: NDArray[np.int64], splits: Sequence[str]) -> list[Leak]:
    """The groups (N,) that splits given from outside tear apart, by number."""
    place = np.array([SPLITS.index(split) for split in splits], dtype=np.int64)
    _, member = np.unique(groups, return_inverse=True)
    earliest = np.full(len(groups), len(SPLITS))
    np.minimum.at(earliest, member, place)
    later = np.flatnonzero(place > earliest[member])
    held_out: dict[int, list[int]] = {}
    for piece in later.tolist():
        held_out.setdefault(int(groups[piece]), []).append(piece)
    firsts = np.flatnonzero((place == earliest[member]) & np.isin(groups, groups[later]))
    relative = {int(groups[piece]): int(piece) for piece in firsts[::-1]}
    return [Leak(key, tuple(held_out[key]), relative[key]) for key in sorted(held_out)]


def _assign_the_rest(
    groups: NDArray[np.int64],
    fingerprints: NDArray[np.uint8],
    fractions: Sequence[float],
    seed: int,
    given: Sequence[str | None],
) -> list[str]:
    places = list(given)
    settled: dict[int, str] = {}
    for number, split in zip(groups.tolist(), given, strict=True):
        if split is not None:
            settled[number] = min(split, settled.get(number, split), key=SPLITS.index)
    places = [
        settled.get(number) if split is None else split
        for number, split in zip(groups.tolist(), given, strict=True)
    ]
    rest = np.flatnonzero([split is None for split in places])
    if len(rest):
        chosen = assign(groups[rest], fingerprints[rest], fractions, seed)
        for index, split in zip(rest.tolist(), chosen, strict=True):
            places[index] = split
    return [split or SPLITS[0] for split in places]


def _cuts(line: NDArray[np.float64], fractions: Sequence[float]) -> tuple[int, int]:
    """Where valid and test begin among sorted points."""
    wanted = [fraction > 0 for fraction in fractions]
    least = [int(want and sum(wanted[:i]) < len(line)) for i, want in enumerate(wanted)]
    valid_from = int(np.searchsorted(line, fractions[0]))
    test_from = int(np.searchsorted(line, fractions[0] + fractions[1]))
    if not wanted[2]:  # the sum of the shares may round to just below 1
        test_from = len(line)
    valid_from = min(max(valid_from, least[0]), len(line) - least[1] - least[2])
    test_from = min(max(test_from, valid_from + least[1]), len(line) - least[2])
    return valid_from, test_from


def _equal(values: NDArray[Any], counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pairs (E, 2) that connect the indices of equal values, of those that are counted."""
    rows = np.flatnonzero(counted)
    rows = rows[np.argsort(values[rows], kind="stable")]
    same = values[rows[1:]] == values[rows[:-1]]
    pairs: NDArray[np.int64] = np.column_stack((rows[:-1], rows[1:]))[same]
    return pairs


def _point(value: int, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{value}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
