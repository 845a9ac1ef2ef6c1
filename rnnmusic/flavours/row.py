"""A row of the table: one flavour on one task, beside what its paper says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from rnnmusic.learning.supervised import FitConfig, never

#: Minutes on two cores for all rows, or what the papers' figures take.
Variant = Literal["quick", "full"]


class Setting(NamedTuple):
    """What a row is run with. data: a folder with jsb.npz and nottingham.npz, if there is one.
    should_stop: asked after every update, ends what takes long."""

    variant: Variant
    seed: int
    data: Path | None
    should_stop: Callable[[], bool] = never

    def of(self, config: FitConfig) -> FitConfig:
        """The same way of learning with this seed and this stop."""
        return replace(config, seed=self.seed, should_stop=self.should_stop)


class Measured(NamedTuple):
    """What came out: the figure, trained numbers, seconds of training, and a word about it."""

    value: float
    parameters: int
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One measurement of the table.

    measure: what the figure is, honest about likelihoods: "nats per frame, pooled, exact". paper:
    its figure there and who says so. limit: what it has to reach in the full variant, from below
    or above. needs: the benchmark set that it is measured on.
    """

    flavour: str
    family: str
    task: str
    measure: str
    run: Callable[[Setting], Measured]
    limit: float | None = None
    better: Literal["lower", "higher"] = "lower"
    paper: float | None = None
    source: str = ""
    needs: Literal["jsb", "nottingham"] | None = None
    quick: bool = True  # whether it is part of the quick variant

    @property
    def key(self) -> str:
        """Its name on the command line."""
        return f"{self.flavour}:{self.task}"

    def holds(self, value: float) -> bool | None:
        """Whether a figure is within the limit; None where there is none."""
        if self.limit is None:
            return None
        return value <= self.limit if self.better == "lower" else value >= self.limit
