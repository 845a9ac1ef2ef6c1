from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from rnnmusic.live.signals import stop_on_signals

# Waits for a signal, and says what became of it.
PROGRAM = """
import atexit, time
from rnnmusic.live.signals import exit_at_once, stop_on_signals

atexit.register(print, "taken apart")
with stop_on_signals() as stop:
    print("waiting", flush=True)
    while not stop.is_set():
        time.sleep(0.01)
    time.sleep(0.2)
print("over")
exit_at_once(stop.exit_code)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_program_in_good_order(number, code):
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(number)
        process.send_signal(number)  # the impatient second one
        out, _ = process.communicate(timeout=20)
    assert process.returncode == code
    assert out == "over\n"


def test_handlers_come_back_and_the_first_signal_counts():
    earlier = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as stop:
        assert stop.exit_code == 0
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_set()
        assert stop.exit_code == 143
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == earlier


def test_a_child_heeds_nothing_that_a_terminal_sends_to_all():
    program = """
import os, signal
from rnnmusic.live.signals import leave_signals_to_the_parent

leave_signals_to_the_parent()
for name in ("SIGINT", "SIGQUIT", "SIGTSTP", "SIGHUP"):
    os.kill(os.getpid(), getattr(signal, name))
print("plays on")
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stdout) == (0, "plays on\n")
