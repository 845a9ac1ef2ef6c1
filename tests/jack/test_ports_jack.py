"""Ports in a real JACK graph: every event on its frame, and listeners that come and go."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

import pytest

from rnnmusic.errors import DeviceError
from rnnmusic.live.messages import note_off, note_on, program_change
from rnnmusic.live.ports import list_ports, open_input, open_output, panic
from tests.jack.servers import (
    Burner,
    FluidSynth,
    Listener,
    Pulse,
    comes_true,
    jack_server,
    needs_fluidsynth,
    needs_jack,
)

pytestmark = [pytest.mark.slow, needs_jack]

SERVER = "rnnmusic-ports"
PERIOD_FRAMES, RATE = 256, 48_000
NOTES, NOTES_PER_S = 10_000, 2_500
ATTEMPTS = 5


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with jack_server(SERVER, period_frames=PERIOD_FRAMES) as env:
        yield env


@pytest.fixture
def env(server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def stage() -> Iterator[ExitStack]:
    """What is put on it has left when the test ends, however that is."""
    with ExitStack() as stack:
        yield stack


#: Plays notes at random frames and prints (frame, message) as they should arrive.
PLAYER = """
import os, random, sys, time
from contextlib import suppress
from rnnmusic.live.messages import note_off, note_on
from rnnmusic.live.ports.jack_driver import jack_driver

notes, notes_per_s = int(sys.argv[1]), float(sys.argv[2])
with suppress(OSError, AttributeError):  # where it isn't allowed, the queue's lead has to do
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
sys.setswitchinterval(0.0005)
driver = jack_driver()
port = driver.open_output("ear:in")
clock, rng = port.clock, random.Random(1)
start_s = clock.now() + 0.3
due = []
for k in range(notes):
    on_s = start_s + (k + rng.random() / 2) / notes_per_s
    due.append((on_s, note_on(k % 16, k * 7 % 128, k % 127 + 1)))
    due.append((on_s + 0.4 / notes_per_s, note_off(k % 16, k * 7 % 128)))
due.sort()
for time_s, message in due:  # well ahead: processors of virtual machines pause
    while (left_s := time_s - 0.1 - clock.now()) > 0:
        time.sleep(left_s)
    port.send(message, time_s)
port.close()
driver.close()
print(port.late)
for time_s, message in due:
    print(clock.frame_at(time_s), message.hex())
