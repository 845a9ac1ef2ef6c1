"""Playing to a real MIDI graph: JACK with its dummy driver, and a listener on the other side.

It needs Debian's jackd2, which .ci/run installs. Without it there is no MIDI here at all.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rnnmusic import midi
from tests.cli.conftest import Studio, studio

__all__ = ["studio"]  # a fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="needs jackd2 (see .ci/run)"),
]

SERVER = "rnnmusic-test"


@pytest.fixture(scope="module")
def jack() -> Iterator[dict[str, str]]:
    """A JACK server without a sound card; yields the environment that reaches it."""
    environment = {**os.environ, "JACK_NO_START_SERVER": "1", "JACK_DEFAULT_SERVER": SERVER}
    # Synchronous, with long periods: on a busy machine a client that misses its period would be
    # served the one before once more, and notes would be lost and doubled on the way.
    options = ["-S", "-n", SERVER, "-d", "dummy", "-r", "48000", "-p", "1024"]
    for realtime in (["-R", "-P", "20"], ["-r"]):  # the second where real time isn't allowed
        server = subprocess.Popen(
            ["jackd", *realtime, *options],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if _answers(environment, server):
            break
        _end(server)
    else:
        pytest.fail("jackd is installed but doesn't start")
    yield environment
    _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()  # a killed server leaves its place in the shared registry taken
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _answers(environment: dict[str, str], server: subprocess.Popen[bytes]) -> bool:
    for _ in range(100):
        if server.poll() is not None:
            return False
        if _ports(environment):
            return True
        time.sleep(0.1)
    return False


def _ports(environment: dict[str, str]) -> str:
    listed = subprocess.run(["jack_lsp"], env=environment, capture_output=True, text=True)
    return listed.stdout if listed.returncode == 0 else ""


@pytest.fixture
def listener(jack: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[int]]]:
    """What arrives at a virtual input called "ear"."""
    for name, value in jack.items():
        monkeypatch.setenv(name, value)
    rtmidi = pytest.importorskip("rtmidi", reason="python-rtmidi has no wheels from Python 3.13 on")
    heard: list[list[int]] = []

    def hear(event: tuple[list[int], float], _: Any) -> None:
        heard.append(event[0])

    port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="listener", queue_size_limit=65536)
    port.set_callback(hear)
    port.open_virtual_port("ear")
    yield heard
    port.close_port()
    port.delete()


def _sounding(messages: list[list[int]]) -> set[int]:
    held: set[int] = set()
    for status, pitch, velocity in (m for m in messages if m[0] & 0xE0 == 0x80):
        if status & 0xF0 == 0x90 and velocity:
            held.add(pitch)
        else:
            held.discard(pitch)
    return held


def _live(*options: object) -> list[str]:
    return [sys.executable, "-m", "rnnmusic", "live", *map(str, options)]


def test_a_listener_hears_what_generate_writes(
    listener: list[list[int]], studio: Studio, tmp_path: Path
) -> None:
    options = ("--seed", 4, "--bars", 4, "--tempo", 240)
    ended = subprocess.run(
        _live(studio.run, "--out", "ear", *options), capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    written = tmp_path / "same.mid"
    generate = [sys.executable, "-m", "rnnmusic", "generate", studio.run, "-o", written]
    subprocess.run([*map(str, generate), *map(str, options)], check=True, capture_output=True)
    played = [m[1] for m in listener if m[0] & 0xF0 == 0x90 and m[2]]
    assert played == midi.read(written).notes()["pitch"].tolist()
    assert _sounding(listener) == set()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_performance_leaves_nothing_sounding(
    listener: list[list[int]], studio: Studio, number: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        _live(studio.run, "--out", "ear"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(300):
        if _sounding(listener):
            break
        time.sleep(0.1)
    assert _sounding(listener)
    process.send_signal(number)
    assert process.wait(timeout=30) == code
    time.sleep(0.2)  # what was sent arrives with the next period
    assert _sounding(listener) == set()
    last = [tuple(m[:2]) for m in listener[-3:]]
    assert [second for _, second in last] == [64, 123, 120]  # pedal up, notes off, sound off


def test_ports_are_listed_by_name(listener: list[list[int]]) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "rnnmusic", "ports"], capture_output=True, text=True
    )
    assert listed.returncode == 0
    assert "ear" in listed.stdout
