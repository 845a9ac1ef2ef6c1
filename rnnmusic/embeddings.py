"""Steps and clocks as the features that a network reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError


class StepEmbedding(nn.Module):
    """Features of a step and of the metrical position of the one to come.

    Shapes: steps (..., F) int, clock (..., C) int -> (..., output_size) float. Where every column
    has two values the steps are read as they are, 0 and 1. Otherwise each of the F factors has a
    table of embedding_size numbers per value, with one more row for the id `sizes[k]`, the step
    before the first. Clock columns are one-hot.

    output_size: F or F * embedding_size, plus the sum of clock_sizes.
    """

    def __init__(
        self, sizes: Sequence[int], clock_sizes: Sequence[int] = (), *, embedding_size: int = 32
    ) -> None:
        super().__init__()
        if not sizes or min((*sizes, *clock_sizes)) < 1 or embedding_size < 1:
            raise UsageError(
                f"An embedding of sizes {tuple(sizes)}, clock sizes {tuple(clock_sizes)} and "
                f"{embedding_size} numbers per value can't be; all must be 1 or more."
            )
        self.sizes = tuple(sizes)
        self.clock_sizes = tuple(clock_sizes)
        is_binary = all(size == 2 for size in sizes)
        self.tables = nn.ModuleList(
            [] if is_binary else [nn.Embedding(size + 1, embedding_size) for size in sizes]
        )
        # Says which precision the features have, also where there are no tables.
        self._unit: Tensor
        self.register_buffer("_unit", torch.ones(()), persistent=False)
        self.output_size = len(sizes) * (1 if is_binary else embedding_size) + sum(clock_sizes)

    def forward(self, steps: Tensor, clock: Tensor) -> Tensor:
        """steps (..., F) and clock (..., C) -> features (..., output_size); C may be 0."""
        given = (steps.shape[-1], *clock.shape)
        if given != (len(self.sizes), *steps.shape[:-1], len(self.clock_sizes)):
            raise UsageError(
                f"Steps {tuple(steps.shape)} don't fit clock {tuple(clock.shape)}; they need "
                f"{len(self.sizes)} and {len(self.clock_sizes)} columns and the same dimensions "
                "before them."
            )
        if not self.tables:
            features = [steps.to(self._unit.dtype)]
        else:
            columns = zip(self.tables, steps.long().unbind(-1), strict=True)
            features = [table(column) for table, column in columns]
        for size, position in zip(self.clock_sizes, clock.long().unbind(-1), strict=True):
            features.append(F.one_hot(position, size).to(self._unit.dtype))
        return torch.cat(features, dim=-1)
