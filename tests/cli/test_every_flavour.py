"""Everything plays: each flavour trains, is evaluated, generates and runs in `rnnmusic live`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rnnmusic import midi
from rnnmusic.recurrent import RECURRENT
from tests.cli.conftest import Run, Studio


@pytest.mark.slow
@pytest.mark.parametrize("name", RECURRENT)
def test_a_flavour_trains_and_plays(
    rnnmusic: Run, studio: Studio, tmp_path: Path, name: str
) -> None:
    run = tmp_path / "run"
    size = ("--size", 16, "--epochs", 2, "--batch-size", 4)
    trained = rnnmusic("train", studio.store, "--model", name, "-o", run, *size)
    assert trained.code == 0, trained.err
    judged = rnnmusic("evaluate", run, studio.store, "--json")
    assert judged.code == 0, judged.err
    kind = "bound" if name in ("storn", "vrnn", "srnn", "dmm") else "exact"
    assert {row["kind"] for row in json.loads(judged.out).values()} == {kind}
    tune = tmp_path / "new.mid"
    generated = rnnmusic("generate", run, "-o", tune, "--bars", 4, "--seed", 1)
    assert generated.code == 0, generated.err
    midi.read(tune)
    again = tmp_path / "again.mid"
    rnnmusic("generate", run, "-o", again, "--bars", 4, "--seed", 1)
    assert again.read_bytes() == tune.read_bytes()
    played = rnnmusic("live", run, "--out", "memory", "--bars", 1, "--tempo", 200)
    assert played.code == 0, played.err
