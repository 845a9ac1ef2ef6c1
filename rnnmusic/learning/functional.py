"""A model as a function of one vector of its trained numbers, for torch.func."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.learning.model import SequenceModel
from rnnmusic.recurrent import Recurrent, State
from rnnmusic.tasks import Examples


class Functional:
    """f(vector, ...) of a `SequenceModel`, whose own parameters stay as they are.

    vector (P,): all trained numbers, in the order of `named_parameters`. Some fast paths, such as
    the scan of the diagonal layers, are differentiable once and not under torch.func; whole
    sequences of such a model run through the protocol's plain loop over `step` instead, which
    gives the same numbers.
    """

    def __init__(self, model: SequenceModel) -> None:
        if not isinstance(model.recurrent, Recurrent):
            raise UsageError(
                f"A {type(model.recurrent).__name__} has no step; learn by it through `fit`."
            )
        self.model = model
        self.recurrent = model.recurrent
        named = {k: p for k, p in model.named_parameters() if p.requires_grad}
        self.parameters = list(named.values())
        self.names = list(named)
        self._shapes = [p.shape for p in self.parameters]
        self._sizes = [p.numel() for p in self.parameters]
        self._run = _Run(model, model.recurrent)
        self._run.stepped = not self._is_twice_differentiable()

    def vector(self) -> Tensor:
        """The model's parameters as they are, (P,)."""
        return torch.cat([p.detach().reshape(-1) for p in self.parameters])

    @torch.no_grad()
    def load(self, vector: Tensor) -> None:
        """Write a vector (P,) into the model."""
        for parameter, part in zip(self.parameters, self.split(vector), strict=True):
            parameter.copy_(part)

    def split(self, vector: Tensor) -> list[Tensor]:
        """A vector (..., P) as tensors (..., *shape), one per parameter."""
        parts = torch.split(vector, self._sizes, -1)
        leading = vector.shape[:-1]
        return [p.reshape(*leading, *s) for p, s in zip(parts, self._shapes, strict=True)]

    def whole(
        self, vector: Tensor, examples: Examples, state: State | None = None
    ) -> tuple[Tensor, Tensor]:
        """Whole sequences: readout's outputs (B, T, outputs) and what it read, (B, T, H)."""
        found: tuple[Tensor, Tensor] = self._call(vector, "whole", examples, state)
        return found

    def step(self, vector: Tensor, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step: x (B, D) or symbols (B,), state -> outputs (B, outputs), state."""
        found: tuple[Tensor, State] = self._call(vector, "step", x, state)
        return found

    def recurrence(self, vector: Tensor, x: Tensor, state: State) -> State:
        """The state after one step of the recurrence alone: x (B, input_size)."""
        return self._call(vector, "recurrence", x, state)

    def initial_state(self, vector: Tensor, batch_size: int) -> State:
        """The state before the first step."""
        return self._call(vector, "initial_state", batch_size)

    def _call(self, vector: Tensor, *arguments: object) -> Any:
        named = {
            f"model.{k}": p for k, p in zip(self.names, self.split(vector), strict=True)
        }  # fmt: skip
        return torch.func.functional_call(self._run, named, arguments)

    def _is_twice_differentiable(self) -> bool:
        symbols = self.model.symbols is not None
        x = torch.zeros(1, 2) if not symbols else torch.zeros(1, 2, dtype=torch.int64)
        if not symbols:
            x = torch.zeros(1, 2, self.recurrent.input_size)
        nothing = Examples(x, x, torch.ones(1, 2, dtype=torch.bool))
        vector = self.vector()
        try:
            z, pull = vjp(lambda v: self.whole(v, nothing)[0], vector)
            vjp(lambda u: pull(u)[0], torch.zeros_like(z))[1](vector)
        except RuntimeError:  # what torch says of a Function that torch.func can't look into
            return False
        return True


def vjp(function: Callable[..., Any], *at: Tensor, has_aux: bool = False) -> Any:
    """torch.func.vjp, whose declared type knows but one number of results."""
    return torch.func.vjp(function, *at, has_aux=has_aux)


class _Run(nn.Module):
    """Lets `functional_call` reach more than `forward`."""

    stepped = False

    def __init__(self, model: SequenceModel, recurrent: Recurrent) -> None:
        super().__init__()
        self.model = model
        self._recurrent = [recurrent]  # in a list: it is a part of the model already

    def forward(self, what: str, *arguments: Any) -> Any:
        return getattr(self, what)(*arguments)

    def whole(self, examples: Examples, state: State | None) -> tuple[Tensor, Tensor]:
        (layer,) = self._recurrent
        x = self.model.features(examples.inputs)
        run = Recurrent.forward if self.stepped else type(layer).forward
        y, _ = run(layer, x, state, examples.dt, None, examples.lengths)
        return self.model.readout(y), y

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, after = self._recurrent[0].step(self.model.features(x), state)
        return self.model.readout(y), after

    def recurrence(self, x: Tensor, state: State) -> State:
        return self._recurrent[0].step(x, state)[1]

    def initial_state(self, batch_size: int) -> State:
        return self._recurrent[0].initial_state(batch_size)


__all__ = ["Functional", "vjp"]
