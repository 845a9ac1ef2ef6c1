"""What a fit says about itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rnnmusic.filters.analysis import Certificate
from rnnmusic.filters.fit.systems import simulated_error, spectra_of
from rnnmusic.filters.fit.targets import Levels, Recording, Response
from rnnmusic.filters.forms import Form

#: Below this nothing can be said of a level: log10 of 0 isn't a number.
_TINY = 1e-300


@dataclass(frozen=True)
class Score:
    """How far a filter is from its target.

    max_error_db and rms_error_db: of the level at the target's frequencies, weights left out; None
    for a recording. error_to_signal_db: RMS of the complex or of the output's error to that of the
    target; None for levels. All None where the filter is unstable.
    """

    max_error_db: float | None = None
    rms_error_db: float | None = None
    error_to_signal_db: float | None = None

    def in_one_number(self) -> float:
        """The figure to rank by, in dB: the RMS error of levels, or error to signal."""
        figure = self.error_to_signal_db if self.rms_error_db is None else self.rms_error_db
        return np.inf if figure is None else figure


@dataclass(frozen=True)
class Baseline:
    """What a classical method made of the same target at the same order."""

    name: str
    score: Score
    is_stable: bool
    cpu_s: float
    problem: str | None = None


@dataclass(frozen=True)
class Report:
    """A fit in figures.

    starts: what each start of the search reached (largest error in dB, or error to signal from 0 to
    1): where even the best is far from the target, the order can't do it, as far as is known.
    orders: of each order tried the error on held-out data. pole_radius: the largest, as designed;
    certificate: whether the form is stable with its coefficients rounded to float32.
    """

    target: str
    method: str
    order: int
    score: Score
    pole_radius: float
    certificate: Certificate
    starts: dict[str, float]
    baselines: tuple[Baseline, ...]
    orders: dict[int, float]
    cpu_s: float
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The figures as objects that JSON can hold: what isn't finite is None."""
        cleaned: dict[str, Any] = _clean(asdict(self))
        return cleaned


def score(form: Form, target: Levels | Response | Recording) -> Score:
    """How far a form is from a target."""
    if isinstance(target, Recording):
        error = simulated_error(form, spectra_of(target))
        return Score(error_to_signal_db=_db(error))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        response = form.response(target.omega)
        level = 20 * np.log10(np.maximum(abs(response), _TINY))
    if isinstance(target, Levels):
        error_db = level - target.level_db
        error_db = np.where(target.is_ceiling, np.maximum(error_db, 0), error_db)
        return _levels(error_db[target.weight > 0])
    weight = spectra_of(target).weight
    aim = 20 * np.log10(np.maximum(abs(target.response), _TINY))
    misses = np.linalg.norm(weight * (response - target.response))
    found = _levels((level - aim)[target.response != 0])
    relative = float(misses / np.linalg.norm(weight * target.response))
    return Score(found.max_error_db, found.rms_error_db, _db(relative))


def _levels(error_db: Any) -> Score:
    if not np.isfinite(error_db).all():
        return Score()
    return Score(float(abs(error_db).max()), float(np.sqrt(np.mean(error_db**2))))


def _db(ratio: float) -> float | None:
    return float(20 * np.log10(max(ratio, 1e-20))) if np.isfinite(ratio) else None


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
