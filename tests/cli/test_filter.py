"""`rnnmusic filter`: from a design to sound, pictures and code, and all that can be got wrong."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from rnnmusic.filters import forms
from rnnmusic.filters.export import TARGETS
from tests.cli.conftest import Run

ELLIP = ("ellip", "--order", 6, "--cutoff", 4800, "--ripple-db", 0.5, "--attenuation-db", 60)
RATE = ("--sample-rate", 48_000)


@pytest.fixture
def filters(rnnmusic: Run, tmp_path: Path) -> Path:
    """A folder with two filters that the program designed."""
    assert rnnmusic("filter", "design", *ELLIP, *RATE, "-o", tmp_path / "a.json").code == 0
    butter = ("butter", "--order", 4, "--cutoff", 5000)
    assert rnnmusic("filter", "design", *butter, *RATE, "-o", tmp_path / "b.json").code == 0
    return tmp_path


def response(path: Path, frequency_hz: float) -> float:
    form = forms.load(path)
    assert form.sample_rate_hz is not None
    omega = np.array([2 * np.pi * frequency_hz / form.sample_rate_hz])
    return float(20 * np.log10(np.abs(form.response(omega)[0])))


# -- design ------------------------------------------------------------------------------------


def test_a_classical_design_is_scipys(filters: Path) -> None:
    form = forms.load(filters / "a.json")
    wanted = signal.ellip(6, 0.5, 60, 4800, fs=48_000, output="sos")
    assert form.sample_rate_hz == 48_000
    omega = np.linspace(0, np.pi, 300)
    _, reference = signal.sosfreqz(wanted, omega)
    np.testing.assert_allclose(form.response(omega), reference, atol=1e-9)


@pytest.mark.parametrize(
    ("knobs", "levels_db"),
    [
        ("butter --order 3 --cutoff 100 --cutoff 1000 --shape bandpass", {316: 0.0, 100: -3.01}),
        ("butter --order 2 --cutoff 1000 --shape highpass", {1000: -3.01, 20_000: 0.0}),
        ("cheby1 --order 3 --cutoff 1000 --ripple-db 2", {1000: -2.0}),
        ("cheby2 --order 3 --cutoff 1000 --attenuation-db 40", {1000: -40.0}),
        ("bessel --order 3 --cutoff 1000", {10: 0.0}),
        ("peak --cutoff 1000 --q 10", {1000: 0.0, 950: -3.1}),
        ("notch --cutoff 1000 --q 10", {10: 0.0, 951.2: -3.01}),
        ("eq --band peak:1000:6:1.4 --band low-shelf:50:-4 --gain-db 1", {1000: 7.0, 1: -3.0}),
        ("eq --band high-pass:1000", {1000: -3.01}),
        ("eq --band notch:1000:5 --band all-pass:300:2", {10: 0.0}),
    ],
)
def test_knobs_do_what_they_say(
    rnnmusic: Run, tmp_path: Path, knobs: str, levels_db: dict[float, float]
) -> None:
    ran = rnnmusic("filter", "design", *knobs.split(), *RATE, "-o", tmp_path / "f.json")
    assert ran.code == 0, ran.err
    for frequency, level in levels_db.items():
        assert response(tmp_path / "f.json", frequency) == pytest.approx(level, abs=0.06)


def test_filters_go_through_pipes(rnnmusic: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    designed = rnnmusic("filter", "design", *ELLIP, *RATE)
    assert designed.code == 0
    assert designed.err == ""
    monkeypatch.setattr(sys, "stdin", io.StringIO(designed.out))
    exported = rnnmusic("filter", "export", "-", "--to", "csv")
    assert exported.code == 0
    rows = [line.split(",") for line in exported.out.splitlines() if line[0] in "-0123456789"]
    np.testing.assert_array_equal(
        np.array(rows, dtype=float), forms.from_json(json.loads(designed.out)).to_dict()["sos"]
    )


# -- show and compare --------------------------------------------------------------------------


def test_show_draws_in_the_terminal(rnnmusic: Run, filters: Path) -> None:
    ran = rnnmusic("filter", "show", filters / "a.json")
    assert ran.code == 0
    for word in ("order 6", "48000 Hz", "Certificate", "in float64 stable", "in float32 stable",
                 "stable", "magnitude (dB)", "phase",
                 "group delay (ms)", "impulse response", "step response", "6 poles x",
                 "0.969337314", "4837"):  # fmt: skip
        assert word in ran.out
    assert "\x1b" not in ran.out  # no colours where nobody sees them
    lines = ran.out.splitlines()
    assert max(map(len, lines)) <= 120
    # The magnitude falls from the upper left to the lower right.
    start = lines.index("magnitude (dB) over frequency (Hz)")
    assert "⠉⠉⠉" in lines[start + 1]
    assert lines[start + 9].rstrip().endswith(tuple(chr(c) for c in range(0x2801, 0x2900)))


def test_show_keeps_to_the_width(
    rnnmusic: Run, filters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnmusic_cli import console

    monkeypatch.setattr(console.out, "width", 60)
    shown = rnnmusic("filter", "show", filters / "a.json").out.split("poles and zeros")[0]
    charts = shown[shown.index("magnitude") :]
    assert max(map(len, charts.splitlines())) == 60


def test_show_for_machines_and_for_eyes(rnnmusic: Run, filters: Path) -> None:
    ran = rnnmusic("filter", "show", filters / "a.json", "--json", "-o", filters / "a.svg")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert told["order"] == 6
    assert told["certificate"]["is_stable"]
    assert len(told["poles"]) == 3  # pairs
    assert told["poles"][0]["radius"] == pytest.approx(0.969337314)
    assert told["poles"][0]["t60_s"] == pytest.approx(np.log(1000) / -np.log(0.969337314) / 48_000)
    assert b"<svg" in (filters / "a.svg").read_bytes()


def test_compare_says_how_far_apart(rnnmusic: Run, filters: Path) -> None:
    ran = rnnmusic("filter", "compare", filters / "a.json", filters / "b.json", "--json")
    told = json.loads(ran.out)["filters"]
    assert told[0]["max_db"] == 0
    assert 10 < told[1]["max_db"] <= 100
    curve = filters / "target.csv"
    curve.write_text("frequency_hz,magnitude_db\n100,0\n1000,0\n4000,-1\n")
    picture = filters / "c.png"
    ran = rnnmusic("filter", "compare", filters / "a.json", "--target", curve, "-o", picture)
    assert ran.code == 0
    assert "target.csv" in ran.out
    assert picture.read_bytes().startswith(b"\x89PNG")
    largest = max(abs(response(filters / "a.json", f) - y) for f, y in
                  ((100, 0), (1000, 0), (4000, -1)))  # fmt: skip
    assert f"{largest:.4g}" in ran.out


# -- run and export ----------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
def test_run_filters_a_file(rnnmusic: Run, filters: Path, channels: int) -> None:
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (70_000, channels))
    soundfile.write(filters / "in.wav", x, 48_000, subtype="FLOAT")
    ran = rnnmusic(
        "filter", "run", filters / "a.json", filters / "in.wav", "-o", filters / "out.wav",
        "--tail", 0.25,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    y, rate = soundfile.read(filters / "out.wav", always_2d=True)
    assert rate == 48_000
    padded = np.concatenate([x, np.zeros((12_000, channels))]).T
    wanted = signal.sosfilt(
        forms.convert(forms.load(filters / "a.json"), forms.Sections).sos, padded
    )
    np.testing.assert_allclose(y.T, wanted, atol=1e-5)


@pytest.mark.parametrize("to", [name for name in TARGETS if name != "torch"])
def test_export_writes_what_it_would_print(rnnmusic: Run, filters: Path, to: str) -> None:
    target = filters / f"out{TARGETS[to].suffix}"
    named = ("--name", "low pass")
    assert (
        rnnmusic("filter", "export", filters / "a.json", "--to", to, "-o", target, *named).code == 0
    )
    printed = rnnmusic("filter", "export", filters / "a.json", "--to", to, *named)
    assert printed.out == target.read_text()
    assert printed.err == ""


# -- what can be got wrong ---------------------------------------------------------------------

CASES = [
    ("design hat {rate}", 2, ["hat", "butter"]),
    ("design butter --order 0 --cutoff 100 {rate}", 2, ["order", "0"]),
    ("design butter --order -3 --cutoff 100 {rate}", 2, ["order", "-3"]),
    ("design butter --order 4 --cutoff 24000 {rate}", 2, ["24000"]),
    ("design butter --order 4 --cutoff 30000 {rate}", 2, ["30000", "24000"]),
    ("design butter --order 4 --cutoff nan {rate}", 2, ["nan"]),
    ("design butter --order 4 --cutoff -5 {rate}", 2, ["-5"]),
    ("design butter --order 4 --cutoff 100 --sample-rate 0", 2, ["sample_rate_hz", "0"]),
    ("design butter --order 4 --cutoff 100 --cutoff 200 {rate}", 2, ["cutoff"]),
    ("design butter --order 4 --cutoff 100 --shape bandpass {rate}", 2, ["two frequencies"]),
    ("design butter --order 4 --cutoff 9 --cutoff 5 --shape bandpass {rate}", 2, ["lower edge"]),
    ("design butter --order 4 --cutoff 100 --shape round {rate}", 2, ["round", "lowpass"]),
    ("design butter --order 4 --cutoff 100 --q 3 {rate}", 2, ["butter", "--q"]),
    ("design butter --cutoff 100 {rate}", 2, ["--order"]),
    ("design butter --order 4 {rate}", 2, ["--cutoff"]),
    ("design butter --order 60 --cutoff 0.01 {rate}", 2, ["order 60"]),
    ("design ellip --order 4 --cutoff 100 --ripple-db 1 {rate}", 2, ["--attenuation-db"]),
    ("design butter --order 100000 --cutoff 9000 {rate}", 2, ["100000", "500"]),
    ("design bessel --order 100 --cutoff 9000 {rate}", 2, ["order 100"]),
    ("design cheby1 --order 4 --cutoff 100 --ripple-db 0 {rate}", 2, ["ripple_db"]),
    ("design peak --cutoff 100 --q 0 {rate}", 2, ["q is 0"]),
    ("design peak --cutoff 100 --cutoff 200 --q 5 {rate}", 2, ["2 cutoffs"]),
    ("design eq {rate}", 2, ["--band"]),
    ("design eq --band peak:1000 {rate}", 2, ["peak:1000", "peak:HZ:DB"]),
    ("design eq --band peek:1000:3 {rate}", 2, ["peek", "peak"]),
    ("design eq --band notch:1000:3:1 {rate}", 2, ["notch:HZ"]),
    ("design eq --band peak:a:3 {rate}", 2, ["peak:a:3"]),
    ("design eq --band peak:1000:1e9 {rate}", 3, ["1e+09 dB", "1000 dB"]),
    ("design eq --band peak:1000:inf {rate}", 3, ["gain_db", "inf", "finite"]),
    ("design eq --band peak:30000:3 {rate}", 3, ["30000", "24000"]),
    ("design eq --band peak:1000:3:0 {rate}", 3, ["q 0"]),
    ("design eq --band peak:1000:3 {rate} -o {p}/none/f.json", 3, ["none"]),
    ("show {p}/none.json", 3, ["none.json"]),
    ("show {p}/text.json", 3, ["text.json", "JSON"]),
    ("show {p}", 3, ["folder"]),
    ("show {p}/list.json", 3, ["list.json", "filter"]),
    ("show {p}/kind.json", 3, ["kind.json"]),
    ("show {p}/torn.json", 3, ["torn.json"]),
    ("show {p}/nan.json", 3, ["nan.json", "finite"]),
    ("show {p}/a0.json", 3, ["a0.json", "a0"]),
    ("show {p}/good.json -o {p}/x.bmp", 3, ["x.bmp", ".png"]),
    ("compare {p}/good.json", 2, ["--target"]),
    ("compare {p}/good.json {p}/cd.json", 3, ["48,000 Hz", "44,100 Hz"]),
    ("compare {p}/good.json --target {p}/text.json", 3, ["text.json"]),
    ("compare {p}/good.json --target {p}/beyond.csv", 3, ["30000", "24000"]),
    ("compare {p}/good.json --target {p}/inf.csv", 3, ["inf.csv", "finite"]),
    ("run {p}/good.json", 2, ["IN.wav", "--live"]),
    ("run {p}/good.json {p}/in.wav", 2, ["OUT.wav"]),
    ("run {p}/good.json {p}/none.wav -o {p}/x.wav", 3, ["none.wav"]),
    ("run {p}/good.json {p}/text.json -o {p}/x.wav", 3, ["text.json"]),
    ("run {p}/good.json {p}/nan.wav -o {p}/x.wav", 3, ["nan.wav", "finite"]),
    ("run {p}/good.json {p}/empty.wav -o {p}/x.wav", 3, ["empty.wav", "no sound"]),
    ("run {p}/good.json {p}/in.wav -o -", 2, ["pipe"]),
    ("run {p}/cd.json {p}/in.wav -o {p}/x.wav", 3, ["44100", "48000"]),
    ("run {p}/unstable.json {p}/in.wav -o {p}/x.wav", 3, ["stable"]),
    ("run {p}/good.json {p}/in.wav -o {p}/none/x.wav", 3, ["none"]),
    ("run {p}/good.json {p}/in.wav -o {p}/x.xyz", 2, ["x.xyz"]),
    ("run {p}/good.json {p}/in.wav -o {p}/x.wav --live", 2, ["--live"]),
    ("run - --live", 2, ["pipe"]),
    ("export {p}/good.json --to cobol", 2, ["cobol", "faust"]),
    ("export {p}/good.json --to torch", 2, [".pt2"]),
    ("export {p}/good.json --to c -o {p}/none/f.h", 3, ["none"]),
    ("export {p}/unstable.json --to c -o {p}/f.h", 3, ["stable"]),
    ("export {p}/unstable.json --to c-q31 -o {p}/f.h", 3, ["stable"]),
    ("export {p}/unstable.json --to torch -o {p}/f.pt2", 3, ["stable"]),
    ("fit {p}/heading.csv --order 4 {rate} -o {p}/f.json", 3, ["heading.csv", "no numbers"]),
    ("fit {p}/inf.csv --order 4 -o {p}/f.json", 2, ["inf.csv", "--sample-rate"]),
    ("fit {p}/inf.csv --order 5000 {rate} -o {p}/f.json", 3, ["4 or more"]),
    ("fit {p}/in.wav --order 5000 -o {p}/f.json", 2, ["5000", "512"]),
    ("fit {p}/in.wav --max-order 5000 -o {p}/f.json", 2, ["5000", "512"]),
    ("fit {p}/in.wav --order 4 -o {p}/none/f.json", 3, ["none", "f.json"]),
    ("fit {p}/in.wav --order 4 -o {p}", 3, ["folder"]),
    ("fit {p}/in.wav --order 4 --json -o -", 2, ["stdout"]),
    ("fit {p}/in.wav --size 3 -o {p}/f.json", 2, ["--size", "--cell"]),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with one of everything that is wrong."""
    good = forms.Sections(signal.butter(4, 0.1, output="sos"), 48_000.0)
    forms.save(good, tmp_path / "good.json")
    forms.save(forms.Sections(good.sos, 44_100.0), tmp_path / "cd.json")
    forms.save(
        forms.Sections(np.array([[1.0, 0, 0, 1, 0, 1.1]]), 48_000.0), tmp_path / "unstable.json"
    )
    whole = (tmp_path / "good.json").read_text()
    (tmp_path / "torn.json").write_text('{"filter": "sos", "sos": [[1, 2]]}')
    (tmp_path / "nan.json").write_text('{"filter": "sos", "sos": [[NaN, 0, 0, 1, 0, 0]]}')
    (tmp_path / "a0.json").write_text('{"filter": "sos", "sos": [[1, 0, 0, 0, 0, 0]]}')
    (tmp_path / "text.json").write_text("buy milk")
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "kind.json").write_text(whole.replace('"sos"', '"magic"', 1))
    (tmp_path / "beyond.csv").write_text("100,0\n30000,-3\n")
    (tmp_path / "inf.csv").write_text("100,0\n1000,-inf\n")
    (tmp_path / "heading.csv").write_text("frequency_hz,magnitude_db\n")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 48_000)
    x = np.random.default_rng(0).uniform(-0.5, 0.5, 1000)
    soundfile.write(tmp_path / "in.wav", x, 48_000, subtype="FLOAT")
    x[500] = np.nan
    soundfile.write(tmp_path / "nan.wav", x, 48_000, subtype="FLOAT")
    return tmp_path


