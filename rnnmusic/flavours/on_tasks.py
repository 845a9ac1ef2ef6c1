"""Rows on the tasks of the literature: a stack of a flavour and a readout, by BPTT."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from rnnmusic import recurrent
from rnnmusic.flavours.row import Measured, Setting
from rnnmusic.learning import FitConfig, features_of, fit, model_for
from rnnmusic.tasks import Task


def learned(
    flavour: str,
    task: Task,
    size: int,
    full: FitConfig,
    quick: FitConfig,
    *,
    layers: int = 1,
    embedding_size: int | None = None,
    quick_task: Task | None = None,
    **options: Any,
) -> Callable[[Setting], Measured]:
    """A row's `run`: fit a fresh network to the task; quick_task where quick is another size."""

    def run(setting: Setting) -> Measured:
        is_full = setting.variant == "full"
        config = full if is_full else quick
        chosen = task if is_full or quick_task is None else quick_task
        torch.manual_seed(setting.seed)
        network = recurrent.build(
            flavour, features_of(chosen, embedding_size), size, layers=layers, **options
        )
        model = model_for(chosen, network, embedding_size=embedding_size)
        found = fit(model, chosen, setting.of(config))
        note = f"{found.updates} updates"
        if chosen is not task:
            sizes = ", ".join(f"{key} {value}" for key, value in vars(chosen).items())
            note = f"easier than the full one ({sizes}); {note}"
        return Measured(found.score, found.parameters, found.seconds, note)

    return run
