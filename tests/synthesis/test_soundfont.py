"""SoundFonts: through FluidSynth where it is installed, through a stand-in everywhere."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from rnnmusic.errors import DeviceError, InputError
from rnnmusic.score import Score
from rnnmusic.synthesis import render, soundfont
from tests.synthesis.measure import fundamental, onsets_s, part, span

SCORE = Score(tracks=(part((0, 0.8, 69, 100), (1, 1.8, 57, 100)),))
FONT_FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/soundfonts")


@pytest.fixture
def font(tmp_path: Path) -> Path:
    """A file that looks like a SoundFont from outside."""
    path = tmp_path / "font.sf2"
    path.write_bytes(b"RIFF\x04\x00\x00\x00sfbk")
    return path


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """Put a program called fluidsynth first on the path."""
    folder.mkdir()
    program = folder / "fluidsynth"
    program.write_text(f"#!{sys.executable}\nimport sys\na = sys.argv\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def test_missing_program_says_what_to_install(monkeypatch: pytest.MonkeyPatch, font: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(DeviceError, match="apt install fluidsynth") as caught:
        render(SCORE, soundfont=font)
    assert caught.value.exit_code == 4


def test_the_program_gets_the_font_the_score_and_the_rate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, font: Path
) -> None:
    body = (
        "import numpy, soundfile\n"
        "assert a[-2].endswith('font.sf2'), a\n"
        "assert open(a[-1], 'rb').read(4) == b'MThd', a\n"
        "rate = int(a[a.index('-r') + 1])\n"
        "soundfile.write(a[a.index('-F') + 1], numpy.full((rate, 2), 0.25), rate)"
    )
    pretend(monkeypatch, tmp_path / "bin", body)
    audio = render(SCORE, soundfont=font, sample_rate_hz=22_050, peak_dbfs=None)
    assert audio.sample_rate_hz == 22_050
    assert audio.samples.shape == (2, 22_050)
    np.testing.assert_allclose(audio.samples, 0.25, atol=1e-4)
    assert render(SCORE, soundfont=font).peak == pytest.approx(10 ** (-1 / 20), abs=1e-3)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sys.exit('fluidsynth: error: broken font')", "broken font"),
        ("sys.exit(3)", "exit code 3"),
        ("pass", "exit code 0"),
        ("open(a[a.index('-F') + 1], 'w').write('no sound')", "can't be read as audio"),
    ],
)
def test_failures_of_the_program_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, font: Path, body: str, reason: str
) -> None:
    pretend(monkeypatch, tmp_path / "bin", body)
    with pytest.raises(InputError, match=reason):
        render(SCORE, soundfont=font)


def test_a_program_that_hangs_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, font: Path
) -> None:
    pretend(monkeypatch, tmp_path / "bin", "import time; time.sleep(60)")
    monkeypatch.setattr(soundfont, "TIMEOUT_S", -1.5)  # and the score lasts 1.8 s
    with pytest.raises(DeviceError, match="was stopped"):
        render(SCORE, soundfont=font)


def test_what_is_not_a_soundfont_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no SoundFont"):
        render(SCORE, soundfont=tmp_path / "none.sf2")
    (tmp_path / "a.sf2").write_text("not one")
    with pytest.raises(InputError, match="not a SoundFont"):
        render(SCORE, soundfont=tmp_path / "a.sf2")


def installed_font() -> Path | None:
    fonts = (f for folder in FONT_FOLDERS for f in sorted(Path(folder).glob("*.sf[23]")))
    return next(fonts, None)


@pytest.mark.skipif(
    shutil.which("fluidsynth") is None or installed_font() is None,
    reason="FluidSynth and a SoundFont aren't installed",
)
def test_fluidsynth_plays_the_score() -> None:
    font = installed_font()
    assert font is not None
    audio = render(SCORE, soundfont=font)
    assert audio.samples.shape[0] == 2
    assert SCORE.duration_s <= audio.duration_s < 20
    # Its chorus and reverb make onsets of their own; the notes' are among them.
    for time_s in (0, 1):
        assert np.abs(onsets_s(audio) - time_s).min() < 0.03
    assert fundamental(span(audio, 0.2, 0.7), 44_100) == pytest.approx(440, rel=0.01)
    assert fundamental(span(audio, 1.2, 1.7), 44_100) == pytest.approx(220, rel=0.01)
