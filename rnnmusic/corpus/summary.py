"""What is in a corpus and what isn't, in figures: the tables of `rnnmusic corpus`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus.corpus import Corpus
from rnnmusic.corpus.notation import NOT_STATED
from rnnmusic.corpus.pieces import Pieces
from rnnmusic.corpus.records import Verdict
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.encodings.protocol import Encoding, ScoreEncoding


@dataclass(frozen=True)
class SplitSummary:
    """One split. None: notes and pitches of audio, what a benchmark file doesn't know."""

    pieces: int
    groups: int | None  # pieces of one group are kept in one split
    steps: int
    notes: int | None
    duration_s: float | None
    lowest_pitch: int | None
    highest_pitch: int | None


@dataclass(frozen=True)
class Summary:
    """A whole corpus. What a build looked at is only known of stores."""

    path: str
    encoding: dict[str, Any]
    splits: dict[str, SplitSummary]
    licences: dict[str, int]  # licence -> pieces
    verdicts: dict[str, int]  # kept, repaired, rejected, duplicate, ignored -> inputs
    left_out: dict[str, int]  # reason -> notes
    repaired: tuple[Verdict, ...]  # every input that was salvaged, with its repairs
    not_kept: tuple[Verdict, ...]  # every input that isn't a piece of its own, with its reason

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-able dictionaries."""
        return asdict(self)


def summarize(corpus: Corpus) -> Summary:
    """Count what is in a corpus; a benchmark file, which keeps no counts, is decoded for it."""
    config = corpus.encoding.to_config()
    if corpus.store is None:
        splits = {name: _decoded(p, corpus.encoding) for name, p in corpus.splits.items()}
        licences = {NOT_STATED: sum(len(pieces) for pieces in corpus.splits.values())}
        return Summary(str(corpus.path), config, splits, licences, {}, {}, (), ())
    store = corpus.store
    is_music = isinstance(corpus.encoding, ScoreEncoding)
    verdicts = [verdict for verdict in store.verdicts() if verdict.verdict != "kept"]
    return Summary(
        path=str(corpus.path),
        encoding=config,
        splits={
            name: _recorded(store.table[store.table["split"] == number], is_music)
            for number, name in enumerate(SPLITS)
        },
        licences=dict(Counter(licence for _, _, licence, _ in store.names).most_common()),
        verdicts=store.built.get("counts", {}),
        left_out=store.built.get("left_out", {}),
        repaired=tuple(v for v in verdicts if v.is_piece),
        not_kept=tuple(v for v in verdicts if not v.is_piece),
    )


def _recorded(table: NDArray[Any], is_music: bool) -> SplitSummary:
    """table: rows of PIECE."""
    sounding = table[table["notes"] > 0]
    return SplitSummary(
        pieces=len(table),
        groups=len(np.unique(table["group"])),
        steps=int(table["length"].sum()),
        notes=int(table["notes"].sum()) if is_music else None,
        duration_s=float(table["duration_s"].sum()),
        lowest_pitch=int(sounding["lowest_pitch"].min()) if len(sounding) else None,
        highest_pitch=int(sounding["highest_pitch"].max()) if len(sounding) else None,
    )


def _decoded(pieces: Pieces, encoding: Encoding) -> SplitSummary:
    if not isinstance(encoding, ScoreEncoding):
        steps = int(pieces.lengths.sum())
        return SplitSummary(len(pieces), None, steps, None, None, None, None)
    scores = [encoding.decode(piece.steps) for piece in pieces]
    pitches = {int(p) for score in scores for p in score.notes()["pitch"]}
    return SplitSummary(
        pieces=len(pieces),
        groups=None,
        steps=int(pieces.lengths.sum()),
        notes=sum(score.note_count for score in scores),
        duration_s=None,
        lowest_pitch=min(pitches, default=None),
        highest_pitch=max(pitches, default=None),
    )
