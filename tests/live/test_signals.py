from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from rnnmusic.live.clock import MonotonicClock, Stop
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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
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
