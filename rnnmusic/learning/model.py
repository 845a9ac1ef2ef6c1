"""SequenceModel: a recurrence between an input and a readout, for sequences of any kind."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import Recurrent, SequenceLayer, State
from rnnmusic.tasks import Examples, Task


class SequenceModel(nn.Module):
    """Inputs -> (one-hot or embedding) -> recurrence -> linear readout at every step.

    Shapes: inputs (B, T, D) real, or (B, T) int64 of `symbols` kinds; outputs (B, T, outputs).
    With `embedding_size` symbols have learned vectors, else they are one-hot. The recurrence reads
    `features_of(...)` numbers.
    """

    def __init__(
        self,
        recurrent: Recurrent | SequenceLayer,
        outputs: int,
        *,
        symbols: int | None = None,
        embedding_size: int | None = None,
    ) -> None:
        super().__init__()
        if embedding_size is not None and symbols is None:
            raise UsageError("Only symbols can be embedded; say how many there are, or leave it.")
        self.recurrent = recurrent
        self.symbols = symbols
        self.embedding = (
            None if symbols is None or embedding_size is None
            else nn.Embedding(symbols, embedding_size)
        )  # fmt: skip
        self.readout = nn.Linear(recurrent.output_size, outputs)

    def features(self, inputs: Tensor) -> Tensor:
        """What the recurrence reads, (B, T, D)."""
        if self.symbols is None:
            return inputs.to(self.readout.weight.dtype)
        if self.embedding is not None:
            embedded: Tensor = self.embedding(inputs)
            return embedded
        # F.one_hot looks at its values, which torch.func.vmap can't.
        weight = self.readout.weight
        return F.embedding(
            inputs, torch.eye(self.symbols, dtype=weight.dtype, device=weight.device)
        )

    def forward(self, examples: Examples, state: State | None = None) -> tuple[Tensor, State]:
        """Outputs (B, T, outputs) and the state after them; None for a `SequenceLayer`."""
        x = self.features(examples.inputs)
        if isinstance(self.recurrent, SequenceLayer):
            return self.readout(self.recurrent(x, examples.lengths)), None
        y, after = self.recurrent(x, state, examples.dt, lengths=examples.lengths)
        return self.readout(y), after

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def features_of(task: Task, embedding_size: int | None = None) -> int:
    """How many numbers a recurrence reads per step of a task."""
    if not task.is_symbolic:
        return task.input_size
    return task.input_size if embedding_size is None else embedding_size


def model_for(
    task: Task, recurrent: Recurrent | SequenceLayer, *, embedding_size: int | None = None
) -> SequenceModel:
    """A model of a task around a recurrence that reads `features_of(task, embedding_size)`."""
    symbols = task.input_size if task.is_symbolic else None
    return SequenceModel(
        recurrent, task.output_size, symbols=symbols, embedding_size=embedding_size
    )


__all__ = ["SequenceModel", "features_of", "model_for"]
