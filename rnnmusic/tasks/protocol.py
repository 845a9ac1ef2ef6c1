"""What the tasks of the literature have in common: examples to draw, and a score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.errors import UsageError

#: What a score is. Of the first higher is better, of the others lower.
Score = Literal["accuracy", "cross-entropy", "mse", "nrmse"]


class Examples(NamedTuple):
    """B sequences of T steps, padded at their ends.

    inputs: (B, T, D) real, or (B, T) int64 symbols. targets: (B, T, F) real, or (B, T) int64
    classes. mask (B, T) bool: the steps whose targets are taught and scored. dt (B, T): the time
    since the step before; None: 1 everywhere. lengths (B,): None where all rows have T steps.
    units (B, T, F) bool: which of a step's numbers are taught and scored; None: all of them.
    """

    inputs: Tensor
    targets: Tensor
    mask: Tensor
    dt: Tensor | None = None
    lengths: Tensor | None = None
    units: Tensor | None = None


class Task(ABC):
    """Sequences made by a rule that takes memory to find out.

    input_size: numbers per step, or how many symbols there are (`is_symbolic`). output_size:
    numbers per step, or how many classes there are (`is_classification`).
    """

    name: ClassVar[str]
    measure: ClassVar[Score]
    is_symbolic: ClassVar[bool] = False
    is_classification: ClassVar[bool] = False
    #: Where the task comes from.
    paper: ClassVar[str]

    input_size: int
    output_size: int

    @property
    @abstractmethod
    def memoryless(self) -> float:
        """The best score that can be had without memory."""

    @abstractmethod
    def draw(self, count: int, rng: torch.Generator) -> Examples:
        """`count` fresh sequences."""

    def loss(self, outputs: Tensor, examples: Examples) -> Tensor:
        """Mean over the taught steps of outputs (B, T, output_size): cross-entropy in nats, or the
        squared error per number."""
        given, wanted = taught(outputs, examples)
        if self.is_classification:
            return F.cross_entropy(given, wanted)
        return F.mse_loss(given, wanted)

    def score(self, outputs: Tensor, examples: Examples) -> float:
        """`measure` of outputs (B, T, output_size), over the scored steps."""
        given, wanted = taught(outputs, examples)
        if self.measure == "accuracy":
            return float((given.argmax(-1) == wanted).double().mean())
        if self.measure == "nrmse":
            errors = F.mse_loss(given.double(), wanted.double()).sqrt()
            return float(errors / wanted.double().std(correction=0))
        return float(
            self.loss(outputs.double(), examples._replace(targets=_double(examples.targets)))
        )

    def is_better(self, score: float, than: float) -> bool:
        """Whether one score is better than another."""
        return score > than if self.measure == "accuracy" else score < than


def taught(outputs: Tensor, examples: Examples) -> tuple[Tensor, Tensor]:
    """Outputs and targets of the taught steps, (N, F) and (N, F) or classes (N,).

    Of those units alone, (M,) each, where the examples name some.
    """
    given, wanted = outputs[examples.mask], examples.targets[examples.mask]
    if examples.units is None:
        return given, wanted
    if not wanted.is_floating_point():
        raise UsageError("Classes have no units to teach some of; leave `units` out.")
    chosen = examples.units[examples.mask]
    return given[chosen], wanted[chosen]


def _double(targets: Tensor) -> Tensor:
    return targets.double() if targets.is_floating_point() else targets


def only_last(mask: Tensor, lengths: Tensor | None = None, *, count: int = 1) -> Tensor:
    """The mask (B, T) of the last `count` steps of each row, among those of `mask`: many to one."""
    time = mask.shape[1]
    end = torch.full((len(mask), 1), time) if lengths is None else lengths.view(-1, 1)
    steps = torch.arange(time, device=mask.device)
    return mask & (steps < end) & (steps >= end - count)
