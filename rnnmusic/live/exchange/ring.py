"""A ring of records from one process to another, without locks."""

from __future__ import annotations

import threading

from rnnmusic.live.exchange.wire import RECORD_BYTES

WORD_BYTES = 8
#: Words that different processes write lie on cache lines of their own.
LINE_WORDS = 8
_HEAD, _TAIL = 0, LINE_WORDS
_RING_WORDS = 2 * LINE_WORDS


class Fence:
    """A full memory fence for one thread: nothing before it is seen after what comes after it.

    A lock is released and taken again, which nobody else wants. Releasing keeps what was before
    it before it, taking keeps what is after it after it, and a taking is never seen before an
    earlier releasing (C11's seq_cst on x86, where a locked instruction is a full fence; the RCsc
    acquire and release of ARMv8).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def __call__(self) -> None:
        """Put the fence here."""
        self._lock.release()
        self._lock.acquire()


class Ring:
    """Records on their way from one process to another: one producer, one consumer.

    The producer owns the tail word, the consumer the head word; both count records and never run
    back. A full ring refuses: what is planned is never overwritten.
    """

    def __init__(self, memory: memoryview, records: int) -> None:
        self._records = records
        self._words = memory[: _RING_WORDS * WORD_BYTES].cast("Q")
        self._data = memory[_RING_WORDS * WORD_BYTES : self.size_bytes(records)]
        self._fence = Fence()

    @classmethod
    def size_bytes(cls, records: int) -> int:
        """How much memory a ring for so many records takes."""
        return _RING_WORDS * WORD_BYTES + records * RECORD_BYTES

    def __len__(self) -> int:
        return self._words[_TAIL] - self._words[_HEAD]

    def push(self, record: bytes) -> bool:
        """Put a record in; False if there is no room. ValueError for another size."""
        tail = self._words[_TAIL]
        if tail - self._words[_HEAD] >= self._records:
            return False
        self._fence()  # the consumer has read what stood here
        at = tail % self._records * RECORD_BYTES
        self._data[at : at + RECORD_BYTES] = record
        self._fence()
        self._words[_TAIL] = tail + 1
        return True

    def pop(self) -> bytes | None:
        """Take the oldest record out; None if there is none."""
        head = self._words[_HEAD]
        if head == self._words[_TAIL]:
            return None
        self._fence()
        at = head % self._records * RECORD_BYTES
        record = bytes(self._data[at : at + RECORD_BYTES])
        self._fence()
        self._words[_HEAD] = head + 1
        return record

    def release(self) -> None:
        """Let go of the memory."""
        self._words.release()
        self._data.release()
