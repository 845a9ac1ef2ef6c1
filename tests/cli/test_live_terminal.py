"""`rnnmusic live` in a terminal: seen, steered by keys, recorded, replayed and interrupted."""

from __future__ import annotations

import codecs
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import mido
import pytest

from rnnmusic.live.messages import is_note_on
from rnnmusic.live.session.reading import read
from tests.cli.conftest import Run, Studio


class Screen:
    """A terminal that somebody looks at: shows what a program draws, and types."""

    COLUMNS, LINES = 110, 40

    def __init__(self, *arguments: object) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            size = {"COLUMNS": str(self.COLUMNS), "LINES": str(self.LINES)}
            os.environ.update(TERM="xterm", NO_COLOR="1", **size)
            os.execv(sys.executable, [sys.executable, "-m", "rnnmusic", *map(str, arguments)])
        self._code: int | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._unread = ""
        self._clear()

    @property
    def shown(self) -> str:
        """What is on the screen now."""
        return "\n".join("".join(row).rstrip() for row in self._rows)

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def wait_for(self, text: str, timeout_s: float = 120.0) -> None:
        """Look on until it is there."""
        until_s = time.monotonic() + timeout_s
        while text not in self.shown:
            assert time.monotonic() < until_s, (text, self.shown)
            assert self._look(), (text, self.shown)

    def end(self) -> int:
        """Look on to the end; the exit code."""
        while self._look():
            pass
        self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._terminal)

    def _look(self) -> bool:
        """Take in what has been written; False at the end."""
        if not select.select([self._terminal], [], [], 1.0)[0]:
            return True
        try:
            self._unread += self._decoder.decode(os.read(self._terminal, 65536))
        except OSError:
            return False
        pattern = r"\x1b\[([0-9;?]*)([A-Za-z])|([^\x1b])"
        end = 0
        while match := re.compile(pattern, re.DOTALL).match(self._unread, end):
            end = match.end()
            self._take(*(group or "" for group in match.groups()))
        self._unread = self._unread[end:]
        return True

    def _take(self, parameters: str, command: str, character: str) -> None:
        """Obey a sequence, or show a character."""
        if command == "H":
            row, column = (parameters or "1;1").split(";")
            self._row, self._column = int(row) - 1, int(column) - 1
        elif command == "J" or (command in ("h", "l") and parameters == "?1049"):
            self._clear()
        elif character == "\r":
            self._column = 0
        elif character == "\n":
            self._row += 1
        elif character and self._row < self.LINES and self._column < self.COLUMNS:
            self._rows[self._row][self._column] = character
            self._column += 1

    def _clear(self) -> None:
        self._rows = [[" "] * self.COLUMNS for _ in range(self.LINES)]
        self._row = self._column = 0


@pytest.fixture(scope="module")
def session(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A performance in a terminal, steered by keys, recorded, and ended by q."""
    folder = tmp_path_factory.mktemp("live")
    command = ("live", studio.run, "--out", folder / "out.mid", "--tempo", 240, "--view")
    with Screen(*command, "--record", folder / "session") as screen:
        screen.wait_for("240.0 bpm")
        screen.wait_for("highest pitch")
        screen.type(b"\x1b[C\x1b[C")
        screen.type(b":key Am\r")
        screen.wait_for("A minor")
        screen.type(b":dance\r")
        screen.wait_for("There is neither a control nor an order 'dance'")
        screen.type(b"?")
        screen.wait_for("any order")
        screen.type(b"?")
        screen.wait_for("highest pitch")
        screen.type(b"m")
        screen.wait_for("respond")
        screen.type(b"q")
        assert screen.end() == 0
        assert "notes; messages left" in screen.shown
    return folder


def test_a_performance_is_steered_by_keys(session: Path) -> None:
    held: set[int] = set()
    for message in mido.MidiFile(session / "out.mid"):
        if message.type == "note_on" and message.velocity:
            held.add(message.note)
        elif message.type in ("note_on", "note_off"):
            held.discard(message.note)
    assert held == set()
    events = [
        json.loads(line) for line in (session / "session/events.jsonl").read_text().splitlines()
    ]
    turned = [event["name"] for event in events if event["kind"] == "turned"]
    assert turned == ["temperature", "temperature", "key"]
    assert [e["name"] for e in events if e["kind"] == "ordered"] == ["mode"]


def test_it_is_replayed_to_the_bit(rnnmusic: Run, session: Path, tmp_path: Path) -> None:
    again, twice = tmp_path / "again.mid", tmp_path / "twice.mid"
    for path in (again, twice):
        ran = rnnmusic("live", "--replay", session / "session", "-o", path)
        assert ran.code == 0, ran.err
        assert "each as it was sent" in ran.out
    assert again.read_bytes() == twice.read_bytes()
    sound = tmp_path / "again.wav"
    ran = rnnmusic("live", "--replay", session / "session", "-o", sound, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["difference"] is None
    assert sound.stat().st_size > 1000


def test_a_changed_recording_is_noticed(rnnmusic: Run, session: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(session / "session", tmp_path / "session")
    sent = (folder / "sent.jsonl").read_text()
    first = re.search(r'"bytes":"90(..)', sent)
    assert first is not None
    other = f"{(int(first[1], 16) + 1) % 128:02x}"
    (folder / "sent.jsonl").write_text(sent.replace(first[0], f'"bytes":"90{other}', 1))
    ran = rnnmusic("live", "--replay", folder, "-o", tmp_path / "x.mid")
    assert (ran.code, "isn't the same replayed. At quarter" in ran.err) == (3, True)
    assert "were its files edited?" in ran.err


def test_the_same_seed_plays_the_same(rnnmusic: Run, studio: Studio, tmp_path: Path) -> None:
    played = []
    for take, seed in enumerate((3, 3, 4)):
        folder = tmp_path / str(take)
        options = ("--bars", 2, "--tempo", 400, "--seed", seed, "--temperature", 1.5)
        ran = rnnmusic("live", studio.run, "--out", "memory", "--record", folder, *options)
        assert ran.code == 0
        # What a busy machine made too late is left out, but recorded all the same.
        planned = [(sent.time_quarters, sent.message) for sent in read(folder).sent]
        played.append([note for note in planned if is_note_on(note[1])])
    assert played[0] == played[1] != played[2]
    assert played[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_puts_the_terminal_back(studio: Studio, number: signal.Signals) -> None:
    with Screen("live", studio.run, "--out", "memory", "--view") as screen:
        screen.wait_for("? help")
        os.kill(screen.pid, number)
        assert screen.end() == 128 + number
        assert "notes; messages left" in screen.shown


@pytest.mark.slow
def test_bench_measures_everything(studio: Studio) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "rnnmusic", "live", "bench", str(studio.run), "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    figures = json.loads(ran.stdout)
    assert figures["step_us"]["count"] > 100
    assert figures["real_time"]["messages"] > 0
    assert figures["ordinary"]["priority"] != "fifo"
    assert figures["change_ms"]["count"] > 0
    assert figures["reply_ms"]["count"] + figures["unanswered"] > 0
    assert "absent" in figures["jack"] or figures["jack"]["lost"] == 0
