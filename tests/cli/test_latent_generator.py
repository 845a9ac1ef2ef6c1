"""A generator with latent variables, from training to the stage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Studio


@pytest.fixture
def run(rnnmusic: Run, studio: Studio, tmp_path: Path) -> Path:
    trained = rnnmusic(
        "train", studio.store, "--model", "vrnn", "--size", 16, "--option", "latent_size=4",
        "--head", "bernoulli", "--epochs", 2, "-o", tmp_path / "run",
    )  # fmt: skip
    assert trained.code == 0, trained.err
    return tmp_path / "run"


def test_a_latent_model_is_judged_and_plays(
    rnnmusic: Run, studio: Studio, run: Path, tmp_path: Path
) -> None:
    config = json.loads((run / "best" / "config.json").read_text())
    assert config["notes"]["likelihood"] == "bound"
    text = rnnmusic("evaluate", run, studio.store)
    assert "bound by elbo" in text.out
    judged = [
        rnnmusic("evaluate", run, studio.store, "--json", *more)
        for more in ((), (), ("--particles", 3), ("--particles", 3, "--bound", "iwae"))
    ]
    plain, again, fivo, iwae = (json.loads(ran.out)["test"] for ran in judged)
    assert plain == again
    assert [part["bound"] for part in (plain, fivo, iwae)] == [
        "elbo", "fivo, 3 particles", "iwae, 3 particles"
    ]  # fmt: skip
    assert len({part["pooled"] for part in (plain, fivo, iwae)}) == 3
    pieces = [tmp_path / name for name in ("a.mid", "b.mid", "c.mid")]
    for path, seed in zip(pieces, (5, 5, 6), strict=True):
        made = rnnmusic("generate", run, "-o", path, "--bars", 2, "--seed", seed)
        assert made.code == 0, made.err
    one, same, other = (path.read_bytes() for path in pieces)
    assert one == same != other
    live = rnnmusic("live", run, "--out", "memory", "--bars", 1, "--tempo", 240)
    assert live.code == 0, live.err


def test_particles_are_for_models_with_latent_variables(rnnmusic: Run, studio: Studio) -> None:
    ran = rnnmusic("evaluate", studio.run, studio.store, "--particles", 4)
    assert ran.code == 2
    assert "no latent variables" in ran.err
