"""Histograms of a corpus: what its music is like and what a model has to learn from it.

Counted from the steps themselves, piece by piece, so that memory is one piece's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus import histograms
from rnnmusic.corpus.columns import Columns, tally_for
from rnnmusic.corpus.corpus import Corpus
from rnnmusic.corpus.histograms import Floats, Histogram
from rnnmusic.corpus.keys import KEY_NAMES
from rnnmusic.corpus.spans import polyphony_of, spans_of
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.encodings.protocol import ScoreEncoding, Steps
from rnnmusic.errors import InputError, UsageError

MOST_PIECES = 1000
# Note values in quarters, triplets among them, and what they are called.
DURATIONS = {
    1 / 12: "1/12", 1 / 8: "1/8", 1 / 6: "1/6", 1 / 4: "1/4", 1 / 3: "1/3", 1 / 2: "1/2",
    2 / 3: "2/3", 3 / 4: "3/4", 1.0: "1", 3 / 2: "3/2", 2.0: "2", 3.0: "3", 4.0: "4", 6.0: "6",
    8.0: "8", 12.0: "12", 16.0: "16",
}  # fmt: skip
LONGER = "more"


@dataclass(frozen=True)
class Statistics:
    """Histograms of a corpus, or of one split of it.

    histograms: those that are known of pitch, duration, polyphony (of music), tempo, key and
    duration of pieces (of stores), length of pieces (of all). pieces_read: pieces whose notes and
    columns were counted; lengths, tempos and keys are those of all pieces.
    """

    name: str
    encoding: str
    split: str | None
    pieces: int
    pieces_read: int
    histograms: dict[str, Histogram]
    columns: Columns
    split_pieces: dict[str, int]  # of the whole corpus
    split_steps: dict[str, int]

    def lines(self) -> list[str]:
        """What there is to say, a sentence to a line."""
        told = [histogram.describe() for histogram in self.histograms.values()]
        read = [
            f"notes and columns are those of {self.pieces_read} of {self.pieces} pieces, "
            "evenly chosen"
        ]
        return [
            *told,
            *self.columns.describe(),
            *(read if self.pieces_read < self.pieces else []),
        ]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-able dictionaries."""
        return {
            "split": self.split,
            "pieces": self.pieces,
            "pieces_read": self.pieces_read,
            "histograms": {name: h.to_dict() for name, h in self.histograms.items()},
            "columns": self.columns.to_dict(),
        }


def statistics(
    corpus: Corpus, *, split: str | None = None, most_pieces: int = MOST_PIECES
) -> Statistics:
    """Count a corpus, or one split of it.

    Of more than most_pieces pieces, as many as that are read, evenly chosen in their order.
    UsageError for a split that doesn't exist, InputError where there are no pieces.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"There is no split {split!r}; choose one of {', '.join(SPLITS)}.")
    if most_pieces < 1:
        raise UsageError(f"most_pieces must be 1 or more, not {most_pieces}.")
    chosen = [split] if split else list(corpus.splits)
    lengths = np.concatenate([corpus.splits[name].lengths for name in chosen])
    if not len(lengths):
        what = f"split {split}" if split else "corpus"
        raise InputError(f"The {what} of {corpus.path} has no pieces; choose one that has some.")
    read = _evenly(len(lengths), most_pieces)
    found: dict[str, Histogram] = {}
    columns = tally_for(corpus.encoding, int(lengths[read].sum()))
    notes = _NoteTally(corpus.encoding) if isinstance(corpus.encoding, ScoreEncoding) else None
    for number in read.tolist():
        steps = _piece(corpus, chosen, number)
        columns.add(steps)
        if notes is not None:
            notes.add(steps)
    if notes is not None:
        found |= notes.histograms()
    found |= _recorded(corpus, split)
    found["length"] = histograms.of_values("length", "steps", "pieces", lengths)
    return Statistics(
        name=corpus.name,
        encoding=corpus.encoding.name,
        split=split,
        pieces=len(lengths),
        pieces_read=len(read),
        histograms=found,
        columns=columns.columns(),
        split_pieces={name: len(pieces) for name, pieces in corpus.splits.items()},
        split_steps={name: int(p.lengths.sum()) for name, p in corpus.splits.items()},
    )


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    """At most so many of 0..count - 1, at even distances."""
    chosen = min(count, most)
    return np.arange(chosen, dtype=np.int64) * count // chosen


def _piece(corpus: Corpus, chosen: list[str], number: int) -> Steps:
    for name in chosen:
        pieces = corpus.splits[name]
        if number < len(pieces):
            return pieces[number].steps
        number -= len(pieces)
    raise IndexError(number)


def _recorded(corpus: Corpus, split: str | None) -> dict[str, Histogram]:
    """What a store knows of its pieces beside their steps."""
    if corpus.store is None:
        return {}
    table = corpus.store.table
    if split is not None:
        table = table[table["split"] == SPLITS.index(split)]
    found = {}
    if isinstance(corpus.encoding, ScoreEncoding):
        tempos, keys = table["tempo_bpm"].astype(np.float64), table["key"]
        found["tempo"] = histograms.of_values("tempo", "quarters a minute", "pieces", tempos)
        counts = np.bincount(keys[keys >= 0], minlength=len(KEY_NAMES))
        found["key"] = histograms.of_names("key", "pieces", counts, KEY_NAMES)
    found["time"] = histograms.of_values("time", "s", "pieces", table["duration_s"])
    return found


class _NoteTally:
    """Counts the notes of pieces."""

    def __init__(self, encoding: ScoreEncoding) -> None:
        self._encoding = encoding
        self._pitches = np.zeros(128, dtype=np.int64)
        self._durations = np.zeros(1, dtype=np.int64)  # by units of the grid
        self._polyphony = np.zeros(1, dtype=np.int64)  # units of time by notes at once
        self._units_per_quarter = 1

    def add(self, steps: Steps) -> None:
        spans = spans_of(steps, self._encoding)
        self._units_per_quarter = spans.units_per_quarter
        self._pitches += np.bincount(spans.pitch, minlength=128)
        self._durations = _summed(self._durations, np.bincount(spans.ends - spans.starts))
        self._polyphony = _summed(self._polyphony, polyphony_of(spans))

    def histograms(self) -> dict[str, Histogram]:
        lasting: Floats = np.flatnonzero(self._durations) / self._units_per_quarter
        return {
            "pitch": histograms.of_whole_numbers("pitch", "", "notes", self._pitches),
            "duration": histograms.in_bins(
                "duration",
                "quarters",
                "notes",
                lasting,
                self._durations[self._durations > 0].astype(np.float64),
                centres=list(DURATIONS),
                labels=[*DURATIONS.values(), LONGER],
            ),
            "polyphony": histograms.of_whole_numbers(
                "polyphony", "notes at once", "time", self._polyphony / self._units_per_quarter
            ),
        }


def _summed(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of two arrays that start at 0, the shorter one filled up with zeros."""
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    total = longer.copy()
    total[: len(shorter)] += shorter
    return total
