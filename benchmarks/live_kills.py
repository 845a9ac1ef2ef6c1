"""Kills of a performance at random moments: what still sounds afterwards, and what is left over.

    python benchmarks/live_kills.py [--kills 200] [--parallel 2] [--seed 0] [--kind NAME] [--json]

`rnnmusic live bach-gru` plays a duet to an observer, an instrument at the end of a TCP connection
that knows nothing of the program, which also plays along at random. At a random moment while notes
sound something is done to it:

- interrupt, terminate: the command gets SIGINT or SIGTERM; interrupt all, terminate all, quit all,
  hang up all: each of its processes gets SIGINT, SIGTERM, SIGQUIT or SIGHUP, as from a terminal;
- kill sampler, kill command, kill both: SIGKILL of the sampler, the command, or the two at once;
- kill sender: SIGKILL of the process that holds the port, so that the command has to close for it;
- sampler raises, sender raises, port raises: an exception is thrown inside;
- port vanishes: the observer hangs up; then SIGINT;
- full disk: both processes may not write to the session any more; then SIGINT;
- pause sampler, pause command: SIGSTOP for a second, SIGCONT, then SIGINT;
- interrupt start, kill start: SIGINT or SIGKILL of the command before it plays.

Afterwards nothing may sound at the observer, no process and no shared memory may be left, and the
session must be readable and give the same messages when it is replayed. A row for each kind tells
how many there were, how many of them failed, how long after the deed the last message came and the
command had left (medians and maxima, milliseconds), and how many notes sounded at the deed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

MODEL = "bach-gru"
START_S = 90.0  # for a start on a busy machine
LEAVE_S = 15.0
PAUSE_S = 1.0
HERE = Path(__file__).resolve().parent


class Observer:
    """An instrument at the end of a TCP connection: one switch per key, and nothing else.

    It doesn't heed "all notes off": every note has to be ended by its own message.
    """

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._down: set[tuple[int, int]] = set()
        self._lock = threading.Lock()
        self._player: socket.socket | None = None
        self.is_playing = False  # somebody is connected
        self.strikes = 0
        self.faults: list[str] = []
        self.heard_s = 0.0  # when the last message came
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def sounding(self) -> int:
        """How many keys are down."""
        with self._lock:
            return len(self._down)

    def hang_up(self) -> None:
        """Cut the connection, as a device that is unplugged; it is silent then."""
        self._server.close()
        if self._player is not None:
            with suppress(OSError):
                self._player.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._down.clear()

    def close(self) -> None:
        """Listen no more."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self.hang_up()

    def _listen(self) -> None:
        while True:
            try:
                self._player, _ = self._server.accept()
            except OSError:
                return
            self.is_playing = True
            with self._player:
                self._hear(self._player)
            self.is_playing = False

    def _hear(self, player: socket.socket) -> None:
        message = bytearray()
        while True:
            try:
                data = player.recv(4096)
            except OSError:
                return
            if not data:
                if message:
                    self.faults.append(f"half a message: {message.hex(' ')}")
                return
            self.heard_s = time.monotonic()
            for byte in data:
                if byte & 0x80:
                    if message:
                        self.faults.append(f"half a message: {message.hex(' ')}")
                    message.clear()
                message.append(byte)
                if len(message) == (2 if message[0] & 0xE0 == 0xC0 else 3):
                    self.hear(bytes(message))
                    message.clear()

    def hear(self, message: bytes) -> None:
        """Take in one message."""
        kind, key = message[0] & 0xF0, (message[0] & 0x0F, message[1])
        with self._lock:
            if kind == 0x90 and message[2]:
                if key in self._down:
                    self.faults.append(f"{key} was struck while it was down")
                self._down.add(key)
                self.strikes += 1
            elif kind in (0x80, 0x90):
                self._down.discard(key)


@dataclass
class Outcome:
    """What was left of a performance that something was done to."""

    kind: str
    seed: int
    sounding_before: int = 0
    last_message_ms: float | None = None
    exit_ms: float | None = None
    exit_code: int | None = None
    replayed: int = 0
    stderr: str = ""
    faults: list[str] = field(default_factory=list)


