"""Small models and tasks that several tests of learning share."""

from __future__ import annotations

import torch

from rnnmusic.learning import SequenceModel, model_for
from rnnmusic.recurrent import build
from rnnmusic.tasks import Adding, Examples, Task


class Echo(Task):
    """Say the sum of this step's input and the one before: it takes a memory of one step."""

    name = "echo"
    measure = "mse"
    paper = "none"

    def __init__(self, length: int = 8) -> None:
        self.length = length
        self.input_size = self.output_size = 1

    @property
    def memoryless(self) -> float:
        """The variance of the step before."""
        return 0.25

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        """Random signs of size 1/2."""
        x = torch.randint(0, 2, (count, self.length, 1), generator=rng) - 0.5
        before = torch.cat([torch.zeros(count, 1, 1), x[:, :-1]], 1)
        return Examples(x, x + before, torch.ones(count, self.length, dtype=torch.bool))


def tiny(flavour: str, task: Task | None = None, size: int = 3, **options: object) -> SequenceModel:
    """A model of a task (adding by default) in float64."""
    torch.manual_seed(0)
    task = task or Adding(6)
    return model_for(task, build(flavour, task.input_size, size, **options)).double()


def drawn(task: Task, count: int = 3, seed: int = 1) -> Examples:
    """Examples in float64."""
    examples = task.draw(count, torch.Generator().manual_seed(seed))
    doubled = [p.double() if p is not None and p.is_floating_point() else p for p in examples]
    return Examples(*doubled)
