"""What a store says of a piece, and of every input that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import Encoding, Steps

#: What can become of an input: a piece (kept, repaired), no piece (rejected), the piece of another
#: input (duplicate), or nothing because it isn't music (ignored).
VERDICTS = ("kept", "repaired", "rejected", "duplicate", "ignored")
PIECE_VERDICTS = ("kept", "repaired")
NO_KEY = -1

# The numbers of a piece as they lie in a store.
PIECE = np.dtype(
    [
        ("offset", "<i8"),
        ("length", "<i8"),
        ("notes", "<i8"),
        ("group", "<i8"),
        ("duration_s", "<f8"),
        ("tempo_bpm", "<f4"),
        ("lowest_pitch", "u1"),
        ("highest_pitch", "u1"),
        ("key", "i1"),
        ("split", "u1"),
        ("sha256", "u1", (32,)),
        ("family", "<u8"),
    ]
)


@dataclass(frozen=True)
class PieceRecord:
    """A row of the table of pieces."""

    name: str
    source: str
    licence: str
    composer: str
    split: str
    offset: int  # of its first row
    length: int  # in steps
    group: int  # number of its first relative's record: pieces of a group share a split
    notes: int  # that its steps say; 0 for audio
    duration_s: float
    tempo_bpm: float  # NaN for audio
    key: int  # see statistics.facts; NO_KEY for audio
    lowest_pitch: int
    highest_pitch: int
    sha256: str  # of its packed steps: see splits.fingerprint


@dataclass(frozen=True)
class Verdict:
    """What became of one input. left_out: reason -> notes that the encoding can't say."""

    source: str
    verdict: str  # one of VERDICTS
    reason: str = ""
    repairs: tuple[str, ...] = ()
    notes: int = 0
    steps: int = 0
    left_out: dict[str, int] | None = None
    split: str = ""

    @property
    def is_piece(self) -> bool:
        """Whether the input became a piece of the corpus."""
        return self.verdict in PIECE_VERDICTS


class Found(NamedTuple):
    """An encoded piece that has no place in a store yet."""

    name: str
    source: str
    licence: str
    composer: str
    numbers: NDArray[Any]  # a PIECE row () whose offset, group and split don't count
    sketch: NDArray[np.uint64]  # see fingerprints.sketch
    rows: NDArray[Any]  # packed steps
    clock: NDArray[np.uint8]
    repairs: tuple[str, ...]
    left_out: dict[str, int]


def pack(steps: Steps, encoding: Encoding) -> NDArray[Any]:
    """Steps (T, F) as the rows that a store keeps: see `row_layout`."""
    if encoding.is_binary:
        return np.packbits(steps.astype(np.uint8), axis=1)
    return steps.astype(encoding.dtype)


def row_layout(encoding: Encoding) -> tuple[int, np.dtype[Any]]:
    """Width and type of the rows that a store keeps: bits of binary steps, else steps as they are.

    A row of F bits is `numpy.packbits` of them: ceil(F / 8) bytes.
    """
    columns = len(encoding.sizes)
    if encoding.is_binary:
        return -(-columns // 8), np.dtype(np.uint8)
    return columns, encoding.dtype
