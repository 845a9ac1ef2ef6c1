"""Rows of the multiaxis family over time x pitch."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from rnnmusic import recurrent
from rnnmusic.flavours.music import POOLED, Set, trained
from rnnmusic.flavours.row import Measured, Row, Setting

#: Nats per frame of JSB with independent notes by an LSTM: what sharing weights has to beat.
LSTM_JSB = 8.36
JOHNSON = "Johnson 2017, biaxial; another way of counting may be behind it"


def _transposition(flavour: str) -> Row:
    """Music and the same music so many semitones higher: rows differ by that shift alone."""
    pitches, margin, frames = 88, 12, 64

    def run(setting: Setting) -> Measured:
        begun = time.monotonic()
        torch.manual_seed(setting.seed)
        # pitch_class would tell a pitch where it is.
        net = recurrent.build(flavour, pitches, 32, columns=pitches, pitch_class=False).eval()
        notes = (torch.rand(4, frames, pitches) < 0.05).float()
        notes[:, :, :margin] = notes[:, :, -margin:] = 0.0

        def rows(x: Tensor) -> Tensor:
            outputs: Tensor = net(x)[0]
            return outputs.view(*x.shape, -1)

        with torch.no_grad():
            plain, worst = rows(notes), 0.0
            for shift in range(1, margin + 1):
                moved = rows(notes.roll(shift, 2))
                worst = max(worst, float((moved[:, :, shift:] - plain[:, :, :-shift]).abs().max()))
        count = sum(p.numel() for p in net.parameters())
        return Measured(worst, count, time.monotonic() - begun, "shifts by 1 to 12 semitones")

    source = "Johnson 2017"
    measure = "largest difference of outputs"
    return Row(flavour, "multiaxis", "transposition", measure, run, 1e-6, "lower", None, source)


def _music(
    flavour: str,
    data: Set,
    head: dict[str, Any],
    minutes: float,
    limit: float,
    paper: float | None = None,
    *,
    size: int = 64,
    max_length: int = 1024,
) -> Row:
    """A likelihood. Half a minute is two epochs, which says nothing: there is no quick form."""
    run = trained(
        data,
        minutes=minutes,
        quick_minutes=minutes,
        model={"name": flavour, "size": size, "dropout": 0.1},
        head=head,
        data={"batch_size": 2, "max_length": max_length},
        training={"learning_rate": 1e-2, "average_decay": 0.995},
    )
    task = f"{data}-{head['name']}"
    source = JOHNSON if paper is not None else ""
    return Row(
        flavour,
        "multiaxis",
        task,
        POOLED,
        run,
        limit,
        paper=paper,
        source=source,
        needs=data,
        quick=False,
    )


ROWS: list[Row] = [
    _transposition("tied-parallel"),
    _music("tied-parallel", "jsb", {"name": "tied"}, 2.8, LSTM_JSB, size=48),
    _music("spatial", "jsb", {"name": "tied"}, 6.0, LSTM_JSB, size=32),
    _music("tied-parallel", "jsb", {"name": "pitch-axis", "width": 64}, 10.0, 5.10, 5.05),
    _music(
        "tied-parallel",
        "nottingham",
        {"name": "pitch-axis", "width": 64},
        25.0,
        1.75,
        1.55,
        max_length=128,
    ),
]
