"""Rows of the orthogonal family."""

from __future__ import annotations

import torch

from rnnmusic.flavours.music import jsb_row
from rnnmusic.flavours.on_tasks import learned
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.learning import FitConfig, features_of, fit, model_for
from rnnmusic.recurrent import build
from rnnmusic.recurrent.orthogonal import OrthogonalRnn
from rnnmusic.tasks import CopyMemory

_QUICK = FitConfig(updates=400, seconds=15, learning_rate=1e-3, batch_size=20, tests=64)


def _copying(seconds: float) -> FitConfig:
    return FitConfig(
        updates=100_000, seconds=seconds, learning_rate=1e-3, batch_size=20, tests=64, target=1e-3
    )


def _departure(setting: Setting) -> Measured:
    """How far Q is from orthogonal after as many updates as the weights can bear."""
    task = CopyMemory(50)
    largest, seconds, parameters = 0.0, 0.0, 0
    for how in ("cayley", "householder", "rotations"):
        torch.manual_seed(setting.seed)
        network = build("orthogonal", features_of(task), 64, map=how)
        model = model_for(task, network)
        config = FitConfig(updates=100, learning_rate=1e-2, batch_size=20)
        found = fit(model, task, setting.of(config))
        layer = network.layers[0]
        if isinstance(layer, OrthogonalRnn):
            q = layer.matrix().detach().double()
            largest = max(largest, float((q.T @ q - torch.eye(64)).abs().max()))
        seconds, parameters = seconds + found.seconds, found.parameters
    note = "the largest of cayley, householder and rotations, in float32, after 100 updates each"
    return Measured(largest, parameters, seconds, note)


ROWS: list[Row] = [
    Row(
        "orthogonal",
        "orthogonal",
        "orthogonality",
        "largest number of Q'Q - 1 after training",
        _departure,
        limit=1e-6,
    ),
    Row(
        "orthogonal",
        "orthogonal",
        "copy-1000",
        "cross-entropy, nats per step",
        learned(
            "orthogonal",
            CopyMemory(1000),
            128,
            _copying(240),
            _QUICK,
            quick_task=CopyMemory(100),
        ),
        limit=0.0204,  # what knows when, but not what: the LSTM's
        source="Arjovsky et al. 2016; Helfrich et al. 2018",
    ),
    jsb_row("orthogonal", "orthogonal"),
    jsb_row("lossless", "orthogonal"),
]
