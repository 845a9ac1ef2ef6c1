"""Sources -> store: read, encode, split and write, with a verdict on every input."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from rnnmusic.corpus import splits
from rnnmusic.corpus.earlier import Earlier, same_build, stamp_of
from rnnmusic.corpus.encoding import REVISION
from rnnmusic.corpus.placing import Placing
from rnnmusic.corpus.reading import Job, outcomes_of, slow_items
from rnnmusic.corpus.records import VERDICTS, Verdict
from rnnmusic.corpus.sources import AUDIO_EXTENSIONS, MUSIC_EXTENSIONS, Sources, expand
from rnnmusic.corpus.spool import Outcome
from rnnmusic.corpus.store import is_store, read_index, read_verdicts
from rnnmusic.corpus.writing import VERDICTS_FILE, StoreWriter
from rnnmusic.encodings.protocol import AudioEncoding, Encoding
from rnnmusic.errors import InputError, UsageError
from rnnmusic.files import replacing_folder

Progress = Callable[[int, int, str], None]  # files done, files in all, name of the last


@dataclass(frozen=True)
class BuildReport:
    """What a build made of its sources."""

    path: Path
    counts: dict[str, int]  # number of verdicts of each kind, all of VERDICTS always there
    splits: dict[str, int]  # number of pieces of each split
    groups: int  # of pieces that are versions of each other or were to stay together
    leaking: int  # pieces that a split file holds out though it trains on a version of them
    leaks: tuple[str, ...]  # sentences about the first of them
    left_out: dict[str, int]  # reason -> notes of kept pieces that the encoding can't say
    read: int  # input files that were read: the others hadn't changed since an earlier build

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdict on every input, from the store."""
        return tuple(read_verdicts(self.path))


def build(
    sources: Iterable[str | os.PathLike[str]],
    store_path: str | os.PathLike[str],
    encoding: Encoding,
    *,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    group_by: str | None = None,
    split_file: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    fresh: bool = False,
) -> BuildReport:
    """Build a store from files, folders and `music21:NAME` collections.

    Encodings of scores take MIDI and notation, those of audio sound files. A store that stands at
    store_path is replaced once the new one is whole, and what its files haven't changed since is
    taken over from it, unless fresh; any other folder with something in it is a UsageError. Exact
    duplicates are kept once, the first by name; how the rest is split is told in `splits`.
    group_by: "folder" or "composer", what has that in common shares a split; split_file: see
    `split_files`. workers: threads or processes, by default one per core.

    InputError when a source isn't there or no piece is left: then only verdicts.jsonl is written,
    and that only where no store stands.
    """
    target = Path(store_path)
    placing = Placing(tuple(fractions), seed, group_by, split_file)
    if workers is not None and workers < 1:
        raise UsageError(f"workers must be 1 or more, not {workers}.")
    _check_target(target)
    is_audio = isinstance(encoding, AudioEncoding)
    found = expand(sources, AUDIO_EXTENSIONS if is_audio else MUSIC_EXTENSIONS)
    options = {
        "revision": REVISION,
        **placing.options,
        "ignored": {folder: dict(files) for folder, files in sorted(found.ignored.items())},
    }
    if not fresh and same_build(target, encoding, found.items, options):
        return _report(target, read_index(target)["built"], read=0)
    earlier = None if fresh else Earlier.open(target, encoding, REVISION)
    work = _Build(found, encoding, earlier, placing, workers, progress)
    try:
        with replacing_folder(target) as folder:
            built = work.write(folder, options)
    except _NothingKeptError as nothing:
        if nothing.verdicts and not is_store(target):
            with replacing_folder(target) as folder:
                (folder / VERDICTS_FILE).write_bytes(nothing.verdicts)
        raise InputError(nothing.sentence) from None
    return _report(target, built, read=work.read)


class _NothingKeptError(Exception):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.sentence = _empty(folder)
        self.verdicts = (folder / VERDICTS_FILE).read_bytes()


