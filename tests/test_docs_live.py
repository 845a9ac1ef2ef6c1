"""Everything docs/live.md shows works: commands are run, tables are what the program says."""

from __future__ import annotations

import json
import re
import shlex
import socket
import threading
import tomllib
from pathlib import Path

import pytest
from rnnmusic_cli.live_desk import KEYS

from rnnmusic import midi
from rnnmusic.live import engine, ports
from rnnmusic.live.steering.control_map import DEFAULT_BINDINGS, ControlMap
from rnnmusic.live.steering.orders import MODES, Action
from rnnmusic.live.steering.osc import OscServer
from rnnmusic.live.steering.presets import BUILT_IN, Preset
from rnnmusic.sampling.controls import CONTROLS
from tests.cli.conftest import call, tune
from tests.cli.test_live import FakeEngine

PAGE = (Path(__file__).parent.parent / "docs" / "live.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def _commands() -> list[list[str]]:
    lines = "".join(_blocks("sh")).splitlines()
    return [shlex.split(line, comments=True) for line in lines]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the page's reader has."""
    monkeypatch.chdir(tmp_path)
    midi.write(tune(1), tmp_path / "tune.mid")
    (tmp_path / "slow.toml").write_text(_blocks("toml")[0])
    return tmp_path


def test_commands_play(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Devices aren't opened here; the options are read and made into settings."""
    monkeypatch.setattr(engine, "Engine", FakeEngine)
    FakeEngine.says = [{"kind": "notice", "text": "It plays."}]
    monkeypatch.setattr(ports, "panic", lambda spec: 1)
    seen = set()
    for program, *arguments in _commands():
        assert program == "rnnmusic"
        if arguments[:2] == ["live", "bench"] or "--replay" in arguments:
            continue  # run below, and in tests/cli
        allowed = (0, 4) if arguments == ["ports"] else (0,)  # a machine without MIDI says so
        assert call(monkeypatch, *arguments) in allowed, (arguments, capsys.readouterr().err)
        seen |= {argument for argument in arguments if argument.startswith("--")}
    assert seen >= {"--voice", "--in", "--mode", "--preset", "--osc", "--sync", "--clock-out"}


def test_the_recording_is_replayed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = [c[1:] for c in _commands() if "--record" in c or "--replay" in c]
    assert len(shown) == 3
    for arguments in shown:
        assert call(monkeypatch, *arguments) == 0, capsys.readouterr().err
    assert "each as it was sent" in capsys.readouterr().out
    for name in ("take.mid", "tonight.mid", "tonight.wav", "tonight/settings.json"):
        assert (folder / name).stat().st_size > 0
    events = (folder / "tonight/events.jsonl").read_text().splitlines()
    assert all(json.loads(line) for line in events)


def test_presets_are_presets() -> None:
    for block in _blocks("toml"):
        preset = Preset.from_dict(tomllib.loads(block))
        assert preset.controls["key"] == "D dorian"
        ControlMap(preset.bindings)
    sentence = re.search(r"(`plain`.*?) are always there", PAGE)
    assert sentence is not None
    assert re.findall(r"`(\w+)`", sentence[1]) == list(BUILT_IN)


def test_osc_messages_are_carried_out() -> None:
    from pythonosc.osc_message_builder import build_msg

    done, refused = list[Action](), list[str]()
    arrived = threading.Semaphore(0)

    def act(action: Action) -> None:
        done.append(action)
        arrived.release()

    def refuse(sentence: str) -> None:
        refused.append(sentence)
        arrived.release()

    server = OscServer(act, on_notice=refuse, port=0)
    try:
        lines = "".join(_blocks("osc")).splitlines()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for line in lines:
                address, *values = shlex.split(line)
                arguments = [float(v) if re.fullmatch(r"[\d.]+", v) else v for v in values]
                client.sendto(build_msg(address, arguments).dgram, server.address)
                assert arrived.acquire(timeout=10)
    finally:
        server.close()
    assert refused == []
    assert len(done) == len(lines) >= 5


def controls_table() -> str:
    """What the page has to say of the controls."""
    bound = {b.target: str(s) for s, b in ControlMap(DEFAULT_BINDINGS).bindings.items()}
    rows = ["| control | usually | takes | MIDI | |", "|---|---|---|---|---|"]
    rows += [
        f"| `{name}` | {control.shown(control.default)} | {control.takes} | {bound.get(name, '')} "
        f"| {control.help} |"
        for name, control in CONTROLS.items()
    ]
    return "\n".join(rows) + "\n"


def keys_table() -> str:
    """What the page has to say of the keys."""
    rows = [f"| {keys} | {meaning} |" for keys, meaning in KEYS.items()]
    return "\n".join(["| key | |", "|---|---|", *rows]) + "\n"


def test_tables_are_the_programs() -> None:
    assert controls_table() in PAGE
    assert keys_table() in PAGE
    modes = re.findall(r"^\| `(\w+)` \| [^|]* \| [^|]* \|$", PAGE, flags=re.MULTILINE)
    assert modes == list(MODES)
