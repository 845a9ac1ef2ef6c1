"""The record of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnmusic.errors import UsageError
from rnnmusic.training.log import tensorboard_logger
from rnnmusic.training.loop import train
from tests.training import corpora
from tests.training.test_loop import recipe


def test_tensorboard_has_every_validation(tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="TensorBoard is an extra",
    )
    train(corpora.corpus(), recipe(max_epochs=3), tmp_path / "run", tensorboard=True)
    folder = next((tmp_path / "run" / "tensorboard").iterdir())
    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    assert [e.step for e in events.Scalars("valid_nll")] == [5, 10, 15]


def test_without_tensorboard_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning_fabric.loggers import tensorboard

    monkeypatch.setattr(tensorboard, "_TENSORBOARD_AVAILABLE", False)
    monkeypatch.setattr(tensorboard, "_TENSORBOARDX_AVAILABLE", False)
    with pytest.raises(UsageError, match=r"rnnmusic\[tensorboard\]"):
        tensorboard_logger(tmp_path)
