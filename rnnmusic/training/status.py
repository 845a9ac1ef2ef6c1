"""What an observer of a run sees, and how fast it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rnnmusic.training.recipe import TrainingConfig
from rnnmusic.training.state import Progress


@dataclass(frozen=True)
class Status:
    """A run after an optimiser step or a validation. Likelihoods are nats per step of music."""

    step: int  # optimiser steps so far
    epoch: int
    batch: int
    batches: int  # of this epoch
    train_nll: float  # pooled since the last validation
    valid_nll: float | None  # pooled, at the last validation
    best_nll: float | None
    learning_rate: float
    steps_per_s: float
    elapsed_s: float
    eta_s: float | None  # None where only patience ends the run


Observer = Callable[[Status], None]


class Pace:
    """The wall clock of a run over all its resumes."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._first_step = progress.step
        self._session_start_s = time.monotonic()
        self._run_start_s = self._session_start_s - progress.elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Seconds of training so far, earlier sessions included."""
        return time.monotonic() - self._run_start_s

    @property
    def steps_per_s(self) -> float:
        """Optimiser steps per second of this session, validations included."""
        session_s = time.monotonic() - self._session_start_s
        return (self._progress.step - self._first_step) / max(session_s, 1e-9)

    def is_over(self, training: TrainingConfig) -> bool:
        """Whether the recipe's time is used up."""
        return bool(training.max_minutes) and self.elapsed_s >= 60 * training.max_minutes

    def eta_s(self, training: TrainingConfig, batches: int) -> float | None:
        """Seconds to the end, or None when neither time nor epochs will end the run first."""
        p = self._progress
        left = []
        if training.max_minutes:
            left.append(60 * training.max_minutes - self.elapsed_s)
        if training.patience >= training.max_epochs or training.max_minutes:
            steps = (training.max_epochs - p.epoch) * batches - p.batch
            left.append(steps / max(self.steps_per_s, 1e-9))
        return max(0.0, min(left)) if left else None
