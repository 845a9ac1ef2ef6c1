"""`rnnmusic live` in a terminal: seen, steered by keys, recorded, replayed and interrupted."""

from __future__ import annotations

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

import mido
import pytest

from rnnmusic import midi
from tests.cli.conftest import Run, Studio


class Screen:
    """A terminal that somebody looks at: keeps what a program draws, and types."""

    def __init__(self, *arguments: object) -> None:
        self.shown = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", COLUMNS="110", LINES="40", NO_COLOR="1")
            os.execv(sys.executable, [sys.executable, "-m", "rnnmusic", *map(str, arguments)])

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def wait_for(self, text: str, timeout_s: float = 60.0) -> None:
        """Look on until it is there."""
        until_s = time.monotonic() + timeout_s
        while text not in self.shown:
            assert time.monotonic() < until_s, (text, self.shown[-3000:])
            if not self._look():
                break
        assert text in self.shown, self.shown[-3000:]
        self.shown = self.shown[self.shown.index(text) :]

    def end(self) -> int:
        """Look on to the end; the exit code."""
        while self._look():
            pass
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _look(self) -> bool:
        if not select.select([self._terminal], [], [], 1.0)[0]:
            return True
        try:
            data = os.read(self._terminal, 65536)
        except OSError:
            return False
        self.shown += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode(errors="replace"))
        return bool(data)


@pytest.fixture(scope="module")
def session(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A performance in a terminal, steered by keys, recorded, and ended by q."""
    folder = tmp_path_factory.mktemp("live")
    screen = Screen(
        *("live", studio.run, "--out", folder / "out.mid", "--tempo", 240, "--view"),
        *("--record", folder / "session"),
    )
    screen.wait_for("240.0 bpm")
    screen.wait_for("temperature")
    screen.type(b"\x1b[C\x1b[C")
    screen.wait_for("1.1")
    screen.type(b":key Am\r")
    screen.wait_for("A minor")
    screen.type(b":dance\r")
    screen.wait_for("There is neither a control nor an order 'dance'")
    screen.type(b"?")
    screen.wait_for("any order")
    screen.type(b"?m")
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
        path = tmp_path / f"{take}.mid"
        options = ("--bars", 2, "--tempo", 400, "--seed", seed, "--temperature", 1.5)
        assert rnnmusic("live", studio.run, "--out", path, *options).code == 0
        played.append(midi.read(path).notes()["pitch"].tolist())
    assert played[0] == played[1] != played[2]
    assert played[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_puts_the_terminal_back(studio: Studio, number: signal.Signals) -> None:
    screen = Screen("live", studio.run, "--out", "memory", "--view")
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
