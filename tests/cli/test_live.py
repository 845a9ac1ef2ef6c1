"""`rnnmusic live` and its sisters: options, refusals, and performances in a terminal."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path
from typing import Any, Self

import pytest
from pythonosc.osc_message_builder import build_msg

from rnnmusic import midi
from rnnmusic.errors import DeviceError
from rnnmusic.live import engine
from rnnmusic.live.engine import EngineReport, EngineSettings
from rnnmusic.live.steering.control_map import DEFAULT_BINDINGS
from tests.cli.conftest import Run, tune
from tests.cli.live_fakes import FakePlayer, status


class FakeEngine(FakePlayer):
    """Says what it is told to, then has ended."""

    made: EngineSettings
    says: list[dict[str, Any]]

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__()
        type(self).made = settings
        self._left = list(self.says)

    @property
    def is_running(self) -> bool:
        return bool(self._left)

    @property
    def outputs(self) -> list[str]:
        return [f"the {name}" for name in self.made.outputs]

    def poll(self, timeout_s: float) -> list[dict[str, Any]]:
        return [self._left.pop(0)]

    def stop(self) -> EngineReport:
        return EngineReport(notes=7, lateness_p50_us=12.0, lateness_p99_us=345.0, dropped=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeEngine]:
    monkeypatch.setattr(engine, "Engine", FakeEngine)
    FakeEngine.says = [status()]
    return FakeEngine


def test_without_options_a_solo_is_played(rnnmusic: Run, fake: type[FakeEngine]) -> None:
    assert rnnmusic("live", "bach-gru", "--out", "memory").code == 0
    made = fake.made
    assert (made.outputs, made.inputs, made.session) == (("memory",), (), None)
    assert made.director.tempo_bpm == 120
    assert made == EngineSettings(made.director, ("memory",))
    assert (made.director.mode, made.director.bars, made.director.seed) == ("solo", None, 0)


def test_options_are_the_settings(rnnmusic: Run, fake: type[FakeEngine], tmp_path: Path) -> None:
    ran = rnnmusic(
        *("live", "bach-gru", "-o", "memory", "-o", "a.mid", "-i", "tcp:9999", "--thru"),
        *("--mode", "respond", "--silence", 2, "--answer-bars", 4, "--bars", 8, "--seed", 5),
        *("--set", "density=0.3", "--set", "chord=Am7", "--key", "Am", "--temperature", 0.9),
        *("--tempo", 96, "--swing", "2:1", "--metre", "3/4", "--count-in", 1, "--humanise", 10),
        *("--channel", 3, "--voice", "36-59@2:33/2", "--listen-to", 4, "--sync", "midi"),
        *("--sync-in", "clock", "--clock-out", "memory", "--record", tmp_path / "take"),
        *("--lead", 40, "--adapt", "--adapt-cell"),
    )
    assert ran.code == 0, ran.err
    made, director = fake.made, fake.made.director
    assert made.outputs == ("memory", "a.mid")
    assert (made.inputs, made.thru, made.sync) == (("tcp:9999",), True, "midi")
    assert (made.sync_input, made.clock_out) == ("clock", ("memory",))
    assert (director.tempo_bpm, director.swing) == (96, pytest.approx(2 / 3))
    assert (made.session, made.lead_s) == (str(tmp_path / "take"), 0.04)
    assert (director.mode, director.bars, director.seed) == ("respond", 8, 5)
    assert (director.adapt, director.adapt_cell) == (True, True)
    assert (director.phrases.silence_quarters, director.phrases.answer_bars) == (2, 4)
    steering = director.steering
    assert (steering.density, steering.temperature) == (0.3, 0.9)
    assert (steering.key, steering.chord) == ("A minor", "Am7")
    assert (director.quarters_per_bar, director.count_in_bars) == (3.0, 1)
    assert director.loose_s == pytest.approx(0.01 / 6)
    assert (director.channel, director.voices, director.listen_to) == (3, ("36-59@2:33/2",), (4,))


@pytest.mark.parametrize("mode", ["respond", "harmonise"])
def test_a_mode_that_waits_for_others_needs_an_input(
    rnnmusic: Run, fake: type[FakeEngine], mode: str
) -> None:
    ran = rnnmusic("live", "bach-gru", "-o", "memory", "--mode", mode)
    assert (ran.code, "--in" in ran.err) == (2, True)
    assert rnnmusic("live", "bach-gru", "-o", "memory", "--mode", mode, "-i", "keys").code == 0


def test_options_go_before_the_preset(
    rnnmusic: Run, fake: type[FakeEngine], tmp_path: Path
) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text(
        'mode = "duet"\n[controls]\ntemperature = 0.5\ntop_p = 0.8\ntempo = 70\n'
        '[bindings]\n"cc 7" = "density"\n'
    )
    command = ("live", "bach-gru", "-o", "memory", "--preset", preset)
    assert rnnmusic(*command, "--temperature", 0.7).code == 0
    director = fake.made.director
    assert (director.steering.temperature, director.steering.top_p) == (0.7, 0.8)
    assert (director.mode, director.tempo_bpm) == ("duet", 70)
    assert dict(director.bindings) == {**DEFAULT_BINDINGS, "cc 7": "density"}
    assert rnnmusic(*command, "--mode", "solo", "--tempo", 90).code == 0
    assert (fake.made.director.mode, fake.made.director.tempo_bpm) == ("solo", 90)


def test_a_prime_brings_its_metre(rnnmusic: Run, fake: type[FakeEngine], tmp_path: Path) -> None:
    midi.write(tune(1), tmp_path / "tune.mid")
    prime = ("live", "bach-gru", "-o", "memory", "--prime", tmp_path / "tune.mid")
    assert rnnmusic(*prime, "--prime-bars", 2).code == 0
    notes = fake.made.director.prime
    assert notes
    assert all(-8 <= start < end <= 0 for start, end, *_ in notes)
    assert fake.made.director.quarters_per_bar == 4
    assert rnnmusic(*prime, "--metre", "6/8").code == 0
    director = fake.made.director
    assert (director.quarters_per_bar, director.quarters_per_beat) == (3, 1.5)


def test_notices_are_lines_and_the_report_is_the_result(
    rnnmusic: Run, fake: type[FakeEngine]
) -> None:
    fake.says = [status(), {"kind": "notice", "text": "The port has vanished."}, status(4.0)]
    ran = rnnmusic("live", "bach-gru", "-o", "memory")
    assert ran.err.startswith("Playing to the memory at 120 quarters a minute; Ctrl-C stops.\n")
    assert "The port has vanished.\n" in ran.err
    assert ran.out.startswith("7 notes; messages left p50 0.01, p99 0.34")
    assert "2 dropped" in ran.out
    report = json.loads(rnnmusic("live", "bach-gru", "-o", "memory", "--json").out)
    assert (report["notes"], report["dropped"]) == (7, 2)


def test_a_failure_on_the_way_is_the_programs(rnnmusic: Run, fake: type[FakeEngine]) -> None:
    fake.says = [{"kind": "error", "text": "The model broke.", "exit_code": 1}]
    ran = rnnmusic("live", "bach-gru", "-o", "memory")
    assert (ran.code, ran.err.splitlines()[-1]) == (1, "Error: The model broke.")
    assert "7 notes" in ran.out


def test_a_process_that_is_gone_is_a_failure(
    rnnmusic: Run, fake: type[FakeEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = EngineReport(reason="The sampler is gone.", priority="SCHED_FIFO was refused.")
    monkeypatch.setattr(FakeEngine, "stop", lambda self: gone)
    ran = rnnmusic("live", "bach-gru", "-o", "memory")
    assert (ran.code, ran.err.splitlines()[-1]) == (1, "Error: The sampler is gone.")
    assert "SCHED_FIFO was refused.\n" in ran.err


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--out", "memory", "--tempo", 0),
        ("--out", "memory", "--mode", "jazz"),
        ("--out", "memory", "--set", "density"),
        ("--out", "memory", "--set", "dance=1"),
        ("--out", "memory", "--set", "density=2"),
        ("--out", "memory", "--swing", "9"),
        ("--out", "memory", "--metre", "3/5"),
        ("--out", "memory", "--metre", "0/4"),
        ("--out", "memory", "--key", "H"),
        ("--out", "memory", "--voice", "3"),
        ("--out", "memory", "--preset", "none such"),
        ("--out", "memory", "--listen-to", 17),
        ("--out", "memory", "--view"),
        ("--out", "memory", "--sync", "ableton"),
        ("--out", "memory", "--sync-in", "clock"),
        ("--out", "memory", "--replay", "somewhere"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    rnnmusic: Run, fake: type[FakeEngine], options: tuple[object, ...]
) -> None:
    ran = rnnmusic("live", "bach-gru", *options)
    assert ran.code == 2
    assert ran.out == ""
    assert re.fullmatch(r"Error: [^\n]+\.\n", ran.err)


def test_nothing_to_play_and_nowhere_to_replay_from(rnnmusic: Run, tmp_path: Path) -> None:
    assert rnnmusic("live", "--out", "memory").code == 2
    ran = rnnmusic("live", "--replay", tmp_path)
    assert (ran.code, "no recorded session" in ran.err) == (3, True)
    assert rnnmusic("live", "--replay", tmp_path, "-o", "synth").code == 2


def test_osc_steers_and_refuses(
    rnnmusic: Run, fake: type[FakeEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    made: list[FakeEngine] = []

    def poll(self: FakeEngine, timeout_s: float) -> list[dict[str, Any]]:
        """Sends what an OSC program would, then waits until all of it has arrived."""
        made.append(self)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for name, value in (("density", 0.5), ("dance", 1), ("rewind", 2), ("tap", 1)):
                client.sendto(build_msg(f"/rnnmusic/{name}", [value]).dgram, ("127.0.0.1", port))
        while self.did[-1:] != [("tap",)]:
            time.sleep(0.01)
        self._left.clear()
        return []

    monkeypatch.setattr(FakeEngine, "poll", poll)
    ran = rnnmusic("live", "bach-gru", "-o", "memory", "--osc", port)
    assert ran.code == 0, ran.err
    assert made[0].did == [("turn", "density", 0.5), ("rewind", 2), ("tap",)]
    assert "'dance'" in ran.err


def test_two_words_are_a_command(rnnmusic: Run, fake: type[FakeEngine]) -> None:
    assert "Measure this machine" in rnnmusic("live", "bench", "--help").out
    assert "--replay" in rnnmusic("live", "--help").out
    assert rnnmusic("live", "./bench", "--out", "memory").code == 0
    assert fake.made.director.checkpoint == "./bench"
    assert rnnmusic("live").code == 2


def test_controls_are_listed(rnnmusic: Run) -> None:
    text = rnnmusic("live", "controls").out
    listed = json.loads(rnnmusic("live", "controls", "--json").out)
    for name in (*listed["controls"], *listed["orders"], *listed["presets"]):
        assert name in text
    assert listed["controls"]["density"]["midi"] == "cc 74"


def test_panic_says_what_it_did(rnnmusic: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnmusic.live import ports

    assert rnnmusic("panic", "--out", "memory").code == 2

    def gone(spec: str) -> int:
        raise DeviceError(f"No MIDI output contains {spec!r}; give one of them.")

    monkeypatch.setattr(ports, "panic", lambda spec: 42)
    ran = rnnmusic("panic", "--out", "Fluid")
    assert (ran.code, "Fluid" in ran.out, "42" in ran.out) == (0, True, True)
    monkeypatch.setattr(ports, "panic", gone)
    assert rnnmusic("panic", "--out", "Fluid").code == 4
