"""Countdown: what is to come, which only the future can tell."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.tasks.protocol import Examples, Task


class Countdown(Task):
    """Say at every step how far it is to the next mark, as one would count down to a phrase's end.

    Each step is marked (1) with probability `density`, or else 0. Classes 0 .. limit: the number of
    steps to the next mark, 0 at a mark itself, `limit` for that many, for more, and where no mark
    follows. Rows have between half of `length` and `length` steps.
    """

    name = "countdown"
    measure = "accuracy"
    is_symbolic = True
    is_classification = True
    paper = "ours"

    def __init__(self, length: int = 60, *, density: float = 0.1, limit: int = 8) -> None:
        if min(length, limit) < 1 or not 0.0 < density < 1.0:
            raise UsageError(
                f"Counting down {limit} in {length} steps with marks of density {density} can't "
                "be; give 1 or more of both, and a density between 0 and 1."
            )
        self.length, self.density, self.limit = length, density, limit
        self.input_size, self.output_size = 2, limit + 1

    @property
    def memoryless(self) -> float:
        """Knowing marks, and saying of all other steps whichever is likelier: far, or the next.

        No memory of the past does better, but for that of how long a row has been.
        """
        blank, steps, far, near = 1.0 - self.density, 0, 0.0, 0.0
        for length in range((self.length + 1) // 2, self.length + 1):
            steps += length
            far += sum(blank ** min(self.limit, left) for left in range(1, length + 1))
            near += (length - 1) * self.density * blank
        return self.density + max(far, near if self.limit > 1 else 0.0) / steps

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        """inputs (B, T) of 0 and 1, targets (B, T), 0 past a row's end."""
        marked = torch.rand(count, self.length, generator=rng) < self.density
        half = (self.length + 1) // 2
        lengths = torch.randint(half, self.length + 1, (count,), generator=rng)
        inside = torch.arange(self.length) < lengths.unsqueeze(1)
        marked = marked & inside
        distance = torch.full((count,), self.limit)
        targets = []
        for t in reversed(range(self.length)):
            distance = torch.where(marked[:, t], 0, (distance + 1).clamp_max(self.limit))
            targets.append(distance)
        wanted: Tensor = torch.stack(targets[::-1], dim=1)
        return Examples(marked.long(), torch.where(inside, wanted, 0), inside, lengths=lengths)