class Performance:
    """The command at work in a process group of its own, with an observer and another player."""

    def __init__(self, folder: Path, rng: random.Random, fault: str | None = None) -> None:
        self.observer = Observer()
        self.session = folder / "session"
        self._input = _free_port()
        self._rng = rng
        arguments = ["live", MODEL, "--out", f"tcp:127.0.0.1:{self.observer.port}"]
        arguments += ["--in", f"tcp:{self._input}", "--mode", "duet", "--record", str(self.session)]
        arguments += ["--tempo", "180", "--seed", str(rng.randrange(1000)), "--no-view"]
        program = f"import live_kills; live_kills.perform({fault!r}, {rng.randrange(40, 400)})"
        self._stderr = (folder / "stderr").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            start_new_session=True,
        )
        self.pids: set[int] = {self.process.pid}
        self.memories: set[str] = set()

    def look(self) -> dict[str, int]:
        """Remember processes and shared memory; the pids of sender and sampler."""
        family = _family(self.process.pid)
        self.pids |= set(family)
        children = [pid for pid in family[1:] if "spawn_main" in _read(pid, "cmdline")]
        for pid in children:
            for line in _read(pid, "maps").splitlines():
                if "/dev/shm/psm_" in line:
                    self.memories.add(line.split("/dev/shm/")[1].split()[0])
        return dict(zip(("sender", "sampler"), sorted(children, key=_started), strict=False))

    def await_music(self) -> None:
        """Wait until notes sound, and play along."""
        deadline_s = time.monotonic() + START_S
        while not self.observer.strikes:
            if self.process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"It doesn't play: {self.stderr()}")
            time.sleep(0.02)
        threading.Thread(target=self._play_along, daemon=True).start()

    def await_sound(self) -> int:
        """Wait until something sounds just now; how many notes."""
        while not (sounding := self.observer.sounding) and self.process.poll() is None:
            time.sleep(0.0005)
        return sounding

    def leftovers(self) -> list[str]:
        """What is left over, given some seconds to disappear."""
        deadline_s = time.monotonic() + LEAVE_S
        while left := [f"process {p} is left: {_read(p, 'cmdline')}" for p in self.pids if _is(p)]:
            if time.monotonic() > deadline_s:
                break
            time.sleep(0.02)
        left += [
            f"shared memory {m} is left" for m in self.memories if Path("/dev/shm", m).exists()
        ]
        return left

    def stderr(self) -> str:
        """What it has written there."""
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")

    def close(self) -> None:
        """End what may still be there."""
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.observer.close()
        self._stderr.close()

    def _play_along(self) -> None:
        rng = random.Random(self._rng.random())
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._input)) as player:
            while self.process.poll() is None:
                pitch = rng.randrange(48, 73)
                player.sendall(bytes([0x90, pitch, 80]))
                time.sleep(rng.uniform(0.02, 0.3))
                player.sendall(bytes([0x80, pitch, 0]))
                time.sleep(rng.uniform(0.02, 0.3))


# What is done. Each gets the performance, and returns when, and the exit code that it is to have.


def _signal_command(number: signal.Signals, show: Performance) -> tuple[float, int]:
    begun_s = time.monotonic()
    os.kill(show.process.pid, number)
    return begun_s, 128 + number


def _signal_all(number: signal.Signals, show: Performance) -> tuple[float, int]:
    begun_s = time.monotonic()
    os.killpg(show.process.pid, number)
    return begun_s, -number if number == signal.SIGQUIT else 128 + number


def _kill(names: tuple[str, ...], show: Performance) -> tuple[float, int]:
    pids = {**show.look(), "command": show.process.pid}
    begun_s = time.monotonic()
    for name in names:
        os.kill(pids[name], signal.SIGKILL)
    return begun_s, -signal.SIGKILL if "command" in names else 1


def _await_exception(show: Performance) -> tuple[float, int]:
    while show.process.poll() is None and "thrown inside" not in show.stderr():
        time.sleep(0.005)
    return time.monotonic(), 1


def _survive_exception(show: Performance) -> tuple[float, int]:
    _await_exception(show)
    return _go_on(show)


def _vanish(show: Performance) -> tuple[float, int]:
    show.observer.hang_up()
    time.sleep(PAUSE_S)
    return _signal_command(signal.SIGINT, show)


def _fill_disk(show: Performance) -> tuple[float, int]:
    for pid in show.look().values():
        written = max(f.stat().st_size for f in show.session.iterdir())
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (written + 100, written + 100))
    while "recording ends" not in show.stderr() and show.process.poll() is None:
        time.sleep(0.05)
    return _go_on(show)


def _pause(name: str, show: Performance) -> tuple[float, int]:
    pid = {**show.look(), "command": show.process.pid}[name]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(2 * PAUSE_S)
    sounding = show.observer.sounding
    os.kill(pid, signal.SIGCONT)
    if sounding and name == "sampler":
        raise RuntimeError(f"{sounding} notes sounded while the sampler was stopped.")
    return _go_on(show)


def _go_on(show: Performance) -> tuple[float, int]:
    """Let it play on for a second, and until something sounds; then interrupt it."""
    time.sleep(PAUSE_S)
    show.await_sound()
    return _signal_command(signal.SIGINT, show)


