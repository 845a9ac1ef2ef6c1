"""What a piece sounds like in 128 bytes, so that its versions are found among a million others.

A piece is taken as the set of short turns its outer voices make. Two pieces are versions of each
other when their sets overlap, and how much they do is told by their MinHash sketches alone
(Broder 1997), each of which keeps 8 bits of 128 hashes (b-bit minwise hashing, Li & Koenig 2010).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus import _shingles
from rnnmusic.score import NOTE, Score

LANES = _shingles.LANES  # 8-bit hashes of a sketch
SKETCH_SIZE = LANES // 8  # words of 64 bits
NO_SKETCH = np.zeros(SKETCH_SIZE, dtype=np.uint64)  # of what isn't a score: similar to nothing
NO_FAMILY = 0  # of what isn't a score

#: Share of their turns that two pieces have in common at least if they are versions of each other.
THRESHOLD = 0.21

_SPAN = 16  # notes by which the pace of a piece is measured
_LATEST = 1 << 54  # tick

# A band is three lanes. Of 640 bands, pieces at the threshold agree in 6 on average.
_STRIDES = ((1, 3), (5, 16), (7, 27), (9, 41), (13, 58))
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
    keys = _keys(score, drums=False)
    pitched = len(keys) > 0
    if not pitched:
        keys = _keys(score, drums=True)
    if not len(keys):
        return Sketch(NO_SKETCH, NO_FAMILY)
    kernel = _shingles.SKETCH.for_work(len(keys))
    lanes = np.zeros(LANES, dtype=np.uint8)
    high, low = kernel(keys, *_pace(keys), pitched, lanes)
    return Sketch(lanes.view(np.uint64), (high << 32 | low) or 1)


def similar(sketches: NDArray[np.uint64], threshold: float = THRESHOLD) -> NDArray[np.int64]:
    """Pairs (E, 2) that connect near duplicates among sketches (N, SKETCH_SIZE), E < N.

    Candidates come from buckets of sketches that agree in three of their hashes (locality-sensitive
    hashing, Indyk & Motwani 1998) and are taken where the share of equal hashes, an estimate of
    the sets' Jaccard similarity with a standard error of 0.04, reaches the threshold. So that
    chance likenesses don't string together what has nothing in common, two groups are joined only
    if their first pieces are alike too, half as much at least. Time is near linear; beside the
    sketches, which may be memory-mapped, it takes some 60 bytes a piece.
    """
    lanes = sketches.view(np.uint8).reshape(len(sketches), LANES)
    there = np.flatnonzero(sketches.any(axis=1))
    least = math.ceil(threshold * LANES)
    labels = np.arange(len(sketches))
    edges: list[tuple[int, int]] = []
    for lane in range(LANES if len(there) > 1 else 0):
        for strides in _STRIDES:
            key = lanes[there, lane].astype(np.uint32)
            for stride in strides:
                key = key << 8 | lanes[there, (lane + stride) % LANES]
            order = np.argsort(key, kind="stable")
            key, order = key[order], there[order]
            for lag in range(1, _NEIGHBOURS + 1):
                at = np.flatnonzero(key[lag:] == key[:-lag])
                pairs = np.column_stack((order[at], order[at + lag]))
                pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]
                pairs = pairs[_agreeing(lanes, pairs) >= least]
                if len(pairs):
                    new = _joined(lanes, labels, pairs, least // 2)
                    labels = components(labels, new)
                    edges.extend(map(tuple, new.tolist()))
    return np.array(edges, dtype=np.int64).reshape(-1, 2)


def _joined(
    lanes: NDArray[np.uint8], labels: NDArray[np.int64], pairs: NDArray[np.int64], least: int
) -> NDArray[np.int64]:
    """Those of the pairs that join groups whose first pieces agree in `least` lanes, in order."""
    leaders: dict[int, int] = {}

    def leader(piece: int) -> int:
        while (up := leaders.get(piece, piece)) != piece:
            piece = up
        return piece

    joined = []
    for row, (one, other) in enumerate(labels[pairs].tolist()):
        first, second = sorted((leader(one), leader(other)))
        if first != second and np.count_nonzero(lanes[first] == lanes[second]) >= least:
            leaders[second] = first
            joined.append(row)
    return pairs[joined]


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


def _agreeing(lanes: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of equal lanes of each pair (E,)."""
    counts = np.empty(len(pairs), dtype=np.int64)
    for start in range(0, len(pairs), _CHUNK):
        a, b = pairs[start : start + _CHUNK].T
        counts[start : start + _CHUNK] = (lanes[a] == lanes[b]).sum(axis=1)
    return counts


def _keys(score: Score, *, drums: bool) -> NDArray[np.int64]:
    """Onset, in ticks after the first, and pitch of each note: onset * 128 + pitch, ascending.

    Notes doubled by several tracks are there once.
    """
    parts = [track.notes for track in score.tracks if track.is_drum == drums]
    notes = np.concatenate(parts) if parts else np.empty(0, dtype=NOTE)
    starts = notes["start_tick"] - notes["start_tick"].min(initial=_LATEST)
    keys: NDArray[np.int64] = np.minimum(starts, _LATEST) << 7 | notes["pitch"]
    keys.sort()
    return keys[np.diff(keys, prepend=-1) > 0]


def _pace(keys: NDArray[np.int64]) -> tuple[float, float]:
    """Ticks that `_SPAN` notes in a row usually take, and within how many notes sound together.

    That is a quarter of the time from note to note in a melody, a sixth of that from chord to
    chord where notes come in fours: chords are rolled more widely than ornaments are long.
    """
    onsets = keys >> 7
    span = min(_SPAN, len(onsets) // 2)
    if not span:
        return 0.0, 0.0
    taken = onsets[span:] - onsets[:-span]
    middle = len(taken) // 2
    pace = float(np.partition(taken, middle)[middle]) * _SPAN / span
    crowded = np.count_nonzero(np.diff(onsets) * 64.0 <= pace) / len(onsets)
    # A hair more, so that no rounding tells the same music in other ticks apart.
    return pace, pace / 64 * (1 + 2.5 * crowded) * (1 + 1e-6)
