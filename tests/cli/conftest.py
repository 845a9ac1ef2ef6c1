"""A folder of music and what the program makes of it, step by step, once for all tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from rnnmusic_cli.main import main

from rnnmusic import midi
from rnnmusic.score import METRE, NOTE, TEMPO, Score, Track, table


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the program in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["rnnmusic", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    return code if isinstance(code, int) else int(code is not None)


@pytest.fixture
def rnnmusic(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`rnnmusic("generate", ...)`: run a command and see what it says."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = call(monkeypatch, *arguments)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


def tune(seed: int) -> Score:
    """Eight bars of a rising and falling line over held fifths."""
    rng = np.random.default_rng(seed)
    notes = []
    for bar in range(8):
        root = int(rng.choice([48, 50, 53, 55]))
        notes += [(bar * 1920, bar * 1920 + 1920, root + up, 70) for up in (0, 7)]
        for beat in range(4):
            start = bar * 1920 + beat * 480
            notes.append((start, start + 480, root + 12 + int(rng.choice([0, 4, 7, 9])), 90))
    return Score(
        480,
        (Track(table(NOTE, notes)),),
        tempos=table(TEMPO, [(0, 600_000)]),
        metres=table(METRE, [(0, 4, 4)]),
    )


class Studio(NamedTuple):
    """Paths of everything the program made."""

    folder: Path
    music: Path
    store: Path
    events: Path
    run: Path


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Music, a corpus of rolls, one of events, and a run trained for a moment."""
    folder = tmp_path_factory.mktemp("studio")
    music = folder / "music"
    music.mkdir()
    for seed in range(12):
        midi.write(tune(seed), music / f"tune {seed}.mid")
    made = Studio(folder, music, folder / "store", folder / "events", folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        events = ("--encoding", "note-events")
        assert call(patch, "corpus", "build", music, "-o", made.store) == 0
        assert call(patch, "corpus", "build", music, "-o", made.events, *events) == 0
        size = ("--size", 16, "--epochs", 3, "--batch-size", 4)
        assert call(patch, "train", made.store, "--model", "gru", "-o", made.run, *size) == 0
    return made
