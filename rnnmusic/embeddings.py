"""Steps and clocks as the features that a network reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError

#: What the columns of a step are: 0 or 1, ids of categories, or real numbers.
Columns = Literal["binary", "categorical", "real"]

REAL = 0  # the "number of values" of a real-valued column, as encodings have it

#: Columns that hardly vary are measured by this share of what columns vary on average.
SMALLEST_SPREAD = 0.1


def columns_of(sizes: Sequence[int]) -> Columns:
    """What columns of these sizes are; UsageError when real-valued ones stand beside others."""
    if all(size == REAL for size in sizes):
        return "real"
    if REAL in sizes:
        raise UsageError(
            f"Steps of sizes {tuple(sizes)} mix real-valued columns (0) with others; use an "
            "encoding whose columns are of one kind."
        )
    return "binary" if all(size == 2 for size in sizes) else "categorical"


class Standardisation(nn.Module):
    """Real-valued columns in units of their own spread: z = (v - mean) / scale.

    mean and scale (F,) are saved with the weights but aren't trained; `fit` takes them from data,
    before that they are 0 and 1.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("scale", torch.ones(columns))

    @torch.no_grad()
    def fit(self, steps: Tensor) -> None:
        """Take mean and standard deviation of each column from steps (N, F).

        A band that is silent all the time has no spread; it gets a tenth of the usual one, lest
        its first sound be thousands of units away.
        """
        steps = steps.double()
        spread = steps.std(0, correction=0)
        usual = spread.square().mean().sqrt()
        scale = spread.clamp_min(SMALLEST_SPREAD * float(usual))
        self.mean.copy_(steps.mean(0))
        self.scale.copy_(torch.where(scale > 0, scale, 1.0))

    def forward(self, value: Tensor) -> Tensor:
        """v (..., F) -> z (..., F), in the precision of the buffers."""
        return (value.to(self.mean.dtype) - self.mean) / self.scale

    def inverse(self, standard: Tensor) -> Tensor:
        """z (..., F) -> v (..., F)."""
        return self.mean + self.scale * standard


class StepEmbedding(nn.Module):
    """Features of a step and of the metrical position of the one to come.

    Shapes: steps (..., F), clock (..., C) int -> (..., output_size) float. Where every column has
    two values the steps are read as they are, 0 and 1. Real-valued ones (size 0) are standardised,
    by what `fit` has seen. Otherwise each of the F factors has a table of embedding_size numbers
    per value, with one more row for the id `sizes[k]`, the step before the first. Clock columns
    are one-hot.

    output_size: F or F * embedding_size, plus the sum of clock_sizes.
    """

    def __init__(
        self, sizes: Sequence[int], clock_sizes: Sequence[int] = (), *, embedding_size: int = 32
    ) -> None:
        super().__init__()
        if not sizes or min(sizes) < 0 or min((1, *clock_sizes)) < 1 or embedding_size < 1:
            raise UsageError(
                f"An embedding of sizes {tuple(sizes)}, clock sizes {tuple(clock_sizes)} and "
                f"{embedding_size} numbers per value can't be; sizes must be 1 or more, or 0 for "
                "real numbers, and the others 1 or more."
            )
        self.sizes = tuple(sizes)
        self.clock_sizes = tuple(clock_sizes)
        columns = columns_of(sizes)
        has_tables = columns == "categorical"
        self.tables = nn.ModuleList(
            [nn.Embedding(size + 1, embedding_size) for size in sizes] if has_tables else []
        )
        self.standardisation = Standardisation(len(sizes)) if columns == "real" else None
        # Says which precision the features have, also where there are no tables.
        self._unit: Tensor
        self.register_buffer("_unit", torch.ones(()), persistent=False)
        #: Features of the step itself; those of the clock come after them.
        self.step_columns = len(sizes) * (embedding_size if has_tables else 1)
        self.output_size = self.step_columns + sum(clock_sizes)

    def fit(self, steps: Tensor) -> None:
        """Measure real-valued columns by those of steps (N, F); others need no measure."""
        if self.standardisation is not None:
            self.standardisation.fit(steps)

    def forward(self, steps: Tensor, clock: Tensor) -> Tensor:
        """steps (..., F) and clock (..., C) -> features (..., output_size); C may be 0."""
        given = (steps.shape[-1], *clock.shape)
        if given != (len(self.sizes), *steps.shape[:-1], len(self.clock_sizes)):
            raise UsageError(
                f"Steps {tuple(steps.shape)} don't fit clock {tuple(clock.shape)}; they need "
                f"{len(self.sizes)} and {len(self.clock_sizes)} columns and the same dimensions "
                "before them."
            )
        if self.standardisation is not None:
            features = [self.standardisation(steps)]
        elif not self.tables:
            features = [steps.to(self._unit.dtype)]
        else:
            columns = zip(self.tables, steps.long().unbind(-1), strict=True)
            features = [table(column) for table, column in columns]
        for size, position in zip(self.clock_sizes, clock.long().unbind(-1), strict=True):
            features.append(F.one_hot(position, size).to(self._unit.dtype))
        return torch.cat(features, dim=-1)
