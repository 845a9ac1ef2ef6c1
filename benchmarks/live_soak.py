"""An hour of playing: what grows, what drifts, what is left.

    python benchmarks/live_soak.py [--score-minutes 60] [--minutes 3] [--seed 0] [--json]

First an hour at 120 quarters a minute in one process, on a clock that is moved by hand: director
with `bach-gru`, commit window, rings, sender, ledger, MIDI clock, a port that keeps nothing. Every
few hundred milliseconds something happens at random: another player's notes, a control, a mode, a
rewind, a loop, a branch, a morph. Then the real processes play for --minutes at 400 quarters a
minute into a TCP connection, with the same kind of interference.

Ten times in between it is written down: resident memory and open descriptors; how many objects
Python keeps and the largest sum of lengths of lists, dictionaries and the like below director and
sender; messages in the agenda, keys in the ledger, and how far the MIDI clock has drifted from
24 x 120 a minute; of the real processes memory, descriptors and lateness. The first row comes
after a tenth of the time, when all that is bounded is full.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from torch import nn

from rnnmusic.live.directing.director import Director
from rnnmusic.live.directing.models import Models
from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.events import Event, Extend, Heard, Ordered, Turned
from rnnmusic.live.exchange.commit import CommitWindow
from rnnmusic.live.exchange.ring import Ring
from rnnmusic.live.exchange.shared import RING_RECORDS, Board
from rnnmusic.live.exchange.wire import HeardMessage, decode
from rnnmusic.live.messages import TICK, note_off, note_on
from rnnmusic.live.sending.sender import Sender, SenderSettings
from rnnmusic.live.sending.timekeeper import Timekeeper
from rnnmusic.live.steering.orders import MODES
from rnnmusic.live.timing.beat import BeatClock

MODEL = "bach-gru"
TEMPO_BPM, FAST_BPM = 120.0, 400.0
GRAIN_QUARTERS = 0.125  # as in sampler_process
PIECE_S = 0.02
ROWS = 10
Row = dict[str, Any]
Deed = tuple[str, tuple[Any, ...]]  # "turn", "order" or "strike", and what with


def deeds(rng: random.Random) -> Iterator[Deed]:
    """What a lively performer does, one thing after the other, without end."""
    controls: dict[str, Callable[[], Any]] = {
        "temperature": lambda: rng.uniform(0.5, 1.5),
        "density": lambda: rng.uniform(-0.5, 0.5),
        "key": lambda: rng.choice([None, "C major", "F# minor", "D dorian"]),
        "chord": lambda: rng.choice([None, None, "Am7", "C/E"]),
        "polyphony": lambda: rng.choice([None, 2, 4]),
        "lowest_pitch": lambda: rng.choice([0, 48]),
        "loudness": lambda: rng.uniform(0.5, 1.5),
        "program": lambda: rng.choice([None, 0, 19, 48]),
    }
    orders: list[Callable[[], tuple[Any, ...]]] = [
        lambda: ("rewind", rng.randint(1, 4), rng.choice(["bar", "now"])),
        lambda: ("loop", rng.randint(1, 2), rng.randint(1, 3), "now"),
        lambda: ("branch", "now"),
        lambda: ("keep", rng.randint(1, 2), "bar"),
        lambda: ("freeze", "now"),
        lambda: ("resume", "now"),
        lambda: ("store", rng.choice("ab")),
        lambda: ("morph", "a", "b", rng.random(), "bar"),
        lambda: ("mode", rng.choice(MODES)),
        lambda: ("resume", "now"),
        lambda: ("mode", "duet"),
    ]
    while True:
        what = rng.random()
        if what < 0.12:
            name = rng.choice(list(controls))
            yield "turn", (name, controls[name]())
        elif what < 0.16:
            yield "order", rng.choice(orders)()
        else:
            yield "strike", (rng.randrange(40, 80), rng.randrange(30, 110))


class Hand:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.time_s = 1000.0

    def now(self) -> float:
        """That moment."""
        return self.time_s


class Instrument:
    """A port that keeps account and nothing else: keys down, strikes, how far ticks are off."""

    name, lead_s, clock, is_alive = "instrument", 0.0, None, True

    def __init__(self) -> None:
        self.down: Counter[tuple[int, int]] = Counter()
        self.strikes = self.ticks = self.double = 0
        self.start_s = self.drift_s = 0.0

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Remember the first beat."""
        self.start_s = start_s

    def send(self, message: bytes, time_s: float) -> None:
        """Take account."""
        kind = message[0] & 0xF0
        if message[0] == TICK:
            self.drift_s = time_s - self.start_s - self.ticks * 60.0 / (24 * TEMPO_BPM)
            self.ticks += 1
        elif kind == 0x90 and message[2]:
            key = (message[0] & 0x0F, message[1])
            self.strikes += 1
            self.double += key in self.down
            self.down[key] = 1
        elif kind in (0x80, 0x90):
            del self.down[message[0] & 0x0F, message[1]]

    def close(self) -> None:
        """Nothing to close."""


