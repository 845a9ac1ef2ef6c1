"""What a piece sounds like in 128 bytes, so that its versions are found among a million others.

A piece is taken as the set of short turns its outer voices make. Two pieces are versions of each
other when their sets overlap, and how much they do is told by their MinHash sketches alone
(Broder 1997), each of which keeps 16 bits of 64 hashes (b-bit minwise hashing, Li & Koenig 2010).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus import _shingles
from rnnmusic.score import Score

LANES = _shingles.LANES  # 16-bit hashes of a sketch
SKETCH_SIZE = LANES // 4  # words of 64 bits
NO_SKETCH = np.zeros(SKETCH_SIZE, dtype=np.uint64)  # of what isn't a score: similar to nothing
NO_FAMILY = 0  # of what isn't a score

#: Share of their turns that two pieces must have in common to be versions of each other.
THRESHOLD = 0.25

# Onsets closer than the time that 16 notes usually take, divided by this, sound together.
_TOGETHER = 48
_SPAN = 16  # notes

# A band is a pair of lanes. Pieces that agree in one are compared: those at the threshold agree in
# 12 of the 192 pairs on average.
_STRIDES = (1, 7, 19)
_NEIGHBOURS = 6  # of a piece within its bucket that it is compared to
_CHUNK = 1 << 15  # pairs compared at once


class Sketch(NamedTuple):
    """A piece without its key, tempo, dynamics, instruments and drums.

    words: (SKETCH_SIZE,) uint64, for `similar`. family: a hash of all its notes that it shares
    with exact transpositions and copies in other time units, and with nothing else.
    """

    words: NDArray[np.uint64]
    family: int


def sketch(score: Score) -> Sketch:
    """The MinHash sketch of a score and its family.

    The set is of `_shingles.NGRAM` successive intervals of the highest and of the lowest notes,
    repeated pitches taken as one; notes whose onsets are close for the piece's pace sound
    together. The sketch of a piece with too few different turns to be known by them equals those
    of its family and is like no other. Of drums alone there is a family, but no transposition.
    Thread-safe.
    """
    notes = score.notes()
    pitched = len(notes) > 0
    if not pitched:
        notes = score.notes(drums=True)
    if not len(notes):
        return Sketch(NO_SKETCH, NO_FAMILY)
    starts = np.ascontiguousarray(notes["start_tick"])
    pitches = np.ascontiguousarray(notes["pitch"])
    kernel = _shingles.SKETCH.for_work(len(starts))
    lanes = np.zeros(LANES, dtype=np.uint16)
    high, low = kernel(starts, pitches, _pace(starts), _TOGETHER, pitched, lanes)
    return Sketch(lanes.view(np.uint64), (high << 32 | low) or 1)


def similar(sketches: NDArray[np.uint64], threshold: float = THRESHOLD) -> NDArray[np.int64]:
    """Pairs of near duplicates (E, 2) among sketches (N, SKETCH_SIZE), the lower index first.

    Enough of them to connect all that belong together, not every one. Candidates come from
    buckets of sketches that agree in two of their hashes (locality-sensitive hashing, Indyk &
    Motwani 1998) and are taken where the share of equal hashes, an estimate of the sets' Jaccard
    similarity with a standard error of 0.06 at most, reaches the threshold. Time is near linear;
    beside the sketches, which may be memory-mapped, it takes some 60 bytes a piece.
    """
    lanes = sketches.view(np.uint16).reshape(len(sketches), LANES)
    there = np.flatnonzero(sketches.any(axis=1))
    least = int(np.ceil(threshold * LANES))
    labels = np.arange(len(sketches))
    edges = [np.empty((0, 2), dtype=np.int64)]
    for stride in _STRIDES:
        for lane in range(LANES):
            key = lanes[there, lane].astype(np.uint32) << 16
            key |= lanes[there, (lane + stride) % LANES]
            order = np.argsort(key, kind="stable")
            key, order = key[order], there[order]
            for lag in range(1, _NEIGHBOURS + 1):
                at = np.flatnonzero(key[lag:] == key[:-lag])
                if not len(at):
                    break
                pairs = np.column_stack((order[at], order[at + lag]))
                pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]
                pairs = pairs[_agreeing(lanes, pairs) >= least]
                if len(pairs):
                    edges.append(pairs)
                    labels = components(labels, pairs)
    return np.concatenate(edges)


def components(labels: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels (N,) after the two of each pair (E, 2) are joined: the lowest index in each group.

    `labels` are such labels already, `numpy.arange(N)` where nothing is joined yet.
    """
    labels = labels.copy()
    while len(pairs):
        one, other = labels[pairs[:, 0]], labels[pairs[:, 1]]
        apart = one != other
        pairs, one, other = pairs[apart], one[apart], other[apart]
        np.minimum.at(labels, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(up := labels[labels], labels):
            labels = up
    return labels


def _agreeing(lanes: NDArray[np.uint16], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of equal lanes of each pair (E,)."""
    counts = np.empty(len(pairs), dtype=np.int64)
    for start in range(0, len(pairs), _CHUNK):
        a, b = pairs[start : start + _CHUNK].T
        counts[start : start + _CHUNK] = (lanes[a] == lanes[b]).sum(axis=1)
    return counts


def _pace(starts: NDArray[np.int64]) -> int:
    """Ticks that `_SPAN` notes in a row usually take, fewer notes in a short piece."""
    span = min(_SPAN, max(1, len(starts) // 2))
    taken = starts[span:] - starts[:-span]
    if not len(taken):
        return 0
    middle = len(taken) // 2
    return int(np.partition(taken, middle)[middle]) * _SPAN // span
