"""Rows on the polyphonic benchmark sets: any generator, trained for so long, judged on test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from rnnmusic import checkpoint
from rnnmusic.corpus import Corpus
from rnnmusic.errors import InputError, RnnMusicError
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.generator import Generator
from rnnmusic.training.evaluation import evaluate
from rnnmusic.training.loop import train
from rnnmusic.training.recipe import Recipe

Set = Literal["jsb", "nottingham"]

POOLED = "nats per frame, test, pooled, frame 0 in, exact"


def corpus(setting: Setting, name: Set) -> Corpus:
    """A benchmark set of the setting; InputError where there is none."""
    if setting.data is None or not (setting.data / f"{name}.npz").exists():
        raise InputError(
            f"This row is measured on {name}.npz; give the folder that holds it with --data."
        )
    return Corpus.open(setting.data / f"{name}.npz")


def trained(
    name: Set,
    *,
    minutes: float,
    quick_minutes: float,
    before_test: Callable[[Generator], None] | None = None,
    **tables: dict[str, Any],
) -> Callable[[Setting], Measured]:
    """A row's `run`: train by a recipe of these tables, evaluate the best checkpoint on test.

    before_test: done to the generator in between.
    """

    def run(setting: Setting) -> Measured:
        data = corpus(setting, name)
        budget = minutes if setting.variant == "full" else quick_minutes
        # The epochs end by time alone.
        given = {"max_minutes": budget, "seed": setting.seed, "patience": 1_000_000}
        training = {**given, **tables.get("training", {})}
        recipe = Recipe().with_overrides(**{**tables, "training": training})
        with tempfile.TemporaryDirectory() as folder:
            result = train(data, recipe, Path(folder) / "run", should_stop=setting.should_stop)
            if result.reason == "stopped":  # judging may take as long again
                raise RnnMusicError("It was stopped before it could be judged.")
            generator = checkpoint.load(result.best).generator
            if before_test is not None:
                before_test(generator)
            likelihood = evaluate(generator, data.splits["test"])
        note = f"validation {result.best_nll:.3f}" if result.best_nll is not None else ""
        if likelihood.kind != "exact":
            note = f"{likelihood.kind}; {note}"
        return Measured(likelihood.pooled, generator.parameter_count, result.elapsed_s, note)

    return run


def jsb_row(
    flavour: str,
    family: str,
    *,
    limit: float | None = None,
    paper: float | None = None,
    source: str = "",
    size: int = 256,
    minutes: float = 2.8,
    dropout: float = 0.3,
    variational: bool = False,
    learning_rate: float = 3e-3,
    weight_decay: float = 0.0,
    head: str = "bernoulli",
    **options: Any,
) -> Row:
    """A flavour on JSB: one layer, dropout, averaged weights, independent outputs unless said.

    The settings are the same for all flavours where a row doesn't give its own, which were chosen
    on the validation split.
    """
    run = trained(
        "jsb",
        minutes=minutes,
        quick_minutes=0.4,
        model={
            "name": flavour,
            "size": size,
            "dropout": dropout,
            "variational": variational,
            "options": options,
        },
        head={"name": head},
        training={
            "learning_rate": learning_rate,
            "weight_decay": weight_decay,
            "average_decay": 0.99,
        },
    )
    return Row(flavour, family, "jsb", POOLED, run, limit, "lower", paper, source, "jsb")
