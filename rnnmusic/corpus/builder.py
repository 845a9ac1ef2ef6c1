"""Sources -> store: read, encode, split and write, with a verdict on every input."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rnnmusic.corpus import splits
from rnnmusic.corpus.reading import Outcome, outcomes_of
from rnnmusic.corpus.sources import Item, expand
from rnnmusic.corpus.store import (
    CLOCK_FILE,
    STEPS_FILE,
    GrowingArray,
    PieceRecord,
    Verdict,
    is_store,
    row_layout,
    write_index,
)
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.errors import InputError, UsageError
from rnnmusic.files import replacing_folder

Progress = Callable[[int, int, str], None]  # files done, files in all, name of the last


@dataclass(frozen=True)
class BuildReport:
    """What a build made of its sources."""

    path: Path
    verdicts: tuple[Verdict, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of verdicts of each kind, all four always there."""
        kinds = Counter(v.verdict for v in self.verdicts)
        return {kind: kinds[kind] for kind in ("kept", "rejected", "duplicate", "ignored")}

    @property
    def splits(self) -> dict[str, int]:
        """Number of pieces of each split."""
        places = Counter(v.split for v in self.verdicts if v.verdict == "kept")
        return {split: places[split] for split in splits.SPLITS}

    @property
    def left_out(self) -> dict[str, int]:
        """Reason -> notes of kept pieces that the encoding can't say."""
        total: Counter[str] = Counter()
        for verdict in self.verdicts:
            total.update(verdict.left_out or {})
        return dict(total)


def build(
    sources: Iterable[str | os.PathLike[str]],
    store_path: str | os.PathLike[str],
    encoding: Encoding,
    *,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    progress: Progress | None = None,
    workers: int | None = None,
) -> BuildReport:
    """Build a store from files, folders and `music21:NAME` collections.

    A store that stands at store_path is replaced once the new one is whole; any other folder
    with something in it is a UsageError. Exact duplicates are kept once, the first by name; how
    the rest is split is told in `splits`. workers: processes, by default one per core.
    InputError when a source isn't there or no piece is left: then nothing is written.
    """
    target = Path(store_path)
    splits.check_fractions(fractions)
    if workers is not None and workers < 1:
        raise UsageError(f"workers must be 1 or more, not {workers}.")
    _check_target(target)
    found = expand(sources)
    verdicts = [
        Verdict(folder, "ignored", _ignored(extensions))
        for folder, extensions in sorted(found.ignored.items())
    ]
    with (
        replacing_folder(target) as folder,
        outcomes_of(found.items, encoding, workers) as outcomes,
    ):
        read = _with_progress(outcomes, found.items, progress)
        records, families, judged = _write_arrays(folder, read, encoding)
        verdicts += judged
        if not records:
            raise InputError(_empty(verdicts))
        places = splits.assign(families, fractions, seed)
        records = [replace(r, split=s) for r, s in zip(records, places, strict=True)]
        kept = iter(places)
        verdicts = [replace(v, split=next(kept)) if v.verdict == "kept" else v for v in verdicts]
        report = BuildReport(target, tuple(verdicts))
        built = {
            "seed": seed,
            "fractions": list(fractions),
            "counts": report.counts,
            "left_out": report.left_out,
        }
        write_index(folder, encoding, records, verdicts, built)
    return report


def _write_arrays(
    folder: Path, outcomes: Iterable[Outcome], encoding: Encoding
) -> tuple[list[PieceRecord], list[str], list[Verdict]]:
    """Write steps and clock as they come; records (not split yet), their families, verdicts."""
    records: list[PieceRecord] = []
    families: list[str] = []
    verdicts: list[Verdict] = []
    seen: dict[str, str] = {}
    clocks = len(encoding.clock_sizes)
    with (
        GrowingArray(folder / STEPS_FILE, *row_layout(encoding)) as steps,
        GrowingArray(folder / CLOCK_FILE, clocks, np.dtype(np.uint8)) as clock,
    ):
        for found in outcomes:
            if isinstance(found, Verdict):
                verdicts.append(found)
                continue
            record = replace(found.record, offset=steps.rows)
            verdict = Verdict(record.source, "kept", notes=record.notes, steps=record.length)
            if record.sha256 in seen:
                # Its notes are in the corpus by way of the other: nothing of it is left out.
                reason = f"The same steps as {seen[record.sha256]}."
                verdicts.append(replace(verdict, verdict="duplicate", reason=reason))
                continue
            seen[record.sha256] = record.source
            verdicts.append(replace(verdict, left_out=found.left_out))
            records.append(record)
            families.append(found.family)
            steps.append(found.rows)
            clock.append(found.clock)
    return records, families, verdicts


def _with_progress(
    outcomes: Iterator[list[Outcome]], items: Sequence[Item], progress: Progress | None
) -> Iterator[Outcome]:
    for done, (item, found) in enumerate(zip(items, outcomes, strict=True), start=1):
        yield from found
        if progress is not None:
            progress(done, len(items), item.name)


def _check_target(target: Path) -> None:
    if target.is_dir():
        if any(target.iterdir()) and not is_store(target):
            raise UsageError(
                f"{target} is a folder with other things in it; give a new folder for the store, "
                "or an older store to replace."
            )
    elif target.exists():
        raise UsageError(f"{target} is a file; give a new folder for the store.")


def _ignored(extensions: Counter[str]) -> str:
    kinds = ", ".join(f"{extension} {n}" for extension, n in extensions.most_common(5))
    more = ", ..." if len(extensions) > 5 else ""
    return f"{extensions.total()} files that aren't music ({kinds}{more})."


def _empty(verdicts: Sequence[Verdict]) -> str:
    told = [f"{v.source}: {v.reason}" for v in verdicts][:3]
    more = f" (and {len(verdicts) - 3} more)" if len(verdicts) > 3 else ""
    return (
        "Empty corpus: none of the sources gave a piece; give some with notes in the encoding's "
        f"range. {' | '.join(told) or 'They hold no files at all.'}{more}"
    )
