"""Filters learned from any target: levels, responses, recordings, decays."""

from __future__ import annotations

from rnnmusic.filters.fit.fitting import Fit, fit
from rnnmusic.filters.fit.reading import SoundAs, read_target
from rnnmusic.filters.fit.report import Baseline, Report, Score
from rnnmusic.filters.fit.targets import Decay, Levels, Recording, Response, Target

__all__ = [
    "Baseline",
    "Decay",
    "Fit",
    "Levels",
    "Recording",
    "Report",
    "Response",
    "Score",
    "SoundAs",
    "Target",
    "fit",
    "read_target",
]
