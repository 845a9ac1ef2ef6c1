"""Memory that sampler and sender share: a board of words and two rings of records, without locks.

Every word has one writer. That, and the order in which words are written, is all that keeps the
processes apart, so that neither ever waits for the other, nor for one that was killed half-way.

Words are 8 bytes, aligned, and read and written by one copy of 8 bytes, which every 64-bit
processor does as a whole. Order is kept by `Fence`:

- A ring's record is in place before its tail word says so, and was read before its head word says
  so (x86 keeps that order by itself, ARM doesn't).
- The hold handshake is Dekker's: one side writes `hold`, then reads `sent`; the other writes
  `sent`, then reads `hold`. With a full fence between write and read at least one of them sees
  the other's word, on x86 too, whose processors let a read overtake an earlier write.
"""

from __future__ import annotations

import math
import sys
import weakref
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from multiprocessing.shared_memory import SharedMemory
from types import TracebackType
from typing import NamedTuple, Self

from rnnmusic.live.exchange import lifeline
from rnnmusic.live.exchange.lifeline import LIFELINE_BYTES, Lifeline
from rnnmusic.live.exchange.ring import LINE_WORDS, WORD_BYTES, Fence, Ring
from rnnmusic.live.timing.beat import STRAIGHT, unwarp

#: Records in a ring: several beats of the densest music.
RING_RECORDS = 4096

COUNTERS = ("messages", "notes", "dropped", "stalls")
_CLOCK_SLOTS, _CLOCK_WORDS = 8, 4
# Words of the board. Those of different writers lie on cache lines of their own.
_CLOCK_COUNT = 0
_CLOCK = LINE_WORDS
_SENT = _CLOCK + _CLOCK_SLOTS * _CLOCK_WORDS
_READY, _LEAD = _SENT + 1, _SENT + 2
_COUNTERS = _SENT + 3
_HOLD = _SENT + LINE_WORDS
_STOP = _HOLD + LINE_WORDS
_BOARD_WORDS = _STOP + LINE_WORDS


class Board:
    """Words about the performance that one process writes and the others read.

    The sender writes the clock, `sent_quarters`, `ready_quarters`, `lead_s` and the counters; the
    sampler writes the hold; the parent the stop. Times are of the machine's monotonic clock,
    which all processes share. Each process has a Board of its own, used by one thread.
    """

    def __init__(self, memory: memoryview) -> None:
        self._reals = memory.cast("d")
        self._counts = memory.cast("Q")  # the same words as whole numbers
        self._fence = Fence()

    @classmethod
    def size_bytes(cls) -> int:
        """How much memory a board takes."""
        return _BOARD_WORDS * WORD_BYTES

    def clear(self) -> None:
        """Set every word to its beginning: clock standing at zero, nothing held, sent or ready."""
        self.publish_clock((0.0, 0.0, 0.0))
        self._reals[_SENT] = self._reals[_READY] = -math.inf
        self._reals[_HOLD] = math.inf

    def release(self) -> None:
        """Let go of the memory."""
        self._reals.release()
        self._counts.release()

    # The clock is written into the next of eight slots and then announced. A reader copies the
    # newest slot and looks whether it has been overtaken meanwhile: like a seqlock, but a writer
    # that dies in the middle leaves the reader the last whole entry instead of an endless wait.

    def publish_clock(self, anchor: tuple[float, float, float], swing: float = STRAIGHT) -> None:
        """Tell how time runs: (anchor_s, anchor_quarters, quarters_per_s) and swing."""
        count = self._counts[_CLOCK_COUNT] + 1
        at = _CLOCK + count % _CLOCK_SLOTS * _CLOCK_WORDS
        reals = self._reals
        reals[at], reals[at + 1], reals[at + 2] = anchor
        reals[at + 3] = swing
        self._fence()
        self._counts[_CLOCK_COUNT] = count

    def clock(self) -> tuple[float, float, float, float]:
        """(anchor_s, anchor_quarters, quarters_per_s, swing) as published last."""
        while True:
            count = self._counts[_CLOCK_COUNT]
            self._fence()
            at = _CLOCK + count % _CLOCK_SLOTS * _CLOCK_WORDS
            anchor_s, anchor_quarters, quarters_per_s, swing = self._reals[at : at + _CLOCK_WORDS]
            self._fence()
            if self._counts[_CLOCK_COUNT] - count < _CLOCK_SLOTS - 1:
                return anchor_s, anchor_quarters, quarters_per_s, swing

    def quarters_at(self, time_s: float) -> float:
        """The score's moment that sounds at `time_s`, a time of the monotonic clock."""
        anchor_s, anchor_quarters, quarters_per_s, swing = self.clock()
        return unwarp(anchor_quarters + (time_s - anchor_s) * quarters_per_s, swing)

    # The hold handshake, from both sides.

    def hold(self, from_quarters: float) -> float:
        """Keep the sender from sending anything at or after a moment; return `sent_quarters`.

        What is returned and what lies before it may have been sent; nothing later has been or
        will be until `lift`, if it lies at or after the hold. Only the sampler calls this.
        """
        self._reals[_HOLD] = from_quarters
        self._fence()
        return self._reals[_SENT]

    def lift(self) -> None:
        """End the hold, when everything that replaces the held future is in the ring."""
        self._fence()
        self._reals[_HOLD] = math.inf

    def claim(self, time_quarters: float) -> bool:
        """Ask to send what is planned at a moment; if False it is held. Only the sender calls."""
        reals = self._reals
        earlier = reals[_SENT]
        if time_quarters > earlier:
            reals[_SENT] = time_quarters
        self._fence()
        if time_quarters < reals[_HOLD]:
            return True
        reals[_SENT] = earlier
        return False

    @property
    def hold_quarters(self) -> float:
        """Nothing at or after this is sent; infinite while nothing is held."""
        return self._reals[_HOLD]

    @property
    def sent_quarters(self) -> float:
        """The latest moment of which something may have been sent; -inf before the first."""
        return self._reals[_SENT]

    # Plain words.

    @property
    def ready_quarters(self) -> float:
        """What lies before has been planned, as far as the sender has heard."""
        return self._reals[_READY]

    @ready_quarters.setter
    def ready_quarters(self, quarters: float) -> None:
        self._reals[_READY] = quarters

    @property
    def lead_s(self) -> float:
        """How long before it is due a message is handed to the slowest output."""
        return self._reals[_LEAD]

    @lead_s.setter
    def lead_s(self, seconds: float) -> None:
        self._reals[_LEAD] = seconds

    @property
    def is_stopping(self) -> bool:
        """Whether the parent wants the performance to end."""
        return bool(self._counts[_STOP])

    def stop(self) -> None:
        """Ask both children to end; for good."""
        self._counts[_STOP] = 1

    def count(self, name: str, value: int) -> None:
        """Publish one of COUNTERS."""
        self._counts[_COUNTERS + COUNTERS.index(name)] = value

    def counts(self) -> dict[str, int]:
        """The counters: messages and notes sent, notes dropped because late, stalls."""
        return {name: self._counts[_COUNTERS + i] for i, name in enumerate(COUNTERS)}


