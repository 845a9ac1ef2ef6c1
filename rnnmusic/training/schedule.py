"""The learning rate of a step, a pure function of the recipe and the progress of the run."""

from __future__ import annotations

import math

from rnnmusic.training.recipe import TrainingConfig
from rnnmusic.training.state import Progress


def learning_rate(training: TrainingConfig, progress: Progress, batches_per_epoch: int) -> float:
    """Learning rate of the next step: base x plateau scale x cosine x warm-up."""
    rate = training.learning_rate * progress.rate_scale
    if training.schedule == "cosine":
        total = training.max_epochs * batches_per_epoch
        rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, progress.step / total)))
    if training.warmup_steps:
        rate *= min(1.0, (progress.step + 1) / training.warmup_steps)
    return rate


def kl_weight(training: TrainingConfig, progress: Progress) -> float:
    """How much the KL of latent variables counts in the next step (Bowman et al. 2016)."""
    if not training.kl_warmup_steps:
        return 1.0
    return min(1.0, (progress.step + 1) / training.kl_warmup_steps)


def after_validation(training: TrainingConfig, progress: Progress, nll: float) -> bool:
    """Note a validation in the progress (plateau and patience too); True if it is the best."""
    improved = progress.best_nll is None or nll < progress.best_nll
    if improved:
        progress.best_nll, progress.best_step = nll, progress.step
        progress.validations_since_best = 0
        return True
    progress.validations_since_best += 1
    stuck = progress.validations_since_best % training.plateau_patience == 0
    if training.schedule == "plateau" and stuck:
        progress.rate_scale *= 0.5
    if progress.validations_since_best >= training.patience:
        progress.finished = "patience"
    return False
