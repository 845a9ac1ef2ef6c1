from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time

import mido
import pytest

from rnnmusic.live.exchange.commit import CommitWindow
from rnnmusic.live.exchange.shared import Shared
from rnnmusic.live.exchange.wire import RECORD_BYTES, HeardMessage, decode
from rnnmusic.live.messages import note_off, note_on
from rnnmusic.live.plan import Plan, Planned
from rnnmusic.live.sending.realtime import FIFO
from rnnmusic.live.sending.sender_process import SenderConfig, run_sender
from rnnmusic.live.session.reading import read
from rnnmusic.live.session.writer import create

SPAWN = multiprocessing.get_context("spawn")
CHORD = tuple(Planned(0.0, note_on(0, pitch, 80)) for pitch in (60, 64, 67))
HUNG_S = 30.0  # nothing here takes so long


class Sending:
    """A sender process, with the test as its sampler and its parent."""

    def __init__(self, config: SenderConfig) -> None:
        self.shared = Shared.create()
        self.sampler, theirs = socket.socketpair()
        self.line, end = SPAWN.Pipe()
        self.process = SPAWN.Process(
            target=run_sender, args=(config, self.shared.handle, theirs, end)
        )
        self.process.start()
        theirs.close()
        end.close()
        self.window = CommitWindow(self.shared.board, self.shared.plans, self.wake)
        self.told: list[dict] = []

    def wake(self) -> None:
        self.sampler.send(b"!")

    def command(self, do: str) -> None:
        self.line.send_bytes(json.dumps({"do": do}).encode())

    def await_kind(self, kind: str) -> dict:
        """Listen until that has been said; EOFError when the sender leaves before."""
        while True:
            assert self.line.poll(HUNG_S), f"waited in vain for {kind!r} after {self.told}"
            self.told.append(json.loads(self.line.recv_bytes()))
            if self.told[-1]["kind"] == kind:
                return self.told[-1]

    def await_notes(self, count: int = 3) -> None:
        while len(self.status()["sounding"]) != count:
            time.sleep(0.01)

    def status(self) -> dict:
        self.command("status")
        return self.await_kind("status")

    def await_end(self) -> int:
        self.process.join(HUNG_S)
        assert self.process.exitcode is not None
        return self.process.exitcode

    def __enter__(self) -> Sending:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()
        for end in (self.sampler, self.line, self.shared):
            end.close()


def config(path, **changes) -> SenderConfig:
    """Whatever happens on the machine, no note is too late to be played."""
    return SenderConfig((str(path),), tempo_bpm=240, priority=None, late_s=60.0, **changes)


def check_closed(path, pitches=(60, 64, 67)) -> None:
    """The file is there, and every note in it was ended and the channel silenced."""
    messages = [m for m in mido.MidiFile(path).tracks[0] if not m.is_meta]
    ons = [m.note for m in messages if m.type == "note_on" and m.velocity]
    offs = [m.note for m in messages if m.type == "note_off"]
    assert sorted(ons) == sorted(offs) == sorted(pitches)
    assert [m.control for m in messages if m.type == "control_change"] == [64, 123, 120]


def test_a_plan_is_played_to_its_end(tmp_path):
    path = tmp_path / "out.mid"
    with Sending(config(path)) as sending:
        ready = sending.await_kind("ready")
        assert ready["outputs"] == [str(path)]
        notes = [
            message
            for i in range(20)
            for message in (
                Planned(i / 8, note_on(0, 50 + i, 80)),
                Planned(i / 8 + 0.125, note_off(0, 50 + i)),
            )
        ]
        sending.window.commit(Plan(math.inf, tuple(notes)))
        sending.window.end(2.625)
        result = sending.await_kind("result")
        assert sending.await_end() == 0
    assert (result["notes"], result["dropped"], result["stalls"]) == (20, 0, 0)
    check_closed(path, range(50, 70))
    ticks, onsets = 0, []
    for message in mido.MidiFile(path).tracks[0]:
        ticks += message.time
        if message.type == "note_on":
            onsets.append(ticks)
    assert onsets == [60 * i for i in range(20)]  # by the times due, whenever they were sent


def hold_a_chord(sending: Sending) -> None:
    sending.window.commit(Plan(1000.0, CHORD))
    sending.await_notes()


def test_stop(tmp_path):
    with Sending(config(tmp_path / "out.mid")) as sending:
        hold_a_chord(sending)
        sending.command("stop")
        sending.await_kind("result")
        assert sending.await_end() == 0
    check_closed(tmp_path / "out.mid")


def test_a_stop_on_the_board_is_enough(tmp_path):
    with Sending(config(tmp_path / "out.mid")) as sending:
        hold_a_chord(sending)
        sending.shared.board.stop()
        assert sending.await_end() == 0
    check_closed(tmp_path / "out.mid")


