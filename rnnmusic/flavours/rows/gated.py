"""Rows of the gated family."""

from __future__ import annotations

from rnnmusic.flavours.music import POOLED, trained
from rnnmusic.flavours.on_tasks import learned
from rnnmusic.flavours.row import Row
from rnnmusic.learning import FitConfig
from rnnmusic.tasks import Adding


def _jsb(flavour: str, size: int, limit: float, paper: float) -> Row:
    run = trained(
        "jsb",
        minutes=2.8,
        quick_minutes=0.5,
        model={"name": flavour, "size": size, "dropout": 0.3},
        head={"name": "bernoulli"},
        training={"learning_rate": 3e-3, "average_decay": 0.99},
    )
    source = "Chung et al. 2014"
    return Row(flavour, "gated", "jsb", POOLED, run, limit, "lower", paper, source, "jsb")


ROWS: list[Row] = [
    _jsb("rnn", 256, 8.85, 9.10),
    _jsb("lstm", 256, 8.50, 8.67),
    _jsb("gru", 256, 8.50, 8.54),
    Row(
        "lstm",
        "gated",
        "adding-200",
        "mse",
        learned(
            "lstm",
            Adding(200),
            64,
            FitConfig(updates=4000, seconds=110, learning_rate=5e-3, target=8e-4),
            FitConfig(updates=4000, seconds=30, learning_rate=5e-3, target=8e-4),
            quick_task=Adding(50),
        ),
        limit=1e-3,
        source="Hochreiter and Schmidhuber 1997",
    ),
]
