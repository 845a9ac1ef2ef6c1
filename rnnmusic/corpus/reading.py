"""Items -> encoded pieces, as many at once as there are cores.

Scores are read by processes, since much of the work needs Python's lock; sound, whose decoding and
spectra don't, by threads. Only a few items are under way at any time, so that memory doesn't grow
with the corpus.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from rnnmusic.corpus import notation
from rnnmusic.corpus.encoding import encode_item, warm_up
from rnnmusic.corpus.sources import Item
from rnnmusic.corpus.spool import Outcome, Spooled, spool, unspool
from rnnmusic.encodings.protocol import AudioEncoding, Encoding
from rnnmusic.errors import RnnMusicError

MIN_PARALLEL_SOUNDS = 4
MIN_PARALLEL_SCORES = 8  # that music21 has to parse, for seconds each
# MIDI files, a thousand of which are read in a second: a process that has to start from nothing
# takes about as long, a fork of this one next to nothing.
MIN_FOR_FORKS, MIN_FOR_NEW = 64, 3000
FILES_AT_ONCE = 16  # handed to a worker; scores of music21 take so long that each goes by itself
CHUNKS_PER_WORKER = 3  # under way, read or waiting to be taken

Work = Callable[[Item], list[Outcome]]
Results = list[list[Outcome]] | Spooled


class Job(NamedTuple):
    """An item, its file's size and time of change, and what became of it if that is known."""

    item: Item
    stamp: tuple[int, int]
    known: list[Outcome] | None


@contextmanager
def outcomes_of(
    jobs: Iterable[Job],
    encoding: Encoding,
    folder: Path,
    *,
    slow: int,
    count: int,
    workers: int | None,
) -> Iterator[Iterator[tuple[Job, list[Outcome]]]]:
    """What becomes of each of `count` jobs, in order; music21 has to parse `slow` of them.

    folder: where there is room for what is under way; nothing is left there.
    """
    work = partial(encode_item, encoding=encoding)
    workers = workers or default_workers()
    with ExitStack() as stack:
        pool = None
        if workers > 1:
            pool = _pool(workers, encoding, slow, count)
        spool_folder = None
        if isinstance(pool, ProcessPoolExecutor):
            spool_folder = stack.enter_context(TemporaryDirectory(prefix="spool-", dir=folder))
        if pool is not None:
            stack.enter_context(_closing(pool))
        place = None if spool_folder is None else Path(spool_folder)
        try:
            yield _in_order(jobs, work, pool, place, workers * CHUNKS_PER_WORKER)
        except BrokenProcessPool as error:
            raise RnnMusicError(
                "A process that read scores died, for want of memory or because the calling "
                'script lacks `if __name__ == "__main__":`; try again with one worker.'
            ) from error


def _pool(workers: int, encoding: Encoding, slow: int, count: int) -> Executor | None:
    """Workers for so many items, if they are worth it."""
    if isinstance(encoding, AudioEncoding):
        return ThreadPoolExecutor(workers) if count >= MIN_PARALLEL_SOUNDS else None
    can_fork = _can_fork()
    if slow < MIN_PARALLEL_SCORES and count < (MIN_FOR_FORKS if can_fork else MIN_FOR_NEW):
        return None
    if can_fork and count >= MIN_FOR_FORKS:
        warm_up(encoding)  # once, instead of in each process
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("fork" if can_fork else "spawn"),
        initializer=_ignore_interrupts,
    )
    pool.submit(int).result()  # now, while nothing is open that a fork would share
    return pool


def _can_fork() -> bool:
    """Whether this process is one of a single thread, all of which a fork would have.

    A fork has the locks of other threads too, but nobody to release them. Torch has threads that
    Python doesn't know of.
    """
    return sys.platform == "linux" and threading.active_count() == 1 and "torch" not in sys.modules


def slow_items(items: Iterable[Item]) -> int:
    """Number of items that music21 hasn't parsed before."""
    return sum(item.is_notation and not notation.is_cached(item.path) for item in items)


def default_workers() -> int:
    """Number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _in_order(
    jobs: Iterable[Job],
    work: Work,
    pool: Executor | None,
    spool_folder: Path | None,
    most_under_way: int,
) -> Iterator[tuple[Job, list[Outcome]]]:
    under_way: deque[tuple[list[Job], Future[Results] | None]] = deque()
    submit = _at_once if pool is None else pool.submit
    for chunk in _chunks(jobs):
        is_known = chunk[0].known is not None
        items = [job.item for job in chunk]
        future = None if is_known else submit(_each, work, items, spool_folder)
        under_way.append((chunk, future))
        while len(under_way) >= (1 if pool is None else most_under_way):
            yield from _finished(*under_way.popleft())
    while under_way:
        yield from _finished(*under_way.popleft())


def _finished(
    chunk: list[Job], future: Future[Results] | None
) -> Iterator[tuple[Job, list[Outcome]]]:
    found: Results = [job.known or [] for job in chunk] if future is None else future.result()
    yield from zip(chunk, unspool(found) if isinstance(found, Spooled) else found, strict=True)


def _each(work: Work, items: Sequence[Item], spool_folder: Path | None) -> Results:
    outcomes = [work(item) for item in items]
    return outcomes if spool_folder is None else spool(outcomes, spool_folder)


def _at_once(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    done: Future[Any] = Future()
    done.set_result(function(*arguments))
    return done


def _chunks(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Jobs in runs of one kind: a few files at a time, anything else by itself."""
    waiting: list[Job] = []
    for job in jobs:
        alone = job.known is not None or job.item.is_notation
        if waiting and (alone or len(waiting) == FILES_AT_ONCE):
            yield waiting
            waiting = []
        if alone:
            yield [job]
        else:
            waiting.append(job)
    if waiting:
        yield waiting


@contextmanager
def _closing(pool: Executor) -> Iterator[Executor]:
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    # Ctrl-C reaches the whole process group; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
