"""Targets from files, decays, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from rnnmusic_cli import filter_fit
from scipy import signal
from typer.testing import CliRunner

from rnnmusic.audio import Audio
from rnnmusic.errors import InputError, RnnMusicError, UsageError
from rnnmusic.filters import forms
from rnnmusic.filters.fit import Decay, Levels, Recording, Response, fit, read_target
from rnnmusic.filters.fit.reverberation import decay_of_impulse_response
from rnnmusic.filters.forms import DelayNetwork

RATE_HZ = 48_000.0


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_tables_say_what_they_are(tmp_path: Path) -> None:
    levels = "frequency_hz,magnitude_db,weight\n1000,-3,1\n100,0,2\n5000,-inf,1\n200,-1,1\n"
    found = read_target(_write(tmp_path / "a.csv", levels), sample_rate_hz=RATE_HZ)
    assert isinstance(found, Levels)
    assert found.omega[0] == pytest.approx(2 * np.pi * 100 / RATE_HZ)
    assert found.weight.tolist() == [2, 1, 1, 1]
    assert found.is_ceiling.tolist() == [False, False, False, True]
    bare = read_target(_write(tmp_path / "b.csv", "1;2\n2;3\n3;4\n4;5\n"), sample_rate_hz=RATE_HZ)
    assert isinstance(bare, Levels)
    assert bare.level_db.tolist() == [2, 3, 4, 5]
    fields = {"frequency_hz": [1, 2, 3, 4], "magnitude": [1, 1, 0.5, 0.1], "sample_rate_hz": 44100}
    linear = read_target(_write(tmp_path / "c.json", json.dumps(fields)))
    assert isinstance(linear, Levels)
    assert linear.level_db[3] == pytest.approx(-20)
    assert linear.sample_rate_hz == 44100
    fields = {"frequency_hz": [1, 2, 3, 4], "real": [1, 1, 1, 1], "imaginary": [0, 1, 2, 3]}
    both = read_target(_write(tmp_path / "d.json", json.dumps(fields)), sample_rate_hz=RATE_HZ)
    assert isinstance(both, Response)
    assert both.response[3] == 1 + 3j
    times = "frequency_hz,decay_time_s\n125,2\n8000,0.5\n"
    decay = read_target(_write(tmp_path / "e.csv", times), sample_rate_hz=RATE_HZ)
    assert isinstance(decay, Decay)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "", "empty"),
        ("a.csv", "frequency_hz,magnitude_db\n1,x\n", "Row 1"),
        ("a.csv", "frequency_hz,magnitude_db\n1,2,3\n", "Row 1"),
        ("a.csv", "hz,db\n1,2\n", "columns are hz, db"),
        ("a.csv", "1,0\n2,0\n3,nan\n4,0\n", "NaN"),
        ("a.csv", "1,0\n2,0\n3,0\n40000,0\n", "beyond half"),
        ("a.csv", "1,0\n2,0\n", "4 or more"),
        ("a.json", "[1]", "no object"),
        ("a.json", "{", "JSON"),
        ("a.json", '{"frequency_hz": [1, 2], "magnitude": [1]}', "lengths"),
        ("a.json", '{"frequency_hz": [1], "magnitude": [1], "colour": [1]}', "colour"),
        ("a.json", '{"frequency_hz": [1], "magnitude": [1], "sample_rate_hz": 8000}', "leave one"),
    ],
)
def test_damaged_tables_are_refused(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_target(_write(tmp_path / name, text), sample_rate_hz=RATE_HZ)


def test_a_table_needs_a_rate_and_no_input(tmp_path: Path) -> None:
    table = _write(tmp_path / "a.csv", "1,0\n2,0\n3,0\n4,0\n")
    with pytest.raises(UsageError, match="sample rate"):
        read_target(table)
    with pytest.raises(UsageError, match="is a table"):
        read_target(table, input_path=table, sample_rate_hz=RATE_HZ)
    with pytest.raises(InputError, match="Can't read"):
        read_target(tmp_path / "none.csv", sample_rate_hz=RATE_HZ)


def test_sounds_are_spectra_impulses_or_recordings(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(48_000)
    a = [1, -0.9]
    Audio(noise.astype(np.float32), 48_000).save(tmp_path / "in.wav", subtype="FLOAT")
    heard = signal.lfilter([0.2], a, noise).astype(np.float32)
    Audio(heard, 48_000).save(tmp_path / "out.wav", subtype="FLOAT")
    spectrum = read_target(tmp_path / "out.wav")
    assert isinstance(spectrum, Levels)
    # White noise of variance 0.01 through the filter: its response less 20 dB.
    wanted = 20 * np.log10(abs(signal.freqz([0.2], a, spectrum.omega)[1])) - 20
    assert np.sqrt(np.mean((spectrum.level_db - wanted)[100:] ** 2)) < 1
    pair = read_target(tmp_path / "out.wav", input_path=tmp_path / "in.wav")
    assert isinstance(pair, Recording)
    assert pair.frames == 48_000
    assert fit(pair, 1).form.poles()[0] == pytest.approx(0.9, abs=1e-5)
    impulse = read_target(tmp_path / "out.wav", sound_as="impulse")
    assert isinstance(impulse, Recording)
    assert impulse.is_impulse_response
    Audio(heard[:441], 44_100).save(tmp_path / "other.wav")
    with pytest.raises(InputError, match="44100"):
        read_target(tmp_path / "out.wav", input_path=tmp_path / "other.wav")
    with pytest.raises(InputError, match="resample"):
        read_target(tmp_path / "out.wav", sample_rate_hz=44_100)


def test_a_network_decays_as_it_should_in_every_band() -> None:
    rate = 8000.0
    wanted = Decay(np.array([125.0, 500, 2000]), np.array([0.8, 0.6, 0.3]), rate)
    found = fit(wanted, 6)
    assert isinstance(found.form, DelayNetwork)
    assert found.report.certificate.is_stable
    assert found.report.score.max_error_db is not None
    assert found.report.score.max_error_db < 3
    # A second and a half of it, by its own recursion.
    delay = np.array(found.form.delay)
    loop = found.form.feedback * found.form.gain
    lines, starts = np.zeros(delay.sum()), np.cumsum(delay) - delay
    sound = np.zeros(int(1.5 * rate))
    for t in range(len(sound)):
        at = starts + t % delay
        state = lines[at]
        sound[t] = found.form.c[0] @ state
        lines[at] = loop @ state + found.form.b[:, 0] * (t == 0)
    measured = decay_of_impulse_response(sound, rate)
    times = dict(zip(measured.frequency_hz, measured.decay_time_s, strict=True))
    assert times[500.0] == pytest.approx(0.6, rel=0.15)
    assert times[2000.0] == pytest.approx(0.3, rel=0.15)


def test_decays_are_measured_and_bad_ones_refused() -> None:
    t = np.arange(16_000) / 16_000
    rng = np.random.default_rng(0)
    found = decay_of_impulse_response(rng.standard_normal(16_000) * 10 ** (-3 * t / 0.5), 16_000)
    is_wide = found.frequency_hz >= 500
    assert np.allclose(found.decay_time_s[is_wide], 0.5, rtol=0.1)
    steady = rng.standard_normal(32_000)
    steady[0] = 10.0  # where it begins
    with pytest.raises(InputError, match="longer"):
        decay_of_impulse_response(steady, 16_000)
    with pytest.raises(InputError, match="above 0"):
        Decay(np.array([100.0]), np.array([0.0]), 16_000)


def _run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(filter_fit.fit)
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and isinstance(result.exception, RnnMusicError):
        return result.exception.exit_code, str(result.exception)
    return result.exit_code, result.stdout


def test_the_command_writes_a_filter_and_prints_its_report(tmp_path: Path) -> None:
    hertz = np.geomspace(20, 20_000, 100)
    omega = 2 * np.pi * hertz / RATE_HZ
    level = 20 * np.log10(abs(signal.freqz(*signal.butter(2, 0.1), omega)[1]))
    rows = "\n".join(f"{f},{db}" for f, db in zip(hertz, level, strict=True))
    table = str(_write(tmp_path / "t.csv", rows))
    output = tmp_path / "f.json"
    common = (table, "--sample-rate", "48000", "-o", str(output))
    code, text = _run(*common, "--order", "2")
    assert code == 0
    assert "this fit" in text
    assert "Yule-Walker" in text
    written = forms.load(output)
    assert written.sample_rate_hz == RATE_HZ
    assert np.allclose(20 * np.log10(abs(written.response(omega))), level, atol=1e-6)
    code, text = _run(*common, "--sections", "2", "--form", "eq", "--json")
    assert code == 0
    assert json.loads(text)["order"] == 4
    assert forms.load(output).kind == "eq"
    assert _run(*common, "--order", "2", "--sections", "1")[0] == 2
    assert _run(*common, "--order", "0")[0] == 2
    assert _run(*common, "--order", "2", "--shelves")[0] == 2
    assert _run(table, "-o", str(output), "--order", "2") == (
        2,
        f"{table} is a table without a sample rate; give one in Hz (--sample-rate).",
    )
