"""What gated layers share: weights, a learned beginning, dropout, and the loop over time."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.gated import loop
from rnnmusic.recurrent.protocol import Learned, Recurrent, State


class RnnState(NamedTuple):
    """h (B, H): the output of the step before."""

    h: Tensor


class GruState(NamedTuple):
    """h (B, H): the output of the step before."""

    h: Tensor


class LstmState(NamedTuple):
    """h (B, H), the output of the step before, and c (B, H), the memory cells."""

    h: Tensor
    c: Tensor


class GatedLayer(Recurrent):
    """A layer whose step is a linear map of its input, and the rest: x -> drive, and `advance`.

    The drive of all steps is one matrix product, so that only the rest is left for the loop over
    time. A state is a NamedTuple of (B, H) tensors whose first, h, is the output.

    recurrent_dropout: in training, each call of `forward` draws one mask over the units that the
    recurrent weights read, the same for all steps and all rows; `step` never drops anything.
    """

    #: Blocks of rows in the weights.
    gates: ClassVar[int]
    #: The NamedTuple of this flavour's states.
    state_type: ClassVar[Any]

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        learned_initial_state: Learned = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self._set_sizes(input_size, size)
        if not 0.0 <= recurrent_dropout < 1.0:
            raise UsageError(
                f"recurrent_dropout is {recurrent_dropout}; give a number from 0 up to below 1."
            )
        self.recurrent_dropout = recurrent_dropout
        self.weight_ih = nn.Parameter(torch.empty(self.gates * size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(self.gates * size, size))
        self.bias_ih = nn.Parameter(torch.zeros(self.gates * size))
        for gate in self.weight_ih.data.view(self.gates, size, input_size):
            nn.init.xavier_uniform_(gate)
        for gate in self.weight_hh.data.view(self.gates, size, size):
            nn.init.orthogonal_(gate)
        # One row of numbers per tensor of the state.
        self._add_initial(len(self.state_type._fields), size, learned=learned_initial_state)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        return self.state_type(*(row.expand(batch_size, -1) for row in self.initial_row()))

    def drive(self, x: Tensor) -> Tensor:
        """What the layer makes of its input alone: x (..., input_size) -> (..., gates * H)."""
        return F.linear(x, self.weight_ih, self.bias_ih)

    @abstractmethod
    def advance(self, drive: Tensor, state: State, weight_hh: Tensor) -> State:
        """The state after a step, of the drive (B, gates * H) and the state before it.

        weight_hh: the layer's own, or with columns dropped.
        """

    def step(self, x: Tensor, state: State, dt: Tensor | float = 1.0) -> tuple[Tensor, State]:
        """One step: x (B, input_size) -> y (B, size)."""
        after = self.advance(self.drive(x), state, self.weight_hh)
        return after[0], after

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`, the inputs of all steps multiplied at once."""
        weight_hh = self.dropped_weight()
        initial = self.initial_state(len(x))

        def advance(drive: Tensor, state: State) -> State:
            return self.advance(drive, state, weight_hh)

        states, end = loop.run(
            advance,
            self.drive(x).unbind(1),
            initial if state is None else state,
            initial,
            reset,
            lengths,
        )
        return loop.alive_only(torch.stack([after[0] for after in states], 1), lengths), end

    def dropped_weight(self) -> Tensor:
        """The recurrent weights, in training with a fresh mask of `recurrent_dropout`."""
        weight_hh: Tensor = self.weight_hh
        if not self.training or not self.recurrent_dropout:
            return weight_hh
        keep = 1.0 - self.recurrent_dropout
        return weight_hh * (torch.empty_like(weight_hh[..., :1, :]).bernoulli_(keep) / keep)
