"""`rnnmusic filter fit --cell` and what it writes: filters of linear cells, effects of others."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from rnnmusic import effects
from rnnmusic.filters import forms
from tests.cli.conftest import Run

RATE = 8000
BRIEF = ("--seconds", 1, "--size", 4)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A second of what goes into a one-pole low-pass and of what comes out, and misfits."""
    dry = np.random.default_rng(0).uniform(-0.5, 0.5, RATE)
    wet = signal.lfilter([0.3], [1, -0.7], dry)
    for name, samples, rate in (
        ("dry", dry, RATE),
        ("wet", wet, RATE),
        ("other-rate", wet, 2 * RATE),
        ("short", wet[:-1], RATE),
        ("brief", wet[:500], RATE),
        ("stereo", np.stack([dry, wet], axis=1), RATE),
        ("silent", np.zeros_like(dry), RATE),
    ):
        soundfile.write(tmp_path / f"{name}.wav", samples, rate, subtype="FLOAT")
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.txt").write_text("the only copy")
    return tmp_path


def fit(rnnmusic: Run, place: Path, cell: str, *more: object) -> tuple[int, str, str]:
    return rnnmusic(
        "filter", "fit", place / "wet.wav", "--input", place / "dry.wav", "--cell", cell, *more
    )


def test_a_linear_network_is_written_as_the_filter_that_it_is(rnnmusic: Run, place: Path) -> None:
    written = place / "rnn.json"
    code, out, err = fit(rnnmusic, place, "linear", *BRIEF, "-o", written, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["held_out_error_to_signal_db"] < told["untouched_error_to_signal_db"]
    form = forms.load(written)
    assert isinstance(form, forms.StateSpace)
    assert form.sample_rate_hz == RATE
    radii = sorted(np.hypot(*np.array(told["poles"]).T))
    np.testing.assert_allclose(radii, sorted(abs(form.poles())))
    # The report is about the filter in the file, heard from rest on the end of the recording.
    dry, wet = (soundfile.read(place / f"{name}.wav")[0] for name in ("dry", "wet"))
    cut = int(0.85 * len(dry))
    sections = forms.convert(form, forms.Sections)
    got = signal.sosfilt(sections.sos, dry[cut:])
    ratio = effects.error_to_signal(got, wet[cut:])
    # Its constant offset, which no filter has, is the difference.
    assert 10 * np.log10(ratio) == pytest.approx(told["held_out_error_to_signal_db"], abs=1.0)


def test_a_filter_goes_through_a_pipe(
    rnnmusic: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(place.rglob("*"))
    code, out, err = fit(rnnmusic, place, "iir", *BRIEF, "-o", "-")
    assert code == 0, err
    monkeypatch.setattr(sys, "stdin", io.StringIO(out))
    assert rnnmusic("filter", "export", "-", "--to", "csv").code == 0
    assert set(place.rglob("*")) == before


def test_an_effect_plays(rnnmusic: Run, place: Path) -> None:
    code, out, err = fit(rnnmusic, place, "gru", *BRIEF, "-o", place / "amp")
    assert code == 0, err
    for words in ("error to signal, held out", "the input untouched", "real-time factor"):
        assert words in out
    ran = rnnmusic("filter", "run", place / "amp", place / "dry.wav", "-o", place / "out.wav")
    assert ran.code == 0, ran.err
    dry, got = (soundfile.read(place / name)[0] for name in ("dry.wav", "out.wav"))
    stream = effects.EffectStream(effects.load(place / "amp"))
    np.testing.assert_array_equal(got, stream.process(dry))
    # An effect may be learned anew in its place.
    assert fit(rnnmusic, place, "lstm", *BRIEF, "-o", place / "amp")[0] == 0
    assert effects.load(place / "amp").config.cell == "lstm"
    for command, code, words in (
        (("run", place / "amp", place / "stereo.wav", "-o", place / "x.wav"), 3, "2 channels"),
        (("run", place / "amp", place / "other-rate.wav", "-o", place / "x.wav"), 3, "16000"),
        (("run", place / "amp", "--live"), 3, "effect"),
        (("show", place / "amp"), 3, "effect"),
    ):
        refused = rnnmusic("filter", *command)
        assert refused.code == code, refused.err
        assert words in refused.err
    assert not (place / "x.wav").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 9}, "format 9"),
        ({"cell": "foo"}, "foo"),
        ({"size": 5}, "weights"),
        ({"size": "many"}, "many"),
        ({"size": 10**8}, "effect.json is damaged"),
        ({"layers": -1}, "-1 layers"),
        (None, "is not an effect"),
    ],
)
def test_a_damaged_effect_is_refused(
    rnnmusic: Run, place: Path, change: dict[str, object] | None, words: str
) -> None:
    effects.save(effects.build(effects.EffectConfig(RATE, "gru", 4)), place / "amp")
    told = place / "amp" / "effect.json"
    fields = [1] if change is None else {**json.loads(told.read_text()), **change}
    told.write_text(json.dumps(fields))
    ran = rnnmusic("filter", "run", place / "amp", place / "dry.wav", "-o", place / "x.wav")
    assert (ran.code, ran.out) == (3, ""), ran.err
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert not (place / "x.wav").exists()


