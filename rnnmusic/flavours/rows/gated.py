"""Rows of the gated family."""

from __future__ import annotations

from typing import Any

from rnnmusic.flavours.music import jsb_row
from rnnmusic.flavours.on_tasks import learned
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.learning import FitConfig
from rnnmusic.tasks import Adding, FrequencyDiscrimination, Parity, Reversal

_CHUNG = "Chung et al. 2014"
_ADDING = "Hochreiter and Schmidhuber 1997"
_NEIL = "Neil et al. 2016"


def _jsb(flavour: str, limit: float, paper: float, **settings: Any) -> Row:
    """Regularised as they need it: without, these remember the 229 chorales in half a minute."""
    return jsb_row(flavour, "gated", limit=limit, paper=paper, source=_CHUNG, **settings)


def _adding(flavour: str, learning_rate: float = 5e-3) -> Row:
    full = FitConfig(updates=6000, seconds=110, learning_rate=learning_rate, target=8e-4)
    quick = FitConfig(updates=6000, seconds=15, learning_rate=learning_rate, target=8e-4)
    run = learned(flavour, Adding(200), 64, full, quick, quick_task=Adding(50))
    return Row(flavour, "gated", "adding-200", "mse", run, 1e-3, source=_ADDING)


def _parity(flavour: str) -> Row:
    """Taught at every step."""
    config = FitConfig(updates=600, seconds=18, learning_rate=1e-2, target=0.9999, check_every=50)
    run = learned(flavour, Parity(50, every_step=True), 32, config, config)
    return Row(
        flavour, "gated", "parity-50", "accuracy", run, 0.99, "higher", source="Beck et al. 2024"
    )


def _frequencies(
    flavour: str, limit: float | None, paper: float, *, clock: bool, **options: Any
) -> Row:
    full = FitConfig(
        updates=1600,
        seconds=480,
        batch_size=64,
        learning_rate=5e-3,
        final_rate=0.05,
        tests=2048,
    )
    run = learned(flavour, FrequencyDiscrimination(clock=clock), 110, full, full, **options)
    return Row(
        flavour,
        "gated",
        "frequency-discrimination",
        "accuracy, asynchronous",
        run,
        limit,
        "higher",
        paper,
        _NEIL,
        quick=False,
    )


def _over_a_stack(setting: Setting) -> Measured:
    """Accuracy over that of a larger plain stack of two LSTMs, after as many updates; and the same
    of GRUs, which don't gain."""
    task, config = Reversal(8, symbols=8), FitConfig(updates=500, learning_rate=5e-3, tests=512)
    gained, told, parameters, seconds = [], [], 0, 0.0
    for cell in ("lstm", "gru"):
        fed = learned("gated-feedback", task, 48, config, config, cell=cell)(setting)
        plain = learned(cell, task, 56, config, config, layers=2)(setting)
        gained.append(fed.value - plain.value)
        told.append(f"{cell} {fed.value:.3f} against {plain.value:.3f}")
        parameters = parameters or fed.parameters
        seconds += fed.seconds + plain.seconds
    note = f"{'; '.join(told)}; the figure is the LSTM's"
    return Measured(gained[0], parameters, seconds, note)


ROWS: list[Row] = [
    _jsb("rnn", 8.85, 9.10, size=200, variational=True, weight_decay=0.02),
    _jsb("lstm", 8.50, 8.67, dropout=0.5, learning_rate=8e-3, weight_decay=0.05),
    _jsb("gru", 8.50, 8.54, dropout=0.5, learning_rate=8e-3, weight_decay=0.05),
    *map(_adding, ("lstm", "gru", "gru-before")),
    _adding("peephole-lstm", 1e-2),
    _parity("slstm"),
    Row(
        "gated-feedback",
        "gated",
        "reversal-8",
        "accuracy over an LSTM stack's",
        _over_a_stack,
        0.0,
        "higher",
        source="Chung et al. 2015",
    ),
    _frequencies("phased-lstm", 0.95, 0.98, clock=False, open_ratio=0.1),
    _frequencies("lstm", None, 0.69, clock=True),
]
