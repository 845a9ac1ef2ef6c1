"""What can be got wrong: one clear sentence, the right exit code, nothing half-written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Studio


def _paths(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.fixture
def place(tmp_path: Path, studio: Studio) -> Path:
    """A folder with one of everything that is wrong."""
    (tmp_path / "empty.mid").write_bytes(b"")
    (tmp_path / "text.mid").write_text("buy milk")
    whole = (studio.music / "tune 1.mid").read_bytes()
    (tmp_path / "cut.mid").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "good.mid").write_bytes(whole)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    (tmp_path / "typo.toml").write_text("[model]\nsise = 3\n")
    (tmp_path / "broken.toml").write_text("[model\n")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 but no archive")
    for name in ("future", "torn", "unlike"):
        shutil.copytree(studio.run / "best", tmp_path / name)
    config = json.loads((tmp_path / "future" / "config.json").read_text())
    (tmp_path / "future" / "config.json").write_text(json.dumps({**config, "format": 99}))
    (tmp_path / "torn" / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    config["model"]["size"] = 17
    (tmp_path / "unlike" / "config.json").write_text(json.dumps(config))
    return tmp_path


# Arguments ({p}: the place, {run}, {store}, {music}: the studio), exit code, words of the sentence.
CASES = [
    ("render {p}/empty.mid -o {p}/x.wav", 3, ["empty.mid", "empty"]),
    ("render {p}/text.mid -o {p}/x.wav", 3, ["text.mid", "MIDI"]),
    ("render {p}/none.mid -o {p}/x.wav", 3, ["none.mid"]),
    ("render {p} -o {p}/x.wav", 3, ["folder"]),
    ("render {p}/good.mid -o {p}/x.xyz", 3, ["xyz", "wav"]),
    ("render {p}/good.mid -o {p}/none/x.wav", 3, ["none"]),
    ("render {p}/good.mid -o {p}/x.wav --soundfont {p}/none.sf2", 3, ["none.sf2"]),
    ("corpus build {p}/nothing -o {p}/store", 3, ["Empty corpus"]),
    ("corpus build {p}/good.mid -o {p}/store --set mels", 2, ["mels", "mels=40"]),
    ("corpus build {p}/good.mid -o {p}/store --set octaves=4", 2, ["octaves", "steps_per_quarter"]),
    ("corpus build {p}/good.mid -o {p}/store --group-by key", 2, ["key", "composer"]),
    ("corpus build {p}/good.mid -o {p}/store --splits {p}/none.csv", 3, ["none.csv"]),
    ("corpus build {p}/good.mid -o {p}/store --splits {p}/text.mid", 3, ["text.mid"]),
    ("corpus build {p}/none -o {p}/store", 3, ["none"]),
    ("corpus build music21:nobody -o {p}/store", 3, ["nobody"]),
    ("corpus build {music} -o {p}/full", 2, ["full"]),
    ("corpus build {music} -o {p}/store --encoding tablature", 2, ["tablature", "piano-roll"]),
    ("corpus show {p}/nothing", 3, ["empty"]),
    ("corpus show {music}", 3, ["corpus build"]),
    ("corpus show {p}/bad.npz", 3, ["bad.npz"]),
    ("train {p}/none -o {p}/run", 3, ["none", "corpus build"]),
    ("train {store} -o {p}/full", 2, ["full", "not empty"]),
    ("train {store} -o {p}/run --recipe {p}/typo.toml", 2, ["typo.toml", "'sise'", "size"]),
    ("train {store} -o {p}/run --recipe {p}/broken.toml", 3, ["broken.toml", "TOML"]),
    ("train {store} -o {p}/run --recipe {p}/none.toml", 3, ["none.toml"]),
    ("train {store} -o {p}/run --resume", 3, ["run", "--resume"]),
    ("train {store} -o {p}/run --model gpt", 2, ["gpt", "gru"]),
    ("train {store} -o {p}/run --head categorical", 2, ["categorical"]),
    ("train {store} -o {p}/run --devices 3 --strategy ddp", 2, ["batch_size 16", "3 devices"]),
    ("train {store} -o {p}/run --precision 7-bit", 2, ["7-bit"]),
    ("evaluate {p}/none {store}", 3, ["none", "bach-gru"]),
    ("evaluate {p}/full {store}", 3, ["not a checkpoint"]),
    ("evaluate {p}/future {store}", 3, ["format 99"]),
    ("evaluate {p}/torn {store}", 3, ["model.safetensors"]),
    ("evaluate {p}/unlike {store}", 3, ["model.safetensors", "config.json"]),
    ("evaluate {run} {events}", 3, ["note-events"]),
    ("evaluate {run} {store} --split tests", 2, ["tests"]),
    ("generate {run} -o {p}/none/x.mid", 3, ["none"]),
    ("generate {run} -o {p}/x.mid --prime {p}/text.mid", 3, ["text.mid"]),
    ("generate {run} -o {p}/x.mid --temperature -1", 2, ["temperature"]),
    ("generate {run} -o {p}/x.mid --bars 0", 2, ["bars"]),
    ("generate {run}", 2, ["--output"]),
    ("live {run} --out {p}/none/x.mid --bars 1", 3, ["none"]),
    ("live {run} --out no-such-synth --bars 1", 4, ["MIDI"]),
    ("improvise", 2, ["improvise"]),
]


@pytest.mark.parametrize(("command", "code", "words"), CASES, ids=[case[0] for case in CASES])
def test_one_sentence_the_right_code_and_nothing_written(
    rnnmusic: Run, studio: Studio, place: Path, command: str, code: int, words: list[str]
) -> None:
    before = _paths(place)
    named = {**studio._asdict(), "p": place}
    ran = rnnmusic(*(part.format(**named) for part in command.split(" ")))
    assert ran.code == code, ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err
    if "Usage:" not in ran.err:  # our own sentences; typer words its usage errors itself
        assert ran.err.startswith("Error: ")
        assert ran.err.rstrip().endswith((".", "`", ")"))
        assert ran.err.count("\n") == 1
    assert _paths(place) == before


def test_a_build_that_keeps_nothing_leaves_its_verdicts(rnnmusic: Run, place: Path) -> None:
    ran = rnnmusic("corpus", "build", place / "text.mid", "-o", place / "store")
    assert ran.code == 3
    assert ran.err.startswith("Error: Empty corpus")
    assert "text.mid" in ran.err
    [file] = (place / "store").iterdir()
    [verdict] = map(json.loads, file.read_text().splitlines())
    assert (file.name, verdict["verdict"]) == ("verdicts.jsonl", "rejected")


def test_debug_shows_the_trace(rnnmusic: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNMUSIC_DEBUG", "")
    ran = rnnmusic("--debug", "render", place / "text.mid", "-o", place / "x.wav")
    assert ran.code == 3
    assert "Traceback" in ran.err


def test_a_defect_is_called_one(rnnmusic: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode() -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("rnnmusic.checkpoint.zoo", explode)
    ran = rnnmusic("models")
    assert ran.code == 1
    assert "defect" in ran.err
    assert "Traceback" not in ran.err
