"""Everything the README shows works: its commands and its code are run, one after the other."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from rnnmusic import midi
from rnnmusic.audio import Audio
from tests.cli.conftest import call, tune

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BRIEF = {"--minutes": "0.02", "--seconds": "1"}
NO_MIDI_DRIVER = 4  # what `rnnmusic ports` exits with on a machine without one, as documented


def blocks(language: str) -> list[str]:
    """The README's fenced code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[list[str]]:
    """The `rnnmusic` commands that the README shows, comments taken off."""
    lines = "".join(blocks("sh")).splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with some music in it, as the README's reader has one."""
    monkeypatch.chdir(tmp_path)
    music = tmp_path / "my-music"
    music.mkdir()
    midi.write(tune(0), music / "tune.mid")
    for seed in range(1, 9):
        midi.write(tune(seed), music / f"{seed}.mid")
    recordings = tmp_path / "my-recordings"
    recordings.mkdir()
    time_s = np.arange(22_050) / 22_050
    for pitch_hz in (220, 330, 440):
        tone = Audio(0.3 * np.sin(2 * np.pi * pitch_hz * time_s), 22_050)
        tone.save(recordings / f"{pitch_hz}.wav")
    dry = np.random.default_rng(0).uniform(-0.5, 0.5, 48_000)
    Audio(dry, 48_000).save(tmp_path / "dry.wav")
    Audio(lfilter([0.2, 0.1, 0.1], [1, -1.2, 0.8], dry), 48_000).save(tmp_path / "wet.wav")
    return tmp_path


def test_commands_run_in_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = commands()
    assert {command[1] for command in shown} >= {"corpus", "train", "generate", "render", "live"}
    for program, *arguments in shown:
        assert program == "rnnmusic"
        # The one liberty taken: the reader's minutes are a moment here.
        brief = [BRIEF.get(before, a) for before, a in _pairs(arguments)]
        code = call(monkeypatch, *brief)
        allowed = {0, NO_MIDI_DRIVER} if arguments == ["ports"] else {0}
        assert code in allowed, (arguments, capsys.readouterr().err)
    for name in (
        "bach.mid",
        "bach.wav",
        "new.mid",
        "take.mid",
        "take.flac",
        "take.mp3",
        "new-sound.wav",
        "low.png",
        "out.wav",
        "device.h",
        "bach-filter.png",
    ):
        assert (folder / name).stat().st_size > 0


def test_code_runs(folder: Path) -> None:
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})
    assert midi.read(folder / "opening.mid").note_count > 0


def test_make_targets_exist() -> None:
    targets = re.findall(r"^    make (\w+)", README, flags=re.MULTILINE)
    assert targets == ["demo", "test"]
    for target in targets:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_links_and_pictures_are_there() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / link).is_file(), link


def test_it_says_what_this_is_in_ten_lines() -> None:
    before_commands = README.split("    make demo")[0].strip().splitlines()
    assert len([line for line in before_commands[1:] if line.strip()]) <= 10


def _pairs(arguments: list[str]) -> list[tuple[str, str]]:
    return list(zip(["", *arguments], arguments, strict=False))