_Part = Board | Ring | memoryview


class SharedHandle(NamedTuple):
    """What a child needs to find the memory; it can be sent to a process."""

    name: str
    records: int

    @property
    def lifeline_at(self) -> int:
        """Where the sampler's lifeline lies in the memory, behind all else."""
        return Board.size_bytes() + 2 * Ring.size_bytes(self.records)

    def lifeline(self) -> Lifeline:
        """An end of the sampler's lifeline; FileNotFoundError if the memory is gone."""
        return Lifeline(self.name, self.lifeline_at)


class Shared:
    """One segment of shared memory with a board and both rings; a context manager.

    The parent makes it (`Shared.create`), children attach to it (`Shared.attach`), the parent
    hides it. It disappears when all have closed it or have left; should the parent be killed
    before it is hidden, Python's resource tracker removes it once the children have left.
    plans: records to the sender. heard: records to the sampler.
    """

    def __init__(self, memory: SharedMemory, records: int, *, is_owner: bool) -> None:
        self._memory, self._records = memory, records
        plans_at = Board.size_bytes()
        heard_at = plans_at + Ring.size_bytes(records)
        views = _cut(memory, 0, plans_at, heard_at, self.handle.lifeline_at)
        self.board = Board(views[0])
        self.plans = Ring(views[1], records)
        self.heard = Ring(views[2], records)
        # Also when nobody closes it, it is taken down in order: views first.
        parts: tuple[_Part, ...] = (self.board, self.plans, self.heard, *views)
        self._let_go = weakref.finalize(self, _let_go, memory, parts, is_owner=is_owner)

    @classmethod
    def create(cls, records: int = RING_RECORDS) -> Self:
        """New memory, in its first state."""
        at = SharedHandle("", records).lifeline_at
        memory = SharedMemory(create=True, size=at + LIFELINE_BYTES)
        shared = cls(memory, records, is_owner=True)
        shared.board.clear()
        for part in _cut(memory, at, at + LIFELINE_BYTES):
            with part:
                lifeline.prepare(part)
        return shared

    @classmethod
    def attach(cls, handle: SharedHandle) -> Self:
        """The memory that the parent made; FileNotFoundError if it is gone."""
        return cls(SharedMemory(handle.name), handle.records, is_owner=False)

    @property
    def handle(self) -> SharedHandle:
        """What to give a child."""
        return SharedHandle(self._memory.name, self._records)

    def close(self) -> None:
        """Let go of it, and remove it if this process made it; a second call does nothing."""
        self._let_go()

    def hide(self) -> None:
        """Remove its name, when all have attached: then nothing is left, whoever is killed."""
        if sys.platform != "win32":  # where it has gone anyway when the last one has left
            self._memory.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _let_go(memory: SharedMemory, parts: Iterable[_Part], *, is_owner: bool) -> None:
    for part in parts:
        part.release()
    memory.close()
    if is_owner:
        with suppress(FileNotFoundError):  # it was hidden
            memory.unlink()


def _cut(memory: SharedMemory, *edges: int | None) -> list[memoryview]:
    """The pieces of a segment between byte positions."""
    whole = memory.buf
    return [] if whole is None else [whole[a:b] for a, b in pairwise(edges)]