class _Build:
    """One build: what is to be done, and the tally of what was."""

    def __init__(
        self,
        found: Sources,
        encoding: Encoding,
        earlier: Earlier | None,
        placing: Placing,
        workers: int | None,
        progress: Progress | None,
    ) -> None:
        self._found, self._encoding, self._earlier = found, encoding, earlier
        self._placing, self._workers, self._progress = placing, workers, progress
        self._counts: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._seen: dict[bytes, str] = {}  # digest of a piece -> its source
        self.read = 0

    def write(self, folder: Path, options: dict[str, Any]) -> dict[str, Any]:
        """Write the whole store; returns what it notes of how it was built."""
        items = self._found.items
        reading = outcomes_of(
            self._jobs(),
            self._encoding,
            folder,
            slow=slow_items(items),
            count=len(items),
            workers=self._workers,
        )
        with reading as read, StoreWriter(folder, self._encoding) as writer:
            for name, files in sorted(self._found.ignored.items()):
                self._judge(writer, Verdict(name, "ignored", _ignored(files)))
            for done, (job, outcomes) in enumerate(read, start=1):
                for outcome in outcomes:
                    self._take(writer, outcome)
                item = job.item
                writer.add_input(item.name, item.source, item.file, *job.stamp, len(outcomes))
                if self._progress is not None:
                    self._progress(done, len(items), item.name)
        if not writer.pieces:
            raise _NothingKeptError(folder)
        placed = self._placing.place(*writer.tables())
        built = {
            **options,
            "counts": {kind: self._counts[kind] for kind in VERDICTS},
            "left_out": dict(self._left_out),
            "splits": {split: placed.splits.count(split) for split in splits.SPLITS},
            "groups": placed.groups,
            "leaking": placed.leaking,
            "leaks": placed.leaks,
        }
        writer.seal(placed.splits, built)
        return built

    def _take(self, writer: StoreWriter, outcome: Outcome) -> None:
        """Write a piece and its verdict, or the verdict alone."""
        if isinstance(outcome, Verdict):
            self._judge(writer, outcome)
            return
        notes, steps = int(outcome.numbers["notes"]), int(outcome.numbers["length"])
        digest = outcome.numbers["sha256"].tobytes()[:16]  # more than enough to tell pieces apart
        if digest in self._seen:
            # Its notes are in the corpus by way of the other: nothing of it is left out.
            reason = f"The same steps as {self._seen[digest]}."
            verdict = Verdict(outcome.source, "duplicate", reason, outcome.repairs, notes, steps)
        else:
            self._seen[digest] = outcome.source
            kind = "repaired" if outcome.repairs else "kept"
            reason = f"{'; '.join(outcome.repairs)}." if outcome.repairs else ""
            verdict = Verdict(
                outcome.source, kind, reason, outcome.repairs, notes, steps, outcome.left_out
            )
            writer.add_piece(outcome)
            self._left_out.update(outcome.left_out)
        self._judge(writer, verdict)

    def _judge(self, writer: StoreWriter, verdict: Verdict) -> None:
        self._counts[verdict.verdict] += 1
        writer.add_verdict(verdict)

    def _jobs(self) -> Iterator[Job]:
        """Every item, with what became of it where that is known without reading it."""
        for item in self._found.items:
            stamp = stamp_of(item)
            known = None if self._earlier is None else self._earlier.outcomes(item, stamp)
            self.read += known is None
            yield Job(item, stamp, known)


def _report(path: Path, built: dict[str, Any], *, read: int) -> BuildReport:
    return BuildReport(
        path,
        built["counts"],
        built["splits"],
        built["groups"],
        built["leaking"],
        tuple(built["leaks"]),
        built["left_out"],
        read,
    )


def _check_target(target: Path) -> None:
    if target.is_dir():
        others = {file.name for file in target.iterdir()} - {VERDICTS_FILE}
        if others and not is_store(target):
            raise UsageError(
                f"{target} is a folder with other things in it; give a new folder for the store, "
                "or an older store to replace."
            )
    elif target.exists():
        raise UsageError(f"{target} is a file; give a new folder for the store.")


def _ignored(extensions: Counter[str]) -> str:
    kinds = ", ".join(f"{extension} {n}" for extension, n in extensions.most_common(5))
    more = ", ..." if len(extensions) > 5 else ""
    return f"{extensions.total()} files that aren't taken as music ({kinds}{more})."


def _empty(folder: Path) -> str:
    verdicts = list(islice(read_verdicts(folder), 4))
    told = " | ".join(f"{v.source}: {v.reason}" for v in verdicts[:3])
    more = " | ..." if len(verdicts) > 3 else ""
    return (
        "Empty corpus: none of the sources gave a piece; give some with music that the encoding "
        f"can say. {told or 'They hold no files at all.'}{more}"
    )
