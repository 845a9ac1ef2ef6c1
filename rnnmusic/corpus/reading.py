"""Items -> encoded pieces, as many at once as there are cores.

MIDI and audio are read in threads, since what takes time in it runs without Python's lock. Music21
is Python through and through: notation it hasn't parsed before goes to processes of its own, which
need neither torch nor what the caller imported. Only a few items are under way at any time, so that
memory doesn't grow with the corpus.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

from rnnmusic.corpus import notation
from rnnmusic.corpus.encoding import encode_item
from rnnmusic.corpus.records import Found, Verdict
from rnnmusic.corpus.sources import Item
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.errors import RnnMusicError

# Starting worker processes takes about a second: what is quicker than that is done without.
MIN_PARALLEL_SCORES = 8
MIN_PARALLEL_FILES = 16
FILES_AT_ONCE = 4  # per thread; scores of music21 take so long that each goes by itself
CHUNKS_PER_WORKER = 4  # under way, read or waiting to be taken

Outcome = Found | Verdict  # the verdict: rejected
Work = Callable[[Item], list[Outcome]]


class Job(NamedTuple):
    """An item, its file's size and time of change, and what became of it if that is known."""

    item: Item
    stamp: tuple[int, int]
    known: list[Outcome] | None


@contextmanager
def outcomes_of(
    jobs: Iterable[Job], encoding: Encoding, *, slow: int, count: int, workers: int | None
) -> Iterator[Iterator[tuple[Job, list[Outcome]]]]:
    """What becomes of each of `count` jobs, in order; music21 has to parse `slow` of them."""
    work = partial(encode_item, encoding=encoding)
    workers = workers or default_workers()
    with ExitStack() as stack:
        threads = processes = None
        if workers > 1 and count >= MIN_PARALLEL_FILES:
            threads = stack.enter_context(_closing(ThreadPoolExecutor(workers)))
        if workers > 1 and slow >= MIN_PARALLEL_SCORES:
            # Not forked: the caller may run threads (torch's among them), and locks don't fork.
            pool = ProcessPoolExecutor(
                workers, mp_context=get_context("spawn"), initializer=_ignore_interrupts
            )
            processes = stack.enter_context(_closing(pool))
        ahead = workers * CHUNKS_PER_WORKER if threads or processes else 1
        try:
            yield _in_order(jobs, work, threads, processes, ahead)
        except BrokenProcessPool as error:
            raise RnnMusicError(
                "A process that read scores died, for want of memory or because the calling "
                'script lacks `if __name__ == "__main__":`; try again with one worker.'
            ) from error


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
    threads: Executor | None,
    processes: Executor | None,
    most_under_way: int,
) -> Iterator[tuple[Job, list[Outcome]]]:
    under_way: deque[tuple[list[Job], Future[list[list[Outcome]]] | None]] = deque()
    for chunk in _chunks(jobs):
        if chunk[0].known is not None:
            under_way.append((chunk, None))
        else:
            pool = processes if processes and chunk[0].item.is_notation else threads
            submit = _at_once if pool is None else pool.submit
            under_way.append((chunk, submit(_each, work, [job.item for job in chunk])))
        while len(under_way) >= most_under_way:
            yield from _finished(*under_way.popleft())
    while under_way:
        yield from _finished(*under_way.popleft())


def _finished(
    chunk: list[Job], future: Future[list[list[Outcome]]] | None
) -> Iterator[tuple[Job, list[Outcome]]]:
    found = [job.known or [] for job in chunk] if future is None else future.result()
    yield from zip(chunk, found, strict=True)


def _each(work: Work, items: Sequence[Item]) -> list[list[Outcome]]:
    return [work(item) for item in items]


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
