from __future__ import annotations

import gc
import math
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import time
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rnnmusic.live.exchange.ring import Ring
from rnnmusic.live.exchange.shared import Shared
from rnnmusic.live.exchange.wire import RECORD_BYTES
from rnnmusic.live.timing.beat import BeatClock

SPAWN = multiprocessing.get_context("spawn")


def record(number: int) -> bytes:
    """A record in which every word must be from the same push."""
    return struct.pack("<QQQQ", number, ~number & 0xFFFFFFFFFFFFFFFF, number, number)


def number(data: bytes) -> int:
    a, b, c, d = struct.unpack("<QQQQ", data)
    assert a == c == d == ~b & 0xFFFFFFFFFFFFFFFF
    return a


class RingMachine(RuleBasedStateMachine):
    """A ring against a list: nothing is lost, doubled, reordered or overwritten."""

    ROOM = 5

    def __init__(self) -> None:
        super().__init__()
        self.ring = Ring(memoryview(bytearray(Ring.size_bytes(self.ROOM))), self.ROOM)
        self.queue: list[bytes] = []
        self.pushed = 0

    @rule(times=st.integers(1, 4))
    def push(self, times):
        for _ in range(times):
            self.pushed += 1
            took = self.ring.push(record(self.pushed))
            assert took == (len(self.queue) < self.ROOM)
            if took:
                self.queue.append(record(self.pushed))

    @rule(times=st.integers(1, 4))
    def pop(self, times):
        for _ in range(times):
            assert self.ring.pop() == (self.queue.pop(0) if self.queue else None)

    @invariant()
    def length(self):
        assert len(self.ring) == len(self.queue)


RingMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestRing = RingMachine.TestCase


def test_a_record_of_another_size_is_refused():
    ring = Ring(memoryview(bytearray(Ring.size_bytes(2))), 2)
    with pytest.raises(ValueError):
        ring.push(bytes(RECORD_BYTES - 1))
    assert ring.pop() is None


def produce(handle, count):
    with Shared.attach(handle) as shared:
        for i in range(count):
            while not shared.plans.push(record(i)):
                time.sleep(0)


def test_records_arrive_whole_and_in_order_from_another_process():
    count = 20_000
    with Shared.create(records=64) as shared:
        process = SPAWN.Process(target=produce, args=(shared.handle, count))
        process.start()
        for wanted in range(count):
            while (data := shared.plans.pop()) is None:
                assert process.exitcode in (None, 0)
            assert number(data) == wanted
        process.join()
        assert process.exitcode == 0
        assert len(shared.plans) == 0


def test_a_new_board_holds_nothing_and_its_clock_stands():
    with Shared.create() as shared:
        board = shared.board
        assert board.clock() == (0.0, 0.0, 0.0, 0.5)
        assert board.quarters_at(1e6) == 0.0
        assert (board.hold_quarters, board.sent_quarters) == (math.inf, -math.inf)
        assert board.ready_quarters == -math.inf
        assert not board.is_stopping
        assert set(board.counts().values()) == {0}


def test_words_dont_overlap():
    with Shared.create(records=8) as shared, Shared.attach(shared.handle) as other:
        board = shared.board
        for i in range(20):  # through all of the clock's slots
            board.publish_clock((1.0 + i, 2.0, 3.0), 0.6)
        board.ready_quarters, board.lead_s = 5.0, 0.25
        for i, name in enumerate(board.counts()):
            board.count(name, 10 + i)
        assert board.claim(4.0)
        assert board.hold(7.0) == 4.0
        board.stop()
        for _ in range(8):
            assert shared.plans.push(b"\xff" * RECORD_BYTES)
            assert shared.heard.push(b"\xee" * RECORD_BYTES)
        assert not shared.plans.push(bytes(RECORD_BYTES))
        seen = other.board
        assert seen.clock() == (20.0, 2.0, 3.0, 0.6)
        assert (seen.sent_quarters, seen.ready_quarters, seen.lead_s) == (4.0, 5.0, 0.25)
        assert (seen.hold_quarters, seen.is_stopping) == (7.0, True)
        assert list(seen.counts().values()) == [10, 11, 12, 13]
        assert [other.plans.pop() for _ in range(9)] == [b"\xff" * RECORD_BYTES] * 8 + [None]
        assert [other.heard.pop() for _ in range(9)] == [b"\xee" * RECORD_BYTES] * 8 + [None]