Deed = Callable[[Performance], tuple[float, int]]
DEEDS: dict[str, Deed] = {
    "interrupt": partial(_signal_command, signal.SIGINT),
    "terminate": partial(_signal_command, signal.SIGTERM),
    "interrupt all": partial(_signal_all, signal.SIGINT),
    "terminate all": partial(_signal_all, signal.SIGTERM),
    "quit all": partial(_signal_all, signal.SIGQUIT),
    "hang up all": partial(_signal_all, signal.SIGHUP),
    "kill sampler": partial(_kill, ("sampler",)),
    "kill command": partial(_kill, ("command",)),
    "kill both": partial(_kill, ("command", "sampler")),
    "kill sender": partial(_kill, ("sender",)),
    "sampler raises": _await_exception,
    "sender raises": _await_exception,
    "port raises": _survive_exception,
    "port vanishes": _vanish,
    "full disk": _fill_disk,
    "pause sampler": partial(_pause, "sampler"),
    "pause command": partial(_pause, "command"),
    "interrupt start": partial(_signal_command, signal.SIGINT),
    "kill start": partial(_kill, ("command",)),
}
#: Those after which the command itself has to leave at once.
PROMPT = ("interrupt", "terminate", "interrupt all", "terminate all")


def try_out(kind: str, seed: int) -> Outcome:
    """One performance, one deed, and what is left."""
    rng, outcome = random.Random(f"{kind} {seed}"), Outcome(kind, seed)
    is_starting = kind.endswith(" start")
    with _folder() as folder:
        show = Performance(folder, rng, kind if kind.endswith(" raises") else None)
        try:
            if is_starting:
                _dwell(show, rng.uniform(0.5, 5.0))
            else:
                show.await_music()
                _dwell(show, 0.0 if kind.endswith(" raises") else rng.uniform(0.1, 2.5))
                outcome.sounding_before = show.await_sound()
            _judge(show, DEEDS[kind], outcome, is_starting=is_starting)
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            outcome.faults.append(f"{type(error).__name__}: {error}")
        finally:
            outcome.stderr = show.stderr()
            show.close()
    return outcome


def _judge(show: Performance, deed: Deed, outcome: Outcome, *, is_starting: bool) -> None:
    faults = outcome.faults
    begun_s, wanted = deed(show)
    outcome.exit_code = show.process.wait(LEAVE_S)
    outcome.exit_ms = 1000 * (time.monotonic() - begun_s)
    faults += show.leftovers()
    if show.observer.heard_s >= begun_s:
        outcome.last_message_ms = 1000 * (show.observer.heard_s - begun_s)
    # Before Python has set up its handler, it is simply ended.
    if outcome.exit_code not in ({wanted, -signal.SIGINT} if is_starting else {wanted}):
        faults.append(f"exit code {outcome.exit_code} instead of {wanted}")
    time.sleep(0.05)
    if sounding := show.observer.sounding:
        faults.append(f"{sounding} notes were left sounding")
    faults += show.observer.faults
    if "Traceback" in show.stderr() and not (is_starting and outcome.exit_code == -signal.SIGINT):
        faults.append("a traceback on stderr")
    if not is_starting:
        faults += _session_faults(show.session, outcome)


def _session_faults(folder: Path, outcome: Outcome) -> list[str]:
    """What is wrong with a recording: it must be readable, and the same when it is replayed."""
    from rnnmusic.errors import RnnMusicError
    from rnnmusic.live.directing.director import Director
    from rnnmusic.live.directing.models import Models
    from rnnmusic.live.directing.settings import DirectorSettings
    from rnnmusic.live.session.reading import read
    from rnnmusic.live.session.replay import replay, verify

    def direct(fields: dict[str, Any]) -> Director:
        return Director(DirectorSettings.from_dict(fields["director"]), models.load)

    try:
        session = read(folder)
        with closing(Models()) as models:
            replayed = replay(session, direct)
    except RnnMusicError as error:
        return [f"the session can't be read: {error}"]
    compared = verify(session, replayed)
    outcome.replayed = compared.same
    return [] if compared.difference is None else [compared.difference]


def _dwell(show: Performance, seconds: float) -> None:
    """Let it play on, with an eye on its processes."""
    deadline_s = time.monotonic() + seconds
    show.look()
    while (left_s := deadline_s - time.monotonic()) > 0:
        time.sleep(min(left_s, 0.1))
        show.look()


# What runs in the command's processes: the command, with a fault built in.