def test_panic_silences_and_goes_on(tmp_path):
    with Sending(config(tmp_path / "out.mid")) as sending:
        hold_a_chord(sending)
        sending.command("panic")
        sending.await_notes(0)
        assert sending.status()["is_running"]
        assert sending.process.is_alive()


def test_the_sampler_is_killed(tmp_path):
    with Sending(config(tmp_path / "out.mid")) as sending:
        hold_a_chord(sending)
        sending.sampler.close()
        assert "sampler" in sending.await_kind("notice")["text"]
        sending.await_kind("result")
        assert sending.await_end() == 0
    check_closed(tmp_path / "out.mid")


def test_the_parent_is_killed(tmp_path):
    with Sending(config(tmp_path / "out.mid")) as sending:
        hold_a_chord(sending)
        sending.line.close()
        assert sending.await_end() == 0
    check_closed(tmp_path / "out.mid")


def test_signals(tmp_path):
    with Sending(config(tmp_path / "out.mid")) as sending:
        hold_a_chord(sending)
        os.kill(sending.process.pid, signal.SIGINT)  # Ctrl-C is the parent's business
        assert len(sending.status()["sounding"]) == 3
        os.kill(sending.process.pid, signal.SIGTERM)
        sending.await_kind("result")
        assert sending.await_end() == 143
    check_closed(tmp_path / "out.mid")


def test_a_defect_closes_every_note_and_says_so(tmp_path):
    with Sending(config(tmp_path / "out.mid")) as sending:
        hold_a_chord(sending)
        sending.shared.plans.push(b"\x63" * RECORD_BYTES)
        sending.wake()
        assert "defect" in sending.await_kind("error")["text"]
        assert sending.await_end() == 1
    check_closed(tmp_path / "out.mid")


@pytest.mark.parametrize(
    ("spec", "exit_code"), [("missing-folder/out.mid", 3), ("tcp:127.0.0.1:notaport", 2)]
)
def test_what_cant_be_opened_is_said_in_one_sentence(tmp_path, spec, exit_code):
    first = tmp_path / "first.mid"
    with Sending(SenderConfig((str(first), spec), priority=None)) as sending:
        error = sending.await_kind("error")
        assert error["exit_code"] == exit_code
        assert error["text"].endswith(".")
        assert [told["kind"] for told in sending.told] == ["error"]
        assert sending.await_end() == exit_code


def test_what_is_played_arrives_at_the_sampler(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    with Sending(config(tmp_path / "out.mid", inputs=(f"tcp:{number}",), thru=0)) as sending:
        sending.await_kind("ready")
        sending.window.commit(Plan(1000.0))
        while sending.shared.board.quarters_at(time.monotonic()) < 0.01:
            time.sleep(0.01)  # what is played before the first beat is no part of the music
        with socket.create_connection(("127.0.0.1", number)) as player:
            player.sendall(note_on(2, 71, 99))
            assert sending.sampler.recv(1)
            heard = decode(sending.shared.heard.pop())
            assert isinstance(heard, HeardMessage)
            assert (heard.message, heard.port) == (note_on(2, 71, 99), 0)
            sending.await_notes(1)
            sending.command("stop")
            sending.await_kind("result")
            assert sending.await_end() == 0
    check_closed(tmp_path / "out.mid", [71])


def test_a_session_is_recorded(tmp_path):
    folder = create(tmp_path / "session", {})
    with Sending(config(tmp_path / "out.mid", session=str(folder))) as sending:
        hold_a_chord(sending)
        sending.command("stop")
        sending.await_kind("result")
        assert sending.await_end() == 0
    session = read(folder)
    assert [s.message for s in session.sent if s.time_quarters is not None] == [
        planned.message for planned in CHORD
    ]
    assert len(session.sent) == 3 + 3 + 3
    assert session.end_quarters == math.nextafter(0.0, 1.0)
    assert session.clock[-1].quarters_per_s == 4.0


def test_priority_is_granted_or_explained(tmp_path):
    path = str(tmp_path / "out.mid")
    with Sending(SenderConfig((path,), priority=10)) as sending:
        granted = sending.await_kind("ready")["priority"]
        if granted == FIFO:
            assert os.sched_getscheduler(sending.process.pid) == os.SCHED_FIFO
            assert os.sched_getparam(sending.process.pid).sched_priority == 10
        else:
            assert granted.endswith(".")


def test_a_parent_that_does_not_listen_holds_up_nothing(tmp_path):
    with Sending(config(tmp_path / "out.mid")) as sending:
        hold_a_chord(sending)
        for _ in range(3000):  # more answers than any pipe takes
            sending.command("status")
        sending.sampler.close()
        assert sending.await_end() == 0
    check_closed(tmp_path / "out.mid")


def test_the_sender_is_light():
    code = "import rnnmusic.live.sending.sender_process, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"torch", "scipy", "numba", "numpy", "librosa", "matplotlib", "rtmidi"}
