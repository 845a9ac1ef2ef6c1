"""The one protocol: every flavour of recurrence is a `Recurrent`, and its state is a value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError

# A NamedTuple of (B, ...) tensors, or of such NamedTuples. Never kept on the module: it can be
# copied, stored, interpolated, and a player can rewind to it.
State = Any


#: True: all units; a number between 0 and 1: that share of them, from the first on.
Learned = bool | float


class SequenceLayer(nn.Module, ABC):
    """A layer that reads whole sequences, both ways if it likes: it can't be played live."""

    input_size: int
    output_size: int

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """x (B, T, input_size) -> y (B, T, output_size); zero from lengths (B,) on."""


class Recurrent(nn.Module, ABC):
    """A recurrence with memory: x_t, h_(t-1) -> y_t, h_t.

    Shapes: x (B, T, input_size), y (B, T, output_size); `step` takes and gives (B, ...). `forward`
    is the fast path for training, `step` the one for playing; both give the same numbers.
    """

    #: Whether `dt`, the time since the previous step, changes anything.
    is_timed: bool = False
    #: Whether it has latent variables, so that likelihoods are known up to a bound: see `Latent`.
    is_bound: bool = False
    #: How many random numbers a step takes; see `Latent`.
    noise_size: int = 0

    input_size: int
    output_size: int
    initial: Tensor
    _learned: Tensor | None

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""

    @abstractmethod
    def step(self, x: Tensor, state: State, dt: Tensor | float = 1.0) -> tuple[Tensor, State]:
        """One step: x (B, input_size), state -> y (B, output_size), state."""

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch: x (B, T, input_size) -> y (B, T, output_size), state after it.

        dt (B, T) is the time since the previous step, where that has a meaning. Where
        reset (B, T) bool is True the row's state returns to its initial value *before* that step.
        lengths (B,) int: y is zero and the state stands still from there on, resets or not. The
        default loops over `step`; flavours override it with a fused kernel or a scan.
        """
        batch, time = x.shape[0], x.shape[1]
        if state is None:
            state = self.initial_state(batch)
        outputs = []
        for t in range(time):
            if reset is not None:
                begins = reset[:, t] if lengths is None else reset[:, t] & (t < lengths)
                state = where(begins, self.initial_state(batch), state)
            y, new = self.step(x[:, t], state, 1.0 if dt is None else dt[:, t])
            if lengths is not None:
                alive = t < lengths
                new = where(alive, new, state)
                y = torch.where(alive.unsqueeze(-1), y, 0.0)
            state = new
            outputs.append(y)
        return torch.stack(outputs, dim=1), state

    def _set_sizes(self, input_size: int, size: int) -> None:
        """Note how many numbers go in and come out; UsageError unless both are 1 or more."""
        if input_size < 1 or size < 1:
            raise UsageError(
                f"A layer of {input_size} inputs and {size} units can't be; give 1 or more of both."
            )
        self.input_size, self.output_size = input_size, size

    def _add_initial(self, *shape: int, learned: Learned, units: int = -1) -> None:
        """Numbers of the state before the first step, of one row, as `self.initial`.

        A parameter where something is learned, else a buffer of zeros. units: the axis that counts
        units, of which `learned` may be a share.
        """
        if not 0.0 <= learned <= 1.0:
            raise UsageError(
                f"learned_initial_state is {learned}; give true, false, or a share between 0 and 1."
            )
        zeros, chosen = torch.zeros(shape), None
        if learned:
            self.initial = nn.Parameter(zeros)
        else:
            self.register_buffer("initial", zeros, persistent=False)
        if 0.0 < learned < 1.0:
            axes = [1] * len(shape)
            axes[units] = shape[units]
            chosen = (torch.arange(shape[units]) < round(learned * shape[units])).view(axes)
        self.register_buffer("_learned", chosen, persistent=False)

    def initial_row(self) -> Tensor:
        """`initial`, but zero for units whose beginning isn't learned."""
        return self.initial if self._learned is None else self.initial * self._learned


def tree_map(function: Any, *states: State) -> State:
    """Apply `function` to matching tensors of states of one structure."""
    first = states[0]
    if isinstance(first, Tensor):
        return function(*states)
    parts = [tree_map(function, *group) for group in zip(*states, strict=True)]
    return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)


def where(rows: Tensor, yes: State, no: State) -> State:
    """Per batch row: `yes` where rows (B,) bool is True, else `no`; dtypes and shapes kept."""

    def pick(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(rows.view(-1, *[1] * (b.dim() - 1)), a, b)

    return tree_map(pick, yes, no)


def detach(state: State) -> State:
    """The same state cut from the graph: where truncated backpropagation stops."""
    return tree_map(Tensor.detach, state)
