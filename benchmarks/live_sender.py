"""How late notes leave: our sender process beside a plain loop and a loop with a sampling thread.

    python benchmarks/live_sender.py [--ticks 2000] [--rounds 3] [--json] [--quick]

One message is due every 5 ms, and lateness is from that moment to the call of the port's `send`.
Meanwhile a model of GRU-512 size samples, in numpy. The contestants:

- loop: one thread samples the next step, sleeps until it is due and sends, as most programs do;
- thread: the same loop sends while another thread of the process samples on and on;
- sender: `rnnmusic.live.sending.sender_process`, with another process that samples on and on,
  at ordinary priority and, where the system allows it, with SCHED_FIFO;
- nothing, FIFO: a loop with SCHED_FIFO that sleeps, reads the clock for the last millisecond and
  does nothing: what the machine takes away from everybody.

Each is measured with the machine left alone otherwise, and with one more process that computes
without end for each processor but one. The contestants take turns; of p50, p99 and max over the
ticks of a round the medians over the rounds are given. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from rnnmusic.live.exchange.commit import CommitWindow
from rnnmusic.live.exchange.shared import Shared, SharedHandle
from rnnmusic.live.messages import note_off, note_on
from rnnmusic.live.plan import Plan, Planned
from rnnmusic.live.ports import MemoryPort
from rnnmusic.live.sending.realtime import FIFO, ask_for_fifo
from rnnmusic.live.sending.sender_process import SenderConfig, run_sender

TICK_S, AWAKE_S = 0.005, 0.001
TEMPO_BPM = 120.0
TICK_QUARTERS = TICK_S * TEMPO_BPM / 60.0
HIDDEN, CHOICES = 512, 200
AHEAD_QUARTERS = 1.0
SPAWN = multiprocessing.get_context("spawn")
Figures = dict[str, float]


class Model:
    """Costs what a step of a GRU with 512 units and 200 choices costs in numpy, and draws."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._weights = rng.standard_normal((3 * HIDDEN, HIDDEN), np.float32) / HIDDEN**0.5
        self._head = rng.standard_normal((CHOICES, HIDDEN), np.float32)
        self._state = rng.standard_normal(HIDDEN, np.float32)

    def step(self) -> int:
        """Hear what was drawn last, and draw."""
        update, reset, new = np.split(self._weights @ self._state, 3)
        update, reset = 1 / (1 + np.exp(-update)), 1 / (1 + np.exp(-reset))
        self._state = update * self._state + (1 - update) * np.tanh(reset * new)
        logits = self._head @ self._state
        return int(np.argmax(np.exp(logits - logits.max())))


def message(tick: int) -> bytes:
    return note_off(0, 60) if tick % 2 else note_on(0, 60, 64)


def play_loop(ticks: int, sample: Callable[[], int]) -> list[float]:
    """Lateness of each tick, in microseconds."""
    port, late_us = MemoryPort(), []
    start_s = time.monotonic() + 0.1
    for tick in range(ticks):
        sample()
        due_s = start_s + tick * TICK_S
        while (left_s := due_s - time.monotonic()) > 0:
            time.sleep(left_s)
        late_us.append((time.monotonic() - due_s) * 1e6)
        port.send(message(tick), due_s)
    return late_us


def loop(ticks: int, line: Connection) -> None:
    model = Model()
    line.send(summary(play_loop(ticks, model.step)))


def nothing(ticks: int, line: Connection) -> None:
    ask_for_fifo(60)
    start_s, late_us = time.monotonic() + 0.1, []
    for due_s in (start_s + tick * TICK_S for tick in range(ticks)):
        while (now_s := time.monotonic()) < due_s:
            if due_s - now_s > AWAKE_S:
                time.sleep(due_s - now_s - AWAKE_S)
        late_us.append((now_s - due_s) * 1e6)
    line.send(summary(late_us))


def thread(ticks: int, line: Connection) -> None:
    model, is_over = Model(), threading.Event()

    def sample() -> None:
        while not is_over.is_set():
            model.step()

    sampling = threading.Thread(target=sample)
    sampling.start()
    late_us = play_loop(ticks, lambda: 0)
    is_over.set()
    sampling.join()
    line.send(summary(late_us))


