"""The training loop: it learns, stops as told, resumes to the bit, and shares work fairly."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rnnmusic import checkpoint
from rnnmusic.errors import InputError, UsageError
from rnnmusic.training.evaluation import evaluate
from rnnmusic.training.loop import Result, train
from rnnmusic.training.recipe import Recipe
from rnnmusic.training.status import Status
from tests.training import corpora


def recipe(*, chunk_length: int = 0, **training: Any) -> Recipe:
    return Recipe().with_overrides(
        model={"size": 24, "dropout": 0.2, "variational": True, "learned_initial_state": True},
        head={"width": 8},
        data={"batch_size": 4, "chunk_length": chunk_length, "transpose": 2},
        training={"learning_rate": 0.01, "average_decay": 0.9, "max_epochs": 6, **training},
    )


def weights(run: Path, which: str = "last") -> dict[str, torch.Tensor]:
    return load_file(run / which / "model.safetensors")


@pytest.mark.parametrize("head", ["nade", "bernoulli"])
@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
def test_every_generator_learns_what_comes_next(tmp_path: Path, model: str, head: str) -> None:
    chosen = recipe(max_epochs=40).with_overrides(
        model={"name": model, "dropout": 0.0, "variational": False},
        head={"name": head, "width": None},
    )
    result = train(corpora.corpus(), chosen, tmp_path / "run")
    assert result.reason in ("epochs", "patience")
    generator = checkpoint.load(tmp_path / "run").generator
    likelihood = evaluate(generator, corpora.scales(8, seed=9))
    # A scale's first note is one of twelve; the rest follows from the step before.
    first_notes = math.log(12) * likelihood.sequences / likelihood.steps
    assert likelihood.kind == "exact"
    assert likelihood.pooled_without_step_0 is not None
    assert likelihood.pooled_without_step_0 < 0.3
    assert 0.8 * first_notes < likelihood.pooled < first_notes + 0.4


@pytest.mark.parametrize("chunk_length", [0, 7])
@pytest.mark.parametrize("stop_at", [3, 5, 11])
def test_resuming_gives_the_bits_of_an_unbroken_run(
    tmp_path: Path, chunk_length: int, stop_at: int
) -> None:
    corpus, chosen = corpora.corpus(), recipe(chunk_length=chunk_length)
    whole = train(corpus, chosen, tmp_path / "whole", max_steps=20)
    train(corpus, chosen, tmp_path / "parts", max_steps=stop_at)
    parts = train(corpus, chosen, tmp_path / "parts", resume=True, max_steps=20)
    assert whole.steps == parts.steps == 20
    assert whole.best_nll == parts.best_nll
    for which in ("last", "best"):
        one, other = weights(tmp_path / "whole", which), weights(tmp_path / "parts", which)
        assert all(torch.equal(one[name], other[name]) for name in one)
    optimiser = [load_file(tmp_path / r / "last/training.safetensors") for r in ("whole", "parts")]
    assert all(torch.equal(optimiser[0][name], optimiser[1][name]) for name in optimiser[0])


def test_the_log_has_a_row_per_validation_and_none_of_a_lost_future(tmp_path: Path) -> None:
    corpus, chosen = corpora.corpus(), recipe()
    train(corpus, chosen, tmp_path / "run", max_steps=7)
    log = tmp_path / "run" / "log.csv"
    with log.open("a") as file:
        file.write("a row that a crash wrote after the checkpoint\n")
    train(corpus, chosen, tmp_path / "run", resume=True)
    with log.open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 7))
    assert [int(row["step"]) for row in rows] == list(range(5, 35, 5))
    assert float(rows[-1]["valid_nll"]) < float(rows[0]["valid_nll"])


def test_it_stops_when_asked_and_says_so(tmp_path: Path) -> None:
    seen: list[Status] = []
    result = train(
        corpora.corpus(),
        recipe(),
        tmp_path / "run",
        observer=seen.append,
        should_stop=lambda: len(seen) >= 4,
    )
    assert (result.reason, result.steps) == ("stopped", 4)
    assert (tmp_path / "run" / "last" / "training.json").is_file()


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    chosen = recipe(max_epochs=500, patience=2, learning_rate=1e-12)
    assert train(corpora.corpus(), chosen, tmp_path / "run").reason == "patience"


def test_the_time_budget_ends_a_run_with_a_best_checkpoint(tmp_path: Path) -> None:
    chosen = recipe(max_minutes=1e-9)
    result = train(corpora.corpus(), chosen, tmp_path / "run")
    assert (result.reason, result.steps) == ("time", 1)
    assert checkpoint.load(result.best).notes["step"] == 1


def test_observers_see_progress_and_a_shrinking_eta(tmp_path: Path) -> None:
    seen: list[Status] = []
    train(corpora.corpus(), recipe(patience=99), tmp_path / "run", observer=seen.append)
    assert [s.step for s in seen if s.batch] == list(range(1, 31))
    assert seen[-1].eta_s == 0.0
    assert all(s.steps_per_s > 0 and s.batches == 5 for s in seen)
    assert seen[-1].best_nll == min(s.valid_nll for s in seen if s.valid_nll is not None)


def test_one_piece_can_be_learnt_without_anything_held_out(tmp_path: Path) -> None:
    result = train(corpora.corpus(train=1, valid=0), recipe(), tmp_path / "run")
    assert result.best_nll is not None


def test_the_same_seed_trains_the_same_weights_and_another_does_not(tmp_path: Path) -> None:
    def run(name: str, seed: int) -> Result:
        return train(corpora.corpus(), recipe(max_epochs=1, seed=seed), tmp_path / name)

    run("a", 1), run("b", 1), run("c", 2)
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    corpus = corpora.corpus()
    empty = corpora.corpus(train=1, valid=0)
    empty.splits["train"] = empty.splits["valid"]
    with pytest.raises(InputError, match="no pieces to train on"):
        train(empty, recipe(), tmp_path / "empty")
    with pytest.raises(InputError, match="no run to resume"):
        train(corpus, recipe(), tmp_path / "none", resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="not empty"):
        train(corpus, recipe(), tmp_path / "full")
    with pytest.raises(UsageError, match="categorical head"):
        train(corpus, recipe().with_overrides(head={"name": "categorical"}), tmp_path / "head")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full"]


DDP = """
import sys
from pathlib import Path
from rnnmusic.training.hardware import Hardware
from rnnmusic.training.loop import train
from tests.training import corpora
from tests.training.test_loop import recipe
chosen = recipe(chunk_length=int(sys.argv[2]), max_epochs=3).with_overrides(
    model={"dropout": 0.0, "variational": False})
train(corpora.corpus(), chosen, Path(sys.argv[1]), hardware=Hardware(devices=int(sys.argv[3]),
      strategy="ddp" if sys.argv[3] != "1" else "auto"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("chunk_length", [0, 7])
def test_two_processes_train_what_one_does(tmp_path: Path, chunk_length: int) -> None:
    script = tmp_path / "script.py"
    script.write_text(DDP)
    root = Path(__file__).parents[2]
    for devices in (1, 2):
        run = subprocess.run(
            [sys.executable, script, tmp_path / str(devices), str(chunk_length), str(devices)],
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert run.returncode == 0, run.stderr
    one, two = weights(tmp_path / "1"), weights(tmp_path / "2")
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-5)
    rows = [(tmp_path / d / "log.csv").read_text().splitlines()[1:] for d in "12"]
    for mine, theirs in zip(*rows, strict=True):
        ours, others = ([float(x) for x in row.split(",")[:4]] for row in (mine, theirs))
        assert ours == pytest.approx(others, rel=1e-4)