class Rehearsal:
    """Director and sender in one thread, on a clock that is moved by hand."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._deeds = deeds(self._rng)
        self._clock = Hand()
        self.port = Instrument()
        self._board = Board(memoryview(bytearray(Board.size_bytes())))
        self._board.clear()
        plans, heard = (
            Ring(memoryview(bytearray(Ring.size_bytes(RING_RECORDS))), RING_RECORDS) for _ in "ab"
        )
        beat = BeatClock(tempo_bpm=TEMPO_BPM, start_s=self._clock.now())
        beat.stop(self._clock.now())
        self.reports: Counter[str] = Counter()
        self.sender = Sender(
            self._clock,
            Timekeeper(beat, self._clock, self._board),
            [self.port],
            self._board,
            plans,
            heard,
            SenderSettings(clock_out=(0,)),
            lambda report: self.reports.update([report["kind"]]),
        )
        self._heard = heard
        self._window = CommitWindow(self._board, plans, lambda: None, sleep=self._make_room)
        self._settings = DirectorSettings(MODEL, seed=seed, mode="duet", loose_s=0.004)
        with closing(Models()) as models:
            self.director = Director(self._settings, models.load)
        self._ready = 0.0
        self._next_deed_s = 0.0
        self._held_down: list[tuple[float, int]] = []  # (until, pitch)

    def play(self, seconds: float) -> None:
        """Let so much time pass."""
        until_s = self._clock.now() + seconds
        while self._clock.now() < until_s:
            self._listen()
            now = self._board.quarters_at(self._clock.now())
            while self._ready < now + self._settings.lookahead_quarters:
                self._handle(Extend(self._ready + GRAIN_QUARTERS))
            self._interfere()
            self._send_until(self._clock.now() + PIECE_S)

    def row(self) -> Row:
        """How things stand."""
        gc.collect()
        sizes = lengths(self.director, self.sender)
        longest, most = max(sizes.items(), key=lambda item: item[1])
        return {
            "quarters": round(self._board.quarters_at(self._clock.now())),
            "rss_mb": rss_mb(os.getpid()),
            "descriptors": descriptors(os.getpid()),
            "objects": len(gc.get_objects()),
            "contained": sum(sizes.values()),
            "most": f"{most} in {longest}",
            "agenda": len(self.sender._agenda),
            "sounding": len(self.sender.sounding),
            "drift_us": 1e6 * self.port.drift_s,
            "notes": self.port.strikes,
            "struck_twice": self.port.double,
            "dropped": self.sender.tally.dropped,
            "stalls": self.sender.tally.stalls,
        }

    def close(self) -> int:
        """End it; how many keys were left down."""
        self.sender.close()
        return len(self.port.down)

    def _interfere(self) -> None:
        now_s = self._clock.now()
        for until_s, pitch in [held for held in self._held_down if held[0] <= now_s]:
            self._held_down.remove((until_s, pitch))
            self.sender.heard(note_off(0, pitch), now_s, 0)
        if now_s < self._next_deed_s:
            return
        self._next_deed_s = now_s + self._rng.uniform(0.1, 0.6)
        what, arguments = next(self._deeds)
        if what == "strike":
            pitch, velocity = arguments
            if all(pitch != held for _, held in self._held_down):
                self._held_down.append((now_s + self._rng.uniform(0.1, 1.0), pitch))
                self.sender.heard(note_on(0, pitch, velocity), now_s, 0)
            return
        at = self._window.hold(now_s)
        if what == "turn":
            self._handle(Turned(at, *arguments))
        else:
            self._handle(Ordered(at, arguments[0], arguments[1:]))

    def _listen(self) -> None:
        while (data := self._heard.pop()) is not None:
            record = decode(data)
            if isinstance(record, HeardMessage):
                at = self._window.hold(self._clock.now())
                played, message = record.played_quarters, tuple(record.message)
                self._handle(Heard(at, played, message, record.port))

    def _handle(self, event: Event) -> None:
        plan = self.director.handle(event)
        self._ready = plan.ready_quarters
        self._window.commit(plan)
        self.reports["notices"] += len(plan.notices)

    def _send_until(self, time_s: float) -> None:
        while (next_s := self.sender.advance(self._clock.now())) <= time_s:
            self._clock.time_s = max(self._clock.now(), next_s)
        self._clock.time_s = time_s

    def _make_room(self, seconds: float) -> None:
        self._send_until(self._clock.now() + seconds)


def lengths(*roots: object) -> dict[str, int]:
    """Attribute path -> how much the containers below objects of this project hold, networks left
    out: what was trained doesn't grow."""
    sizes: dict[str, int] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [(type(root).__name__, root) for root in roots]
    while waiting:
        path, thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, nn.Module):
            continue
        seen.add(id(thing))
        if hasattr(thing, "__len__") and not isinstance(thing, str | bytes | memoryview):
            sizes[path] = sizes.get(path, 0) + len(thing)
        if isinstance(thing, dict):
            waiting += [(f"{path}[]", value) for value in thing.values()]
        elif isinstance(thing, list | tuple | set | frozenset) or type(thing).__name__ == "deque":
            waiting += [(f"{path}[]", value) for value in thing]  # type: ignore[attr-defined]
        elif type(thing).__module__.startswith("rnnmusic."):
            names = [n for kind in type(thing).__mro__ for n in getattr(kind, "__slots__", ())]
            held = {n: getattr(thing, n) for n in names if hasattr(thing, n)}
            held |= getattr(thing, "__dict__", {})
            waiting += [(f"{path}.{name}", value) for name, value in held.items()]
    return sizes


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def descriptors(pid: int) -> int:
    """How many files, sockets and pipes a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def rehearse(score_minutes: float, seed: int) -> dict[str, Any]:
    """The simulated performance."""
    rehearsal = Rehearsal(seed)
    rows = []
    begun_s, used_s = time.monotonic(), time.process_time()
    for _ in range(ROWS):
        rehearsal.play(60 * score_minutes / ROWS)
        rows.append(rehearsal.row())
        print(rows[-1], file=sys.stderr)
    passed_s, used_s = time.monotonic() - begun_s, time.process_time() - used_s
    return {
        "rows": rows,
        "left_sounding": rehearsal.close(),
        "times_real_time": 60 * score_minutes / passed_s,
        "times_real_time_cpu": 60 * score_minutes / used_s,
        "reports": dict(rehearsal.reports),
    }


def perform(minutes: float, seed: int) -> dict[str, Any]:
    """The real processes, with another player at one end and an instrument at the other."""
    from rnnmusic.live.engine import Engine, EngineSettings

    rng = random.Random(seed)
    director = DirectorSettings(MODEL, seed=seed, tempo_bpm=FAST_BPM, mode="duet", loose_s=0.004)
    sink, source = (socket.create_server(("127.0.0.1", 0)) for _ in "ab")
    input_port = source.getsockname()[1]
    source.close()  # a free number
    threading.Thread(target=_swallow, args=(sink,), daemon=True).start()
    settings = EngineSettings(
        director,
        (f"tcp:127.0.0.1:{sink.getsockname()[1]}",),
        (f"tcp:{input_port}",),
    )
    rows: list[Row] = []
    said: Counter[str] = Counter()
    with Engine(settings) as engine, socket.create_connection(("127.0.0.1", input_port)) as player:
        lively = deeds(rng)
        row_s = time.monotonic() + 60 * minutes / ROWS
        state: dict[str, Any] = {}
        while len(rows) < ROWS and engine.is_running:
            for message in engine.poll(rng.uniform(0.02, 0.2)):
                said[message["kind"]] += 1
                state = message if message["kind"] == "state" else state
            what, arguments = next(lively)
            if what == "strike":
                pitch, velocity = arguments
                player.sendall(note_on(0, pitch, velocity))
                time.sleep(rng.uniform(0.02, 0.1))
                player.sendall(note_off(0, pitch))
            else:
                (engine.turn if what == "turn" else engine.order)(*arguments)
            if time.monotonic() >= row_s:
                row_s += 60 * minutes / ROWS
                rows.append(_process_row(engine.pids, state))
                print(rows[-1], file=sys.stderr)
        report = engine.stop()
    sink.close()
    return {"rows": rows, "said": dict(said), "priority": report.priority, "reason": report.reason}


def _swallow(sink: socket.socket) -> None:
    """Be an instrument that nobody listens to."""
    with sink.accept()[0] as player:
        while player.recv(4096):
            pass


def _process_row(pids: dict[str, int], state: dict[str, Any]) -> Row:
    row: Row = {"quarters": round(state.get("quarters", math.nan))}
    for name, pid in pids.items():
        row |= {f"{name}_rss_mb": rss_mb(pid), f"{name}_descriptors": descriptors(pid)}
    names = ("notes", "dropped", "stalls", "lateness_p50_us", "lateness_p99_us", "lateness_max_us")
    return row | {name: state.get(name) for name in names}


def show(result: dict[str, Any]) -> None:
    """Print a table for people, and what else there is."""
    names = list(result["rows"][0])
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for row in result["rows"]:
        cells = (f"{row[n]:.1f}" if isinstance(row[n], float) else str(row[n]) for n in names)
        print("| " + " | ".join(cells) + " |")
    print(", ".join(f"{name}: {value}" for name, value in result.items() if name != "rows"))
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description="An hour of playing.")
    parser.add_argument("--score-minutes", type=float, default=60.0)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {}
    if options.score_minutes:
        results["simulated"] = rehearse(options.score_minutes, options.seed)
    if options.minutes:
        results["processes"] = perform(options.minutes, options.seed)
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        for result in results.values():
            show(result)


if __name__ == "__main__":
    main()
