"""Rows of the family with a memory read by content."""

from __future__ import annotations

import time

import torch

from rnnmusic.flavours.music import jsb_row
from rnnmusic.flavours.on_tasks import learned
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.learning import FitConfig
from rnnmusic.recurrent import build
from rnnmusic.recurrent.protocol import Recurrent
from rnnmusic.tasks import SelectiveCopy

_FULL = FitConfig(updates=100_000, seconds=170, learning_rate=3e-3, target=0.995)
_QUICK = FitConfig(updates=100_000, seconds=15, learning_rate=5e-3, target=0.995)


def _one_form(setting: Setting) -> Measured:
    """Chunked against stepped, of all three, in float64."""
    begun, largest = time.monotonic(), 0.0
    for name in ("attention", "linear-attention", "gated-delta"):
        torch.manual_seed(setting.seed)
        network = build(name, 16, 32).double()
        x = torch.randn(4, 200, 16, dtype=torch.float64)
        with torch.no_grad():
            whole, stepped = network(x)[0], Recurrent.forward(network, x)[0]
        largest = max(largest, float((whole - stepped).abs().max()))
    return Measured(largest, 0, time.monotonic() - begun, "all three, 200 steps, float64")


def _selective(flavour: str) -> Row:
    return Row(
        flavour,
        "memory",
        "selective-copy-64",
        "accuracy of 8 of 16 symbols among 64 steps",
        learned(
            flavour,
            SelectiveCopy(64, symbols=16, remembered=8),
            64,
            _FULL,
            _QUICK,
            layers=2,
            embedding_size=32,
            quick_task=SelectiveCopy(16, symbols=8, remembered=3),
        ),
        better="higher",
        source="Gu and Dao 2023",
    )


ROWS: list[Row] = [
    Row(
        "gated-delta",
        "memory",
        "chunked-is-stepped",
        "largest difference of the two forms",
        _one_form,
        limit=1e-10,
    ),
    *(_selective(name) for name in ("attention", "linear-attention", "gated-delta")),
    *(jsb_row(name, "memory") for name in ("attention", "linear-attention", "gated-delta")),
]