def perform(fault: str | None, after: int) -> None:
    """The command line as it is, or with an exception after so many events, rounds or messages."""
    from rnnmusic_cli.main import main

    from rnnmusic.live import engine

    if fault == "sampler raises":
        vars(engine)["run_sampler"] = partial(_run_raising_sampler, after)
    elif fault == "sender raises":
        vars(engine)["run_sender"] = partial(_run_raising_sender, after, is_port=False)
    elif fault == "port raises":
        vars(engine)["run_sender"] = partial(_run_raising_sender, after, is_port=True)
    main()


def _run_raising_sampler(after: int, *arguments: Any) -> None:
    from rnnmusic.live.directing.director import Director
    from rnnmusic.live.directing.sampler_process import run_sampler

    _raise_once(Director, "handle", after)
    run_sampler(*arguments)


def _run_raising_sender(after: int, *arguments: Any, is_port: bool) -> None:
    from rnnmusic.live.ports.tcp import TcpOutput
    from rnnmusic.live.sending.sender import Sender
    from rnnmusic.live.sending.sender_process import run_sender

    _raise_once(*((TcpOutput, "send", after // 4) if is_port else (Sender, "advance", after)))
    run_sender(*arguments)


def _raise_once(owner: type, name: str, after: int) -> None:
    """Let a method raise when it has been called so often while something sounded."""
    method, calls = getattr(owner, name), iter(range(after))

    def raising(*arguments: Any) -> Any:
        is_sounding = bool(getattr(arguments[0], "sounding", True))
        if is_sounding and next(calls, None) is None and not getattr(owner, "_has_raised", False):
            owner._has_raised = True  # type: ignore[attr-defined]
            raise ArithmeticError("thrown inside")
        return method(*arguments)

    setattr(owner, name, raising)


# Processes, as Linux shows them.


def _read(pid: int, name: str) -> str:
    try:
        return (
            Path(f"/proc/{pid}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


def _is(pid: int) -> bool:
    """Whether a process is there, and not only its entry."""
    status = _read(pid, "stat")
    return bool(status) and status.rpartition(")")[2].split()[0] not in "ZX"


def _started(pid: int) -> int:
    status = _read(pid, "stat")
    return int(status.rpartition(")")[2].split()[19]) if status else 0


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    members = [pid]
    for member in members:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            with suppress(OSError):
                members += map(int, task.read_text().split())
    return members


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="live-kills-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(kinds: list[str], kills: int, parallel: int, seed: int) -> list[Outcome]:
    """So many deeds, the kinds in turn."""
    outcomes = []
    with ProcessPoolExecutor(parallel, mp_context=multiprocessing.get_context("spawn")) as pool:
        trials = [pool.submit(try_out, kinds[i % len(kinds)], seed + i) for i in range(kills)]
        for trial in as_completed(trials):
            outcome = trial.result()
            outcomes.append(outcome)
            if outcome.faults:
                print(f"{outcome.kind}, seed {outcome.seed}: {outcome.faults}", file=sys.stderr)
                print(outcome.stderr, file=sys.stderr)
            if len(outcomes) % 10 == 0:
                print(f"{len(outcomes)} of {kills}", file=sys.stderr)
    return outcomes


def summary(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """A row for each kind."""
    rows = []
    for kind in DEEDS:
        mine = [outcome for outcome in outcomes if outcome.kind == kind]
        if not mine:
            continue
        last = [o.last_message_ms for o in mine if o.last_message_ms is not None]
        left = [o.exit_ms for o in mine if o.exit_ms is not None]
        rows.append(
            {
                "kind": kind,
                "times": len(mine),
                "failed": sum(bool(o.faults) for o in mine),
                "notes_sounding": sum(o.sounding_before for o in mine),
                "last_message_p50_ms": statistics.median(last) if last else None,
                "last_message_max_ms": max(last, default=None),
                "exit_p50_ms": statistics.median(left) if left else None,
                "exit_max_ms": max(left, default=None),
                "replayed": sum(o.replayed for o in mine),
                "faults": [fault for o in mine for fault in o.faults],
            }
        )
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print a table for people."""
    names = [name for name in rows[0] if name != "faults"]
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for row in rows:
        cells = (f"{row[n]:.0f}" if isinstance(row[n], float) else str(row[n]) for n in names)
        print("| " + " | ".join("-" if cell == "None" else cell for cell in cells) + " |")


def main() -> None:
    # A shell lets what it starts in the background ignore these, and so would the command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="What is left of a performance that is killed.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=DEEDS, action="append")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    kinds = options.kind or list(DEEDS)
    outcomes = run(kinds, options.kills, options.parallel, options.seed)
    rows = summary(outcomes)
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        show(rows)
    sys.exit(any(row["failed"] for row in rows))


if __name__ == "__main__":
    main()
