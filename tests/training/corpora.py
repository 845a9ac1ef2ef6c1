"""Small corpora made on the spot, with something in them to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rnnmusic.corpus import Corpus, Piece, Pieces
from rnnmusic.encodings import PianoRoll

ENCODING = PianoRoll(
    steps_per_quarter=1, lowest_pitch=60, highest_pitch=71, articulation=False, metrical=True
)


def scales(pieces: int, *, seed: int, shortest: int = 6, longest: int = 24) -> Pieces:
    """Rising scales of one held pitch class at a time, each from a random start."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(pieces):
        length = int(rng.integers(shortest, longest + 1))
        pitch = (rng.integers(12) + np.arange(length)) % 12
        steps = np.zeros((length, 12), dtype=np.uint8)
        steps[np.arange(length), pitch] = 1
        clock = np.stack([ENCODING.clock_at(t) for t in range(length)])
        made.append(Piece(f"scale {index}", steps, clock))
    return Pieces.of(made)


def corpus(train: int = 20, valid: int = 4, *, seed: int = 0) -> Corpus:
    """A corpus of scales; the test split equals the validation split in size."""
    empty = scales(1, seed=seed)[:0]
    return Corpus(
        Path("scales"),
        ENCODING,
        {
            "train": scales(train, seed=seed),
            "valid": scales(valid, seed=seed + 1) if valid else empty,
            "test": scales(valid, seed=seed + 2) if valid else empty,
        },
    )