def sampler(ticks: int, handle: SharedHandle, sender: socket.socket) -> None:
    model = Model()
    with Shared.attach(handle) as shared, suppress(BrokenPipeError, ConnectionResetError):
        window = CommitWindow(shared.board, shared.plans, lambda: sender.send(b"!") and None)
        planned = [Planned(tick * TICK_QUARTERS, message(tick)) for tick in range(ticks)]
        first = round(AHEAD_QUARTERS / TICK_QUARTERS)
        window.commit(Plan(AHEAD_QUARTERS, tuple(planned[:first])))
        for note in planned[first:]:
            window.commit(Plan(note.time_quarters + TICK_QUARTERS, (note,)))
            model.step()
            while note.time_quarters - AHEAD_QUARTERS > shared.board.quarters_at(time.monotonic()):
                model.step()  # a sampler that is never idle
        window.end(ticks * TICK_QUARTERS)
        while True:
            sender.send(b"!")
            model.step()


def two_processes(ticks: int, priority: int | None) -> Figures:
    with Shared.create() as shared:
        sampler_end, sender_end = socket.socketpair()
        line, theirs = SPAWN.Pipe()
        config = SenderConfig(("memory",), tempo_bpm=TEMPO_BPM, priority=priority)
        sending = SPAWN.Process(target=run_sender, args=(config, shared.handle, sender_end, theirs))
        sampling = SPAWN.Process(target=sampler, args=(ticks, shared.handle, sampler_end))
        sending.start()
        sampling.start()
        for end in (sampler_end, sender_end, theirs):
            end.close()
        result: dict[str, Any] = {}
        with suppress(EOFError):
            while True:
                told = json.loads(line.recv_bytes())
                if told["kind"] == "result":
                    result = told
        sending.join()
        sampling.join()
        line.close()
    return {name: result[f"lateness_{name}_us"] for name in ("p50", "p99", "max")} | {
        "dropped": result["dropped"]
    }


def one_process(target: Callable[[int, Connection], None], ticks: int) -> Figures:
    line, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=target, args=(ticks, theirs))
    process.start()
    figures: Figures = line.recv()
    process.join()
    for end in (line, theirs):
        end.close()
    return figures


def summary(late_us: list[float]) -> Figures:
    ordered = sorted(late_us)
    return {
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[math.ceil(0.99 * len(ordered)) - 1],
        "max": ordered[-1],
        "dropped": float(sum(late > 20_000 for late in late_us)),
    }


def compute_on_and_on() -> None:
    model = Model()
    while True:
        model.step()


@contextmanager
def busy(processes: int) -> Iterator[None]:
    others = [SPAWN.Process(target=compute_on_and_on, daemon=True) for _ in range(processes)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.join()


def fifo_is_allowed() -> bool:
    allowed = SPAWN.Value("b", 0)
    process = SPAWN.Process(target=_try_fifo, args=(allowed,))
    process.start()
    process.join()
    return bool(allowed.value)


def _try_fifo(allowed: Any) -> None:
    allowed.value = ask_for_fifo(60) == FIFO


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ticks", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="200 ticks, one round")
    options = parser.parse_args()
    ticks, rounds = (200, 1) if options.quick else (options.ticks, options.rounds)
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the children
    contestants: dict[str, Callable[[], Figures]] = {
        "loop": lambda: one_process(loop, ticks),
        "thread": lambda: one_process(thread, ticks),
        "sender": lambda: two_processes(ticks, None),
    }
    if fifo_is_allowed():
        contestants["sender, FIFO"] = lambda: two_processes(ticks, 60)
        contestants["nothing, FIFO"] = lambda: one_process(nothing, ticks)
    elif not options.json:
        print("SCHED_FIFO isn't allowed here: the sender is measured without it only.")
    spare = max(1, (os.cpu_count() or 2) - 1)
    rows = []
    for load, others in (("alone", 0), ("busy", spare)):
        taken: dict[str, list[Figures]] = {name: [] for name in contestants}
        with busy(others):
            for _ in range(rounds):
                for name, run in contestants.items():
                    taken[name].append(run())
        for name, figures in taken.items():
            medians = {key: statistics.median(f[key] for f in figures) for key in figures[0]}
            rows.append({"load": load, "contestant": name, **medians})
    if options.json:
        json.dump({"ticks": ticks, "rounds": rounds, "lateness_us": rows}, sys.stdout, indent=2)
        print()
        return
    print(f"{'':22}{'p50':>10}{'p99':>10}{'max':>10}  us; {ticks} ticks of 5 ms, {rounds} rounds")
    for row in rows:
        name = f"{row['load']}: {row['contestant']}"
        print(f"{name:22}{row['p50']:10.0f}{row['p99']:10.0f}{row['max']:10.0f}", end="")
        print(f"  {row['dropped']:.0f} dropped" if row["dropped"] else "")


if __name__ == "__main__":
    main()
