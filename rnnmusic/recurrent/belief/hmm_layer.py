"""The forward filter of a hidden Markov model as a recurrence that learns by gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.gated import loop
from rnnmusic.recurrent.protocol import Learned, Recurrent

# How much likelier a state is to stay than to move anywhere else, at first: e^2 times.
_STAYS = 2.0


class HmmState(NamedTuple):
    """log_belief (B, K): of the hidden state at the step to come, given all steps heard, but for a
    constant: any numbers are a belief."""

    log_belief: Tensor


class HmmLayer(Recurrent):
    """A belief over `states` hidden states (K), moved by Bayes' rule (Rabiner 1989).

    heard    b_t(k) ~ belief_t(k) p(x_t | k)
    moved    belief_(t+1) = A' b_t, rows of A sum to one
    output   y_t = belief_(t+1) V: what each state stands for, weighted

    emission: p(x_t | k) is a product over the features, "bernoulli" with log odds theta_k, or
    "gaussian" with means and precisions of each state. Features that aren't 0 or 1 count in the
    bernoulli's log odds by their value. As in all flavours the likelihood of music is the head's:
    what is learned predicts as well as a filter can, rather than to explain x.

    Shapes: x (B, T, input_size), y (B, T, size), V (K, size).
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        states: int = 64,
        emission: Literal["bernoulli", "gaussian"] = "bernoulli",
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        if min(input_size, size, states) < 1:
            raise UsageError(
                f"A layer of {input_size} inputs, {size} outputs and {states} states can't be; "
                "give 1 or more of each."
            )
        if emission not in ("bernoulli", "gaussian"):
            raise UsageError(f"emission is {emission!r}; choose bernoulli or gaussian.")
        self.input_size, self.output_size = input_size, size
        self.location = nn.Parameter(torch.randn(states, input_size))  # log odds, or means
        self.log_precision: nn.Parameter | None = None
        if emission == "gaussian":
            self.log_precision = nn.Parameter(torch.zeros(states, input_size))
        self.moves = nn.Parameter(0.1 * torch.randn(states, states) + _STAYS * torch.eye(states))
        self.values = nn.Parameter(torch.randn(states, size))  # V
        self._add_initial(states, learned=learned_initial_state)

    def initial_state(self, batch_size: int) -> HmmState:
        """The state before the first step, batch_size rows: no preference, or learned."""
        return HmmState(self.initial_row().expand(batch_size, -1))

    def step(self, x: Tensor, state: HmmState, dt: Tensor | float = 1.0) -> tuple[Tensor, HmmState]:
        """One step: x (B, input_size) -> y (B, size)."""
        after = self._mover()(self.log_emission(x), state)
        return self._output(after.log_belief), after

    def forward(
        self,
        x: Tensor,
        state: HmmState | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, HmmState]:
        """A whole stretch, as in `Recurrent`, the emissions of all steps at once."""
        initial = self.initial_state(len(x))
        begin = initial if state is None else state
        emitted = self.log_emission(x).unbind(1)
        states, end = loop.run(self._mover(), emitted, begin, initial, reset, lengths)
        y = self._output(torch.stack([after.log_belief for after in states], 1))
        return loop.alive_only(y, lengths), end

    def log_emission(self, x: Tensor) -> Tensor:
        """log p(x | k) of x (..., input_size), but for what is the same for all k: (..., K)."""
        if self.log_precision is None:
            return F.linear(x, self.location, -F.softplus(self.location).sum(1))
        precision = self.log_precision.exp()
        constant = 0.5 * (self.log_precision - precision * self.location.square()).sum(1)
        slope = precision * self.location
        return F.linear(x, slope, constant) - 0.5 * F.linear(x.square(), precision)

    def _mover(self) -> Callable[[Tensor, HmmState], HmmState]:
        transition = self.moves.softmax(1)
        least = torch.finfo(transition.dtype).tiny

        def move(log_emission: Tensor, state: HmmState) -> HmmState:
            heard = (state.log_belief + log_emission).softmax(1)
            return HmmState((heard @ transition).clamp_min(least).log())

        return move

    def _output(self, log_belief: Tensor) -> Tensor:
        return log_belief.exp() @ self.values
