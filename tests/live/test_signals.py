from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import mido
import pytest

from rnnmusic.live.clock import MonotonicClock, Stop
from rnnmusic.live.signals import stop_on_signals

# Holds a chord for ever; says so once it sounds.
PROGRAM = """
import atexit, sys
from rnnmusic.live.player import play
from rnnmusic.live.ports import open_output
from rnnmusic.live.signals import exit_at_once, stop_on_signals
from tests.live.playing import ScriptedModel, frame

def frames():
    yield frame(60, 61)
    while True:
        yield frame(held=(60, 61))

def on_bar(bar):
    print("bar", bar, flush=True)

with stop_on_signals() as stop:
    port = open_output(sys.argv[1])
    try:
        play(ScriptedModel(frames()), port, tempo_bpm=300, stop=stop, on_bar=on_bar, program=7)
    finally:
        port.close()
atexit.register(print, "taken apart")
print("over")
exit_at_once(stop.exit_code)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_recording_in_good_order(tmp_path, number, code):
    path = tmp_path / "live.mid"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, path],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "bar 1\n"
        process.send_signal(number)
        process.send_signal(number)  # the impatient second one
        out, _ = process.communicate(timeout=20)
    assert process.returncode == code
    assert out.endswith("over\n")
    messages = [m for m in mido.MidiFile(path).tracks[0] if not m.is_meta]
    assert [m.type for m in messages] == (
        ["program_change"] + ["note_on"] * 2 + ["note_off"] * 2 + ["control_change"] * 3
    )
    assert sorted(m.note for m in messages[3:5]) == [60, 61]
    assert list(tmp_path.iterdir()) == [path]


def test_handlers_come_back_and_the_first_signal_counts():
    earlier = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as stop:
        assert stop.exit_code == 0
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_set()
        assert stop.exit_code == 143
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == earlier


def test_waiting_ends_when_another_thread_sets_the_stop():
    stop, clock = Stop(), MonotonicClock()
    waiting = threading.Thread(
        target=clock.wait_until, args=(clock.now() + 3600, stop), daemon=True
    )
    waiting.start()
    stop.set()
    waiting.join(timeout=20)
    assert not waiting.is_alive()


def test_waiting_lasts_until_the_time_has_come():
    clock = MonotonicClock()
    until_s = clock.now() + 0.03
    clock.wait_until(until_s, Stop())
    assert clock.now() >= until_s
