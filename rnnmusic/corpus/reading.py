"""Items -> encoded pieces, in this process or, where that pays, in one per core.

A worker needs neither torch nor what the caller imported; what it hands back is packed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus import notation, splits
from rnnmusic.corpus.notation import Loaded
from rnnmusic.corpus.sources import Item
from rnnmusic.corpus.store import PieceRecord, Verdict, pack
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.errors import InputError, RnnMusicError

# Starting worker processes takes about a second: what is quicker than that is done in this one.
MIN_PARALLEL_SCORES = 8
MIN_PARALLEL_FILES = 400


class Found(NamedTuple):
    """An encoded piece as a worker hands it back, not placed yet: offset 0 and no split."""

    record: PieceRecord
    family: str  # see splits.family
    left_out: dict[str, int]
    rows: NDArray[Any]
    clock: NDArray[np.uint8]


Outcome = Found | Verdict  # the verdict: rejected


@contextmanager
def outcomes_of(
    items: Sequence[Item], encoding: Encoding, workers: int | None
) -> Iterator[Iterator[list[Outcome]]]:
    """What becomes of each item, in order, from worker processes where that pays."""
    work = partial(_read, encoding=encoding)
    workers = _workers(items, workers)
    if workers == 1:
        yield map(work, items)
        return
    # Not forked: the caller may run threads (torch's among them), and locks don't fork.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_ignore_interrupts
    )
    chunk = 1 if any(item.is_notation for item in items) else 16
    try:
        yield pool.map(work, items, chunksize=chunk)
    except BrokenProcessPool as error:
        raise RnnMusicError(
            "A process that read scores died, for want of memory or because the calling script "
            'lacks `if __name__ == "__main__":`; try again with one worker.'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _workers(items: Sequence[Item], workers: int | None) -> int:
    if workers is None:
        slow = [item for item in items if item.is_notation and not notation.is_cached(item.path)]
        if len(slow) < MIN_PARALLEL_SCORES and len(items) < MIN_PARALLEL_FILES:
            return 1
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        workers = workers or os.cpu_count() or 1
    return max(1, min(workers, len(items)))


def _read(item: Item, encoding: Encoding) -> list[Outcome]:
    """Load and encode one item: an outcome for each score in it."""
    try:
        loaded = item.load()
    except (InputError, MemoryError) as error:
        return [_rejected(item.source, error)]
    if not loaded:
        return [Verdict(item.source, "rejected", "It holds no score.")]
    found: list[Outcome] = []
    for number, score in enumerate(loaded, start=1):
        # A file of many tunes: each is a piece.
        tail = f"#{number}" if len(loaded) > 1 else ""
        try:
            found.append(_encode(score, item.name + tail, item.source + tail, encoding))
        except (InputError, MemoryError) as error:
            found.append(_rejected(item.source + tail, error))
    return found


def _encode(loaded: Loaded, name: str, source: str, encoding: Encoding) -> Found:
    steps, clock, left_out = encoding.encode(loaded.score)
    notes = encoding.decode(steps).notes(drums=True)  # what is counted is what the steps say
    record = PieceRecord(
        name=name,
        source=source,
        licence=loaded.licence,
        sha256=splits.fingerprint(steps, encoding),
        split="",
        offset=0,
        length=len(steps),
        notes=len(notes),
        duration_s=loaded.score.duration_s,
        lowest_pitch=int(notes["pitch"].min(initial=127)),
        highest_pitch=int(notes["pitch"].max(initial=0)),
    )
    left_out = {reason: int(count) for reason, count in left_out.items() if count}
    family = splits.family(steps, encoding)
    return Found(record, family, left_out, pack(steps, encoding), clock)


def _rejected(source: str, error: Exception) -> Verdict:
    too_long = "It is too long for this machine's memory."
    return Verdict(source, "rejected", too_long if isinstance(error, MemoryError) else str(error))


def _ignore_interrupts() -> None:
    # Ctrl-C reaches the whole process group; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
