"""The program as a person uses it: from a folder of MIDI to music, and what it says on the way."""

from __future__ import annotations

import json
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest
import soundfile
import symusic

from rnnmusic import midi
from tests.cli.conftest import Run, Studio, tune

SHARED = Path(__file__).parents[3] / "shared" / "data" / "poly"


def test_building_says_what_became_of_every_file(
    rnnmusic: Run, studio: Studio, tmp_path: Path
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for name in ("one.mid", "two.mid", "three.mid"):
        midi.write(tune(len(name)), music / name)
    (music / "copy.mid").write_bytes((music / "one.mid").read_bytes())
    (music / "empty.mid").write_bytes(b"")
    (music / "notes.mid").write_text("buy milk")
    (music / "cut.mid").write_bytes((music / "one.mid").read_bytes()[:60])
    (music / "cover.jpg").write_bytes(b"\xff\xd8")
    built = rnnmusic("corpus", "build", music, "-o", tmp_path / "store")
    assert built.code == 0
    for name in ("empty.mid", "notes.mid"):
        assert f"rejected: {music / name}: " in built.err
    assert f"repaired: {music / 'cut.mid'}: " in built.err
    assert "duplicate" in built.err
    assert "ignored" in built.err
    assert ".jpg 1" in built.err
    verdicts = [
        json.loads(line) for line in (tmp_path / "store/verdicts.jsonl").read_text().splitlines()
    ]
    assert len(verdicts) == 8
    assert all(v["reason"] for v in verdicts if v["verdict"] != "kept")


def test_show_counts_what_is_there(rnnmusic: Run, studio: Studio) -> None:
    shown = rnnmusic("corpus", "show", studio.store, "--json")
    summary = json.loads(shown.out)
    assert sum(split["pieces"] for split in summary["splits"].values()) == 12
    assert sum(split["notes"] for split in summary["splits"].values()) == 12 * 8 * 6
    text = rnnmusic("corpus", "show", studio.store)
    assert (text.code, text.err) == (0, "")
    assert "piano-roll" in text.out
    assert "train" in text.out


def test_evaluate_names_its_conventions(rnnmusic: Run, studio: Studio) -> None:
    text = rnnmusic("evaluate", studio.run, studio.store)
    assert text.code == 0
    assert "nats per step (exact" in text.out
    figures = json.loads(rnnmusic("evaluate", studio.run, studio.store, "--json").out)
    assert set(figures) == {"train", "valid", "test"}
    assert {"pooled", "per_sequence", "kind"} <= set(figures["test"])
    assert figures["test"]["kind"] == "exact"
    only = json.loads(
        rnnmusic("evaluate", studio.run, studio.store, "--split", "valid", "--json").out
    )
    assert only == {"valid": figures["valid"]}


def test_evaluate_reads_benchmark_files_as_they_are(rnnmusic: Run, tmp_path: Path) -> None:
    npz = tmp_path / "bench.npz"
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {"pitch_low": np.array(21)}
    for split, lengths in (("train", [9, 12, 7]), ("valid", [8]), ("test", [5, 6])):
        rolls = rng.random((sum(lengths), 88)) < 0.05
        arrays[f"{split}_roll"] = np.packbits(rolls, axis=1)
        arrays[f"{split}_lengths"] = np.array(lengths, dtype=np.int32)
    np.savez(npz, **arrays)
    trained = rnnmusic(
        "train", npz, "--head", "bernoulli", "--size", 8, "--epochs", 1, "-o", tmp_path / "run"
    )
    assert trained.code == 0, trained.err
    figures = json.loads(rnnmusic("evaluate", tmp_path / "run", npz, "--json").out)
    assert (figures["test"]["sequences"], figures["test"]["steps"]) == (2, 11)


def test_generated_files_are_midi_to_everybody(
    rnnmusic: Run, studio: Studio, tmp_path: Path
) -> None:
    music21 = pytest.importorskip("music21")
    path = tmp_path / "out.mid"
    assert rnnmusic("generate", studio.run, "-o", path, "--bars", 4, "--tempo", 75).code == 0
    ours = midi.read(path)
    assert ours.note_count > 0
    assert ours.duration_s <= 4 * 4 * 60 / 75 + 1e-6
    assert len(symusic.Score(str(path)).tracks[0].notes) == ours.note_count
    theirs = pretty_midi.PrettyMIDI(str(path))
    assert sum(len(i.notes) for i in theirs.instruments) == ours.note_count
    assert abs(theirs.get_tempo_changes()[1][0] - 75) < 0.01
    sounding = [m for m in mido.MidiFile(path) if m.type == "note_on" and m.velocity]
    assert len(sounding) == ours.note_count
    assert len(music21.converter.parse(path).flatten().notes) > 0


def test_the_same_seed_gives_the_same_bytes(rnnmusic: Run, studio: Studio, tmp_path: Path) -> None:
    a, b, c = (tmp_path / name for name in ("a.mid", "b.mid", "c.mid"))
    for path, seed in ((a, 5), (b, 5), (c, 6)):
        assert rnnmusic("generate", studio.run, "-o", path, "--seed", seed).code == 0
    assert a.read_bytes() == b.read_bytes() != c.read_bytes()


def test_count_numbers_files_and_seeds(rnnmusic: Run, studio: Studio, tmp_path: Path) -> None:
    many = tmp_path / "many.mid"
    one = tmp_path / "one.mid"
    options = ("--bars", 2, "--temperature", 1.2, "--top-p", 0.95)
    assert rnnmusic("generate", studio.run, "-o", many, "--count", 3, *options).code == 0
    assert rnnmusic("generate", studio.run, "-o", one, "--seed", 2, *options).code == 0
    assert sorted(p.name for p in tmp_path.glob("many*")) == [f"many-{n}.mid" for n in (1, 2, 3)]
    assert (tmp_path / "many-3.mid").read_bytes() == one.read_bytes()


def test_a_prime_is_continued(rnnmusic: Run, studio: Studio, tmp_path: Path) -> None:
    prime, out = studio.music / "tune 1.mid", tmp_path / "out.mid"
    assert rnnmusic("generate", studio.run, "-o", out, "--prime", prime, "--bars", 2).code == 0
    heard, longer = midi.read(prime), midi.read(out)
    opening = longer.notes()[longer.notes()["start_tick"] < heard.end_tick]
    assert opening["pitch"].tolist() == heard.notes()["pitch"].tolist()
    assert heard.end_tick < longer.end_tick <= heard.end_tick + 2 * 1920


def test_a_broken_prime_is_repaired_and_continued(
    rnnmusic: Run, studio: Studio, tmp_path: Path
) -> None:
    whole = (studio.music / "tune 1.mid").read_bytes()
    cut, out = tmp_path / "cut.mid", tmp_path / "out.mid"
    cut.write_bytes(whole[: len(whole) // 2])
    made = rnnmusic("generate", studio.run, "-o", out, "--prime", cut, "--bars", 1)
    assert made.code == 0, made.err
    assert f"repaired in {cut}: " in made.err
    assert midi.read(out).note_count >= midi.read(cut).note_count > 0
    played = rnnmusic("render", cut, "-o", tmp_path / "cut.wav")
    assert played.code == 0, played.err
    assert f"repaired in {cut}: " in played.err


def test_events_train_and_play_too(rnnmusic: Run, studio: Studio, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out.mid"
    size = ("--size", 16, "--epochs", 2, "--head", "categorical", "--model", "lstm")
    assert rnnmusic("train", studio.events, *size, "-o", run).code == 0
    assert rnnmusic("generate", run, "-o", out, "--bars", 12).code == 0
    assert midi.read(out).note_count > 0
    assert rnnmusic("live", run, "--out", tmp_path / "l.mid", "--bars", 1, "--tempo", 400).code == 0


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
def test_render_writes_sound(rnnmusic: Run, studio: Studio, tmp_path: Path, extension: str) -> None:
    out = tmp_path / f"out.{extension}"
    source = studio.music / "tune 1.mid"
    assert rnnmusic("render", source, "-o", out, "--sample-rate", 22050).code == 0
    samples, rate = soundfile.read(out)
    assert rate == 22050
    assert samples.shape[1] == 2
    assert samples.shape[0] / rate >= midi.read(source).duration_s
    assert 0.05 < np.sqrt(np.mean(samples**2)) < np.max(np.abs(samples)) <= 1.0


def test_models_lists_what_can_be_generated_from(rnnmusic: Run, tmp_path: Path) -> None:
    listed = rnnmusic("models")
    assert "bach-gru" in listed.out
    assert rnnmusic("generate", "bach-gru", "-o", tmp_path / "x.mid", "--bars", 1).code == 0


def test_shared_benchmark_sets_evaluate(rnnmusic: Run, tmp_path: Path) -> None:
    jsb = SHARED / "jsb.npz"
    if not jsb.exists():
        pytest.skip("the benchmark sets are not part of the product")
    trained = rnnmusic("train", jsb, "--size", 16, "--epochs", 1, "-o", tmp_path / "run")
    assert trained.code == 0, trained.err
    figures = json.loads(rnnmusic("evaluate", tmp_path / "run", jsb, "--json").out)
    assert (figures["test"]["sequences"], figures["test"]["steps"]) == (77, 4725)


def test_version_and_help(rnnmusic: Run) -> None:
    assert rnnmusic("--version").out.startswith("rnnmusic 0.")
    for verb in ("demo", "train", "evaluate", "generate", "render", "ports", "live", "models"):
        helped = rnnmusic(verb, "--help")
        assert helped.code == 0
        assert verb in helped.out