"""


@pytest.mark.parametrize("burners", [0, 1])
def test_every_event_arrives_on_its_frame(
    env: dict[str, str], stage: ExitStack, burners: int
) -> None:
    for _ in range(burners):
        stage.enter_context(Burner())
    for _ in range(ATTEMPTS):
        listener = stage.enter_context(Listener(env))
        played = subprocess.run(
            [sys.executable, "-c", PLAYER, str(NOTES), str(NOTES_PER_S)],
            env={**os.environ, **env}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        heard = listener.stop()
        assert played.returncode == 0, played.stderr
        late, *lines = played.stdout.splitlines()
        wanted = [(int(frame), bytes.fromhex(text)) for frame, text in map(str.split, lines)]
        assert len(wanted) == 2 * NOTES
        # Nothing is lost or doubled, and all that wasn't late is on its frame.
        assert Counter(m for _, m in heard) == Counter(m for _, m in wanted)
        assert (Counter(wanted) - Counter(heard)).total() <= int(late)
        if not int(late):
            return
    pytest.fail(f"the machine stood still in each of {ATTEMPTS} runs: is it overloaded?")


def test_late_messages_leave_at_once_and_are_counted(env: dict[str, str], stage: ExitStack) -> None:
    listener = stage.enter_context(Listener(env))
    port = stage.enter_context(closing(open_output("jack:ear")))
    now_s = port.clock.now()
    port.send(note_on(0, 60, 90), now_s - 1.0)
    time.sleep(0.1)
    port.close()
    ((frame, message),) = listener.stop()
    assert message == note_on(0, 60, 90)
    wanted = port.clock.frame_at(now_s)
    assert 0 <= frame - wanted <= 40 * PERIOD_FRAMES  # the machine may be busy


def test_an_end_never_overtakes_its_beginning(env: dict[str, str], stage: ExitStack) -> None:
    listener = stage.enter_context(Listener(env))
    port = stage.enter_context(closing(open_output("jack:ear")))
    now_s = port.clock.now()
    port.send(note_on(0, 60, 90), now_s + 0.05)
    port.send(note_off(0, 60), now_s)
    port.close()  # waits for what was handed over
    heard = listener.stop()
    assert [message for _, message in heard] == [note_on(0, 60, 90), note_off(0, 60)]
    assert heard[0][0] == port.clock.frame_at(now_s + 0.05)


def test_what_is_sent_is_heard_with_the_time_of_its_frame(
    env: dict[str, str], stage: ExitStack
) -> None:
    heard: list[tuple[bytes, float]] = []
    ear = stage.enter_context(
        closing(open_input("virtual:ear", lambda *message: heard.append(message)))
    )
    port = stage.enter_context(
        closing(open_output(next(p.name for p in list_ports().outputs if p.name.endswith(":ear"))))
    )
    rng, typical_s = random.Random(2), 1.0
    for _ in range(ATTEMPTS):  # two clocks are read, both ways, perhaps on a busy machine
        sent = []
        heard.clear()
        for _ in range(200):
            time_s = port.clock.now() + 0.1 + rng.random() / 100
            port.send(note_on(0, 60, 90), time_s)
            sent.append(time_s + time.monotonic() - port.clock.now())  # on the machine's clock
            time.sleep(0.012)
        assert comes_true(lambda: len(heard) == 200)
        errors_s = [abs(got - wanted) for (_, got), wanted in zip(heard, sent, strict=True)]
        typical_s = min(typical_s, median(errors_s))
        if typical_s < 0.001:
            break
    assert typical_s < 0.001
    port.close()
    ear.close()


def test_a_listener_that_leaves_is_noticed_and_played_to_again(
    env: dict[str, str], stage: ExitStack
) -> None:
    listener = stage.enter_context(Listener(env))
    port = stage.enter_context(closing(open_output("jack:ear")))
    clock = port.clock
    listener.kill()
    assert comes_true(lambda: not port.is_alive, 5)
    with pytest.raises(DeviceError, match="has gone"):
        port.send(note_on(0, 60, 90), clock.now())
    listener = stage.enter_context(Listener(env))
    assert comes_true(lambda: port.is_alive, 5)
    assert port.clock is clock
    time_s = clock.now() + 0.05
    port.send(note_on(0, 61, 90), time_s)
    port.close()
    assert listener.stop() == [(clock.frame_at(time_s), note_on(0, 61, 90))]


def test_an_input_goes_on_when_its_source_returns(env: dict[str, str], stage: ExitStack) -> None:
    source = stage.enter_context(Pulse(env))
    heard: list[tuple[bytes, float]] = []
    port = stage.enter_context(
        closing(open_input("jack:pulse", lambda *message: heard.append(message)))
    )
    assert comes_true(lambda: len(heard) > 20)
    source.kill()
    assert comes_true(lambda: not port.is_alive, 5)
    heard.clear()
    stage.enter_context(Pulse(env))
    assert comes_true(lambda: port.is_alive and len(heard) > 20, 5)


def test_without_jack_client_rtmidi_plays_and_hears(
    env: dict[str, str], stage: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rtmidi", reason="python-rtmidi has no wheels from Python 3.13 on")
    monkeypatch.setitem(sys.modules, "jack", None)
    heard: list[bytes] = []
    ear = stage.enter_context(
        closing(open_input("virtual:ear", lambda message, _: heard.append(message)))
    )
    name = next(p.name for p in list_ports().outputs if p.name.endswith(":ear"))
    port = stage.enter_context(closing(open_output(name)))
    messages = [message for k in range(64) for message in (note_on(0, k, 90), note_off(0, k))]
    for message in messages:
        port.send(message, 0.0)
        time.sleep(0.002)
    assert comes_true(lambda: heard == messages)
    ear.close()
    assert comes_true(lambda: not port.is_alive, 5)
    port.close()


def test_a_server_that_ends_is_noticed_and_found_again(stage: ExitStack) -> None:
    program = Path(__file__).with_name("restart_player.py")
    with jack_server("rnnmusic-restart") as env:
        listener = stage.enter_context(Listener(env))
        player = subprocess.Popen(
            [sys.executable, str(program)], env={**os.environ, **env},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert player.stdout is not None
        assert player.stdout.readline() == "playing\n"
    listener.kill()
    assert player.stdout.readline() == "gone\n"
    with jack_server("rnnmusic-restart") as env:
        listener = stage.enter_context(Listener(env))
        out, err = player.communicate(timeout=30)
        assert out == "back\n", err
        assert [message for _, message in listener.stop()] == [note_on(0, 61, 90)]


def test_an_unknown_name_is_refused_with_the_names_there_are(
    env: dict[str, str], stage: ExitStack
) -> None:
    listener = stage.enter_context(Listener(env))
    for spec in ("jack:organ", "organ"):
        with pytest.raises(DeviceError, match=r"No MIDI output contains 'organ'.*'ear:in'"):
            open_output(spec)
    assert listener.stop() == []


def test_without_a_server_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with pytest.raises(DeviceError, match="No JACK server answers"):
        open_output("jack")
    assert capfd.readouterr() == ("", "")


def test_panic_reaches_every_channel(env: dict[str, str], stage: ExitStack) -> None:
    listener = stage.enter_context(Listener(env))
    sent = panic("ear", sleep=lambda _: time.sleep(0.0002))
    heard = listener.stop()
    assert len(heard) == sent == 16 * (3 + 128)
    assert {message[0] & 0x0F for _, message in heard} == set(range(16))


@needs_fluidsynth
def test_fluidsynth_receives_what_is_played(
    env: dict[str, str], stage: ExitStack, tmp_path: Path
) -> None:
    synth = stage.enter_context(FluidSynth(env, tmp_path / "fluid.log"))
    port = stage.enter_context(closing(open_output("fluid")))
    start_s = port.clock.now() + 0.1
    messages = [program_change(0, 40)]
    for k in range(300):
        messages += [note_on(0, 40 + k % 40, 60 + k % 60), note_off(0, 40 + k % 40)]
    for k, message in enumerate(messages):
        while port.clock.now() < start_s + k * 0.002 - port.lead_s:
            time.sleep(0.001)
        port.send(message, start_s + k * 0.002)
    port.close()
    assert comes_true(lambda: len(synth.received()) == len(messages))
    synth.stop()
    assert synth.received() == messages