def test_the_board_tells_the_same_time_as_the_beat_clock():
    beat = BeatClock(tempo_bpm=97.0, start_s=3.0, start_quarters=-4.0, swing=0.62)
    with Shared.create() as shared:
        shared.board.publish_clock(beat.anchor(), beat.swing)
        for i in range(100):
            time_s = 3.0 + 0.0371 * i
            assert shared.board.quarters_at(time_s) == pytest.approx(beat.quarters_at(time_s))


def test_a_claim_loses_against_a_hold_and_wins_before_it():
    with Shared.create() as shared:
        board = shared.board
        assert board.claim(1.0)
        assert board.hold(2.0) == 1.0
        assert board.claim(1.5)
        assert not board.claim(2.0)
        assert not board.claim(3.0)
        assert board.sent_quarters == 1.5  # what was refused doesn't count as sent
        board.lift()
        assert board.claim(3.0)
        assert board.claim(0.5)  # a message that humanising has put off
        assert board.sent_quarters == 3.0


def flip(handle, stop_at):
    with Shared.attach(handle) as shared:
        for i in range(1, stop_at):
            shared.board.publish_clock((float(i), 2.0 * i, 3.0 * i), 0.5 + i / 2**24)


def test_a_reader_never_sees_half_of_a_clock():
    count = 20_000
    with Shared.create() as shared:
        shared.board.publish_clock((0.0, 0.0, 0.0), 0.5)
        process = SPAWN.Process(target=flip, args=(shared.handle, count))
        process.start()
        latest = 0.0
        while latest < count - 1:
            a, b, c, swing = shared.board.clock()
            assert (b, c, swing) == (2 * a, 3 * a, 0.5 + a / 2**24)
            assert a >= latest
            latest = a
            assert process.exitcode in (None, 0)
        process.join()


def claim_on_demand(handle, rounds):
    with Shared.attach(handle) as shared:
        for i in range(rounds):
            while shared.plans.pop() is None:
                pass
            shared.heard.push(record(shared.board.claim(float(i))))


def test_of_hold_and_claim_at_least_one_sees_the_other():
    """Dekker's handshake between two processes that run into each other again and again."""
    rounds = 2_000
    with Shared.create() as shared:
        process = SPAWN.Process(target=claim_on_demand, args=(shared.handle, rounds))
        process.start()
        board, meetings = shared.board, set()
        for i in range(rounds):
            shared.plans.push(record(i))
            for _ in range(i % 8):  # now the one is earlier, now the other
                board.is_stopping  # noqa: B018
            was_sent = board.hold(float(i)) >= i
            while (answer := shared.heard.pop()) is None:
                assert process.exitcode in (None, 0)
            was_claimed = bool(number(answer))
            assert was_sent or not was_claimed, "sent, and nobody knew"
            meetings.add((was_sent, was_claimed))
            board.lift()
        process.join()
    assert (True, True) in meetings
    assert (False, False) in meetings


def test_closing_twice_is_closing_once_and_leaves_nothing_to_complain_about():
    shared = Shared.create()
    name = shared.handle.name
    attached = Shared.attach(shared.handle)
    attached.close()
    attached.close()
    shared.close()
    shared.close()
    gc.collect()  # anything unreleased would be reported here
    with pytest.raises(FileNotFoundError):
        SharedMemory(name)


def test_hidden_memory_serves_those_who_have_it_and_nobody_else():
    with Shared.create() as shared, Shared.attach(shared.handle) as other:
        shared.hide()
        with pytest.raises(FileNotFoundError):
            Shared.attach(shared.handle)
        shared.board.stop()
        assert other.board.is_stopping


def test_attaching_to_what_is_gone_is_refused():
    with Shared.create() as shared:
        handle = shared.handle
    with pytest.raises(FileNotFoundError):
        Shared.attach(handle)


# A parent with a child that waits for its end, as engine and sender are.
PROGRAM = """
import multiprocessing, sys, time
from rnnmusic.live.exchange.shared import Shared

def child(handle, line):
    with Shared.attach(handle):
        print("attached", handle.name, flush=True)
        try:
            line.recv_bytes()
        except EOFError:
            pass

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with Shared.create() as shared:
        mine, theirs = context.Pipe()
        context.Process(target=child, args=(shared.handle, theirs), daemon=True).start()
        theirs.close()
        time.sleep(600)
"""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="looks where Linux keeps its segments")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_segment_disappears_however_the_parent_ends(number, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, program],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        name = process.stdout.readline().split()[1]
        segment = Path("/dev/shm", name.removeprefix("/"))
        assert segment.exists()
        process.send_signal(number)
        process.wait()
        for _ in range(500):
            if not segment.exists():
                return
            time.sleep(0.02)
    pytest.fail("the segment is still there")
