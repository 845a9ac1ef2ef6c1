"""The whole engine against real clients in a JACK graph: FluidSynth, and a listener by frames.

It needs Debian's jackd2 and fluidsynth, which .ci/run installs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from rnnmusic.live.session.reading import read
from tests.jack.servers import (
    Burner,
    FluidSynth,
    Listener,
    comes_true,
    jack_server,
    needs_fluidsynth,
    needs_jack,
)

pytestmark = [pytest.mark.slow, needs_jack]

SERVER = "rnnmusic-live"
RATE, TEMPO_BPM = 48_000, 400
SIXTEENTH_FRAMES = RATE * 60 // TEMPO_BPM // 4
LEAD_MS = 100  # a virtual machine whose processors pause isn't what is tested here
OWN_LEAD_MS = 12  # two periods, what a message needs in any case
ATTEMPTS = 5


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    with jack_server(SERVER) as env:
        yield env


def live(env: dict[str, str], *options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rnnmusic", "live", "bach-gru", *map(str, options)],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def played(env: dict[str, str], *options: object) -> dict[str, Any]:
    """Play to the end; the report that tells how it went."""
    process = live(env, "--tempo", TEMPO_BPM, "--lead", LEAD_MS, "--json", *options)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    return dict(json.loads(out))


def is_on(message: bytes) -> bool:
    return message[0] & 0xF0 == 0x90 and message[2] > 0


def sounding(messages: list[bytes]) -> list[tuple[int, int]]:
    """The keys that are down in the end; none is ever struck while it is down."""
    down: set[tuple[int, int]] = set()
    for message in messages:
        key = (message[0] & 0x0F, message[1])
        if is_on(message):
            assert key not in down
            down.add(key)
        elif message[0] & 0xE0 == 0x80:
            down.discard(key)
    return sorted(down)


@needs_fluidsynth
def test_fluidsynth_receives_what_was_sampled(env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "session"
    with FluidSynth(env, tmp_path / "fluid.txt") as synthesiser:
        played(env, "--out", "fluid", "--bars", 16, "--record", folder, "--program", 19)
        synthesiser.stop()
        received = synthesiser.received()
    sent = [entry.message for entry in read(folder).sent if entry.dropped is None]
    notes = [message for message in received if message[0] & 0xE0 == 0x80]
    assert [message for message in sent if is_on(message)] == [m for m in notes if is_on(m)]
    assert Counter(map(is_on, notes)).most_common(1)[0][1] == len(notes) // 2 > 100
    assert sounding(received) == []
    assert bytes((0xC0, 19)) in received


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
def test_every_note_is_on_its_frame(env: dict[str, str], is_busy: bool) -> None:
    for _ in range(ATTEMPTS):
        with Burner() if is_busy else nullcontext(), Listener(env) as listener:
            told = played(env, "--out", "ear", "--bars", 40)
            heard = listener.stop()
        assert sounding([message for _, message in heard]) == []
        frames = [frame for frame, message in heard if is_on(message)]
        assert len(frames) > 500
        off_grid = Counter((frame - frames[0]) % SIXTEENTH_FRAMES for frame in frames)
        if off_grid.keys() == {0}:
            return
        # Only what was handed over too late may be off: the machine had stood still for long.
        assert told["lateness_max_us"] > 1000 * (LEAD_MS - OWN_LEAD_MS), (told, off_grid)
    pytest.fail(f"the machine stood still in each of {ATTEMPTS} runs: is it overloaded?")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_performance_leaves_nothing_sounding(
    env: dict[str, str], number: signal.Signals, code: int, tmp_path: Path
) -> None:
    folder = tmp_path / "session"
    with Listener(env) as listener:
        process = live(env, "--out", "ear", "--record", folder)
        assert comes_true(lambda: (folder / "sent.jsonl").exists(), 60)
        process.send_signal(number)
        process.communicate(timeout=30)
        time.sleep(0.2)  # what was sent arrives with the next period
        messages = [message for _, message in listener.stop()]
    assert process.returncode == code
    assert any(map(is_on, messages))
    assert sounding(messages) == []
    assert [message[1] for message in messages[-3:]] == [64, 123, 120]  # pedal up, notes, sound


def test_ports_are_listed_by_name(env: dict[str, str]) -> None:
    with Listener(env):
        listed = subprocess.run(
            [sys.executable, "-m", "rnnmusic", "ports"],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
        )
    assert listed.returncode == 0
    assert "ear" in listed.stdout
