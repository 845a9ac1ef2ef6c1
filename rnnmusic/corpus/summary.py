"""What is in a corpus, in figures: the content of `rnnmusic corpus show`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rnnmusic.corpus.corpus import Corpus
from rnnmusic.corpus.notation import NOT_STATED
from rnnmusic.corpus.pieces import Pieces
from rnnmusic.corpus.store import PieceRecord, Verdict
from rnnmusic.encodings.protocol import Encoding


@dataclass(frozen=True)
class SplitSummary:
    """One split. Pitches are None without notes, the duration where the tempo isn't known."""

    pieces: int
    steps: int
    notes: int
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
    verdicts: dict[str, int]  # kept, rejected, duplicate, ignored -> inputs
    left_out: dict[str, int]  # reason -> notes
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
        return Summary(str(corpus.path), config, splits, licences, {}, {}, ())
    store = corpus.store
    tables = {name: [r for r in store.records if r.split == name] for name in corpus.splits}
    return Summary(
        path=str(corpus.path),
        encoding=config,
        splits={name: _recorded(records) for name, records in tables.items()},
        licences=dict(Counter(record.licence for record in store.records).most_common()),
        verdicts=store.built.get("counts", {}),
        left_out=store.built.get("left_out", {}),
        not_kept=tuple(v for v in store.verdicts() if v.verdict != "kept"),
    )


def _recorded(records: Sequence[PieceRecord]) -> SplitSummary:
    sounding = [record for record in records if record.notes]
    return SplitSummary(
        pieces=len(records),
        steps=sum(record.length for record in records),
        notes=sum(record.notes for record in records),
        duration_s=sum(record.duration_s for record in records),
        lowest_pitch=min((record.lowest_pitch for record in sounding), default=None),
        highest_pitch=max((record.highest_pitch for record in sounding), default=None),
    )


def _decoded(pieces: Pieces, encoding: Encoding) -> SplitSummary:
    scores = [encoding.decode(piece.steps) for piece in pieces]
    pitches = {int(p) for score in scores for p in score.notes()["pitch"]}
    return SplitSummary(
        pieces=len(pieces),
        steps=int(pieces.lengths.sum()),
        notes=sum(score.note_count for score in scores),
        duration_s=None,
        lowest_pitch=min(pitches, default=None),
        highest_pitch=max(pitches, default=None),
    )