@pytest.mark.parametrize(("command", "code", "words"), CASES, ids=[case[0] for case in CASES])
def test_one_sentence_the_right_code_and_nothing_written(
    rnnmusic: Run, place: Path, command: str, code: int, words: list[str]
) -> None:
    before = set(place.rglob("*"))
    parts = command.format(p=place, rate="--sample-rate 48000").split(" ")
    ran = rnnmusic("filter", *parts)
    assert ran.code == code, ran.err
    assert ran.out == ""
    for word in words:
        assert word in ran.err
    if "Usage:" not in ran.err:  # our own sentences; typer words its usage errors itself
        assert ran.err.startswith("Error: ")
        assert ran.err.count("\n") == 1
    assert set(place.rglob("*")) == before


def test_a_live_filter_without_a_library_has_no_device(
    rnnmusic: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, option in (("sounddevice", "--live"), ("jack", "--jack")):
        monkeypatch.setitem(sys.modules, module, None)
        ran = rnnmusic("filter", "run", place / "good.json", option)
        assert ran.code == 4
        assert "rnnmusic[audio]" in ran.err


def test_an_unstable_filter_can_be_looked_at(rnnmusic: Run, place: Path) -> None:
    ran = rnnmusic("filter", "show", place / "unstable.json")
    assert ran.code == 0
    assert "NOT proven stable" in ran.out
    assert "never" in ran.out
    told = json.loads(rnnmusic("filter", "show", place / "unstable.json", "--json").out)
    assert not told["certificate"]["is_stable"]
    assert told["poles"][0]["t60_s"] is None