INPUT = "--input {p}/dry.wav"
CASES = [
    ("{p}/wet.wav --cell gru -o {p}/amp", 2, ["--input"]),
    ("{p}/wet.wav --cell foo -o {p}/amp " + INPUT, 2, ["foo", "lstm", "linear"]),
    ("{p}/wet.wav --cell gru -o {p}/f.json " + INPUT, 2, ["gru", "f.json", "linear"]),
    ("{p}/wet.wav --cell gru -o - " + INPUT, 2, ["gru", "linear"]),
    ("{p}/wet.wav --cell gru -o {p}/amp.wav " + INPUT, 2, ["amp.wav", "folder"]),
    ("{p}/wet.wav --cell linear -o {p}/f.txt " + INPUT, 2, ["f.txt", ".json"]),
    ("{p}/wet.wav --cell linear --json -o - " + INPUT, 2, ["stdout"]),
    ("{p}/wet.wav --cell gru --order 4 -o {p}/amp " + INPUT, 2, ["--order", "--cell"]),
    ("{p}/wet.wav --cell gru --as decay -o {p}/amp " + INPUT, 2, ["--as", "--cell"]),
    ("{p}/wet.wav --cell linear -o {p}/none/f.json " + INPUT, 3, ["none", "f.json"]),
    ("{p}/wet.wav --cell gru -o {p}/music " + INPUT, 3, ["music", "no effect"]),
    ("{p}/wet.wav --cell gru -o {p}/dry.wav/amp " + INPUT, 3, ["is a file"]),
    ("{p}/other-rate.wav --cell gru -o {p}/amp " + INPUT, 3, ["8000", "16000"]),
    ("{p}/short.wav --cell gru -o {p}/amp " + INPUT, 3, ["8000", "7999", "one length"]),
    ("{p}/brief.wav --cell gru -o {p}/amp --input {p}/brief.wav", 3, ["500", "4748"]),
    ("{p}/silent.wav --cell gru -o {p}/amp " + INPUT, 3, ["silence"]),
    ("{p}/none.wav --cell gru -o {p}/amp " + INPUT, 3, ["none.wav"]),
    ("{p}/music/song.txt --cell gru -o {p}/amp " + INPUT, 3, ["song.txt"]),
]


@pytest.mark.parametrize(("command", "code", "words"), CASES, ids=[case[0] for case in CASES])
def test_one_sentence_the_right_code_and_nothing_written(
    rnnmusic: Run, place: Path, command: str, code: int, words: list[str]
) -> None:
    before = set(place.rglob("*"))
    ran = rnnmusic("filter", "fit", *command.format(p=place).split(" "))
    assert ran.code == code, ran.err
    assert ran.out == ""
    for word in words:
        assert word in ran.err
    error = ran.err.splitlines()[-1]
    assert error.startswith("Error: ")
    assert set(place.rglob("*")) == before
    assert (place / "music" / "song.txt").read_text() == "the only copy"
