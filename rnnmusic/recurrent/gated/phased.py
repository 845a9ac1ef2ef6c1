"""Phased LSTM: any gated layer whose units listen only at times of their own."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.gated import loop
from rnnmusic.recurrent.gated.fused import Lstm
from rnnmusic.recurrent.gated.layer import GatedLayer
from rnnmusic.recurrent.protocol import Learned, Recurrent, State, tree_map


class PhasedState(NamedTuple):
    """inner: the gated layer's state. cycles (B, H): how far each unit's period has gone, 0..1."""

    inner: State
    cycles: Tensor


class Phased(Recurrent):
    """A gated layer behind a time gate (Neil, Pfeiffer and Liu 2016, arXiv:1610.09513).

    The layer proposes a state s'; unit by unit, s_t = k s' + (1 - k) s_(t-1) for every tensor of
    the state, h and c alike, and y_t = h_t. With the time t since the beginning,

        phase = t / period - shift, modulo 1,
        k = 2 phase / r             where phase < r / 2,
            2 - 2 phase / r         where phase < r,
            leak phase in training, and 0 in eval mode, elsewhere.

    Shapes: x (B, T, input_size), y (B, T, size); dt in the unit of the periods, 0 or more, 1 where
    none is given. The period (H,) is positive and the open ratio r (H,) between 0 and 1 whatever
    the parameters, their logarithm and logit; the shift (H,) counts periods. All are learned.

    periods: the bounds between which periods are drawn, log-uniformly. open_ratio: r at first.
    A unit whose period is a whole number of steps is always at the same few phases, and may never
    open: give periods to the measure of dt, and a larger ratio where steps are regular.
    """

    is_timed = True

    def __init__(
        self,
        inner: GatedLayer,
        *,
        periods: tuple[float, float] = (1.0, 20.0),
        open_ratio: float = 0.05,
        leak: float = 1e-3,
    ) -> None:
        super().__init__()
        low, high = periods
        if not 0.0 < low <= high < math.inf:
            raise UsageError(f"periods is {periods}; give two times above 0, in order.")
        if not 0.0 < open_ratio < 1.0:
            raise UsageError(f"open_ratio is {open_ratio}; give a number between 0 and 1.")
        if not 0.0 <= leak <= 1.0:
            raise UsageError(f"leak is {leak}; give a number from 0 to 1.")
        self.inner = inner
        self.input_size, self.output_size = inner.input_size, inner.output_size
        self.leak = leak
        size = inner.output_size
        bounds = math.log(low), math.log(high)
        self.log_period = nn.Parameter(torch.empty(size).uniform_(*bounds))
        self.shift = nn.Parameter(torch.rand(size))
        self.open_logit = nn.Parameter(torch.full((size,), math.log(open_ratio / (1 - open_ratio))))

    def initial_state(self, batch_size: int) -> State:
        """The layer's own, at the beginning of every period."""
        cycles = self.shift.new_zeros(batch_size, self.output_size)
        return PhasedState(self.inner.initial_state(batch_size), cycles)

    def step(
        self, x: Tensor, state: PhasedState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, PhasedState]:
        """One step of dt, a number or (B,): x (B, input_size) -> y (B, size)."""
        time = torch.as_tensor(dt, dtype=torch.float64, device=x.device).expand(len(x))
        cycles = self._after(state.cycles, time)
        after = self._advance(
            (self.inner.drive(x), self.openness(cycles)), state.inner, self.inner.weight_hh
        )
        return after[0], PhasedState(after, cycles)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`: what depends on time alone is known beforehand."""
        initial = self.initial_state(len(x))
        start = initial if state is None else state
        dt = torch.ones_like(x[..., 0]) if dt is None else dt
        cycles = self._all_cycles(start.cycles, dt.double(), reset)
        weight_hh = self.inner.dropped_weight()

        def advance(drive: tuple[Tensor, Tensor], before: State) -> State:
            return self._advance(drive, before, weight_hh)

        k = self.openness(cycles)
        drives = list(zip(self.inner.drive(x).unbind(1), k.unbind(1), strict=True))
        states, end = loop.run(advance, drives, start.inner, initial.inner, reset, lengths)
        y = torch.stack([after[0] for after in states], 1)
        if lengths is None:
            return y, PhasedState(end, cycles[:, -1])
        lengths = lengths.to(x.device)
        whole = torch.cat([start.cycles.unsqueeze(1), cycles], 1)
        passed = whole[torch.arange(len(x), device=x.device), lengths]
        return loop.alive_only(y, lengths), PhasedState(end, passed)

    def openness(self, cycles: Tensor) -> Tensor:
        """k at cycles (..., H) since the beginning."""
        phase = _modulo_1(cycles - self.shift)
        ratio = torch.sigmoid(self.open_logit)
        k = torch.relu(1.0 - torch.abs(2.0 * phase / ratio - 1.0))
        if not self.training or not self.leak:
            return k
        return torch.where(phase < ratio, k, self.leak * phase)

    def _advance(self, drive: tuple[Tensor, Tensor], state: State, weight_hh: Tensor) -> State:
        inner, k = drive
        proposed = self.inner.advance(inner, state, weight_hh)
        return tree_map(lambda new, old: old + k * (new - old), proposed, state)

    def _after(self, cycles: Tensor, time: Tensor) -> Tensor:
        """Cycles (..., H) a time (...) later; in double precision, for phases add up."""
        rate = torch.exp(-self.log_period).double()
        return _modulo_1(cycles.double() + time.unsqueeze(-1) * rate).to(cycles)

    def _all_cycles(self, start: Tensor, dt: Tensor, reset: Tensor | None) -> Tensor:
        """Cycles (B, T, H) at every step, from start (B, H) or the last reset on."""
        time, carried = dt.cumsum(1), start.unsqueeze(1)
        if reset is not None:
            time = time - torch.where(reset, time - dt, 0.0).cummax(1).values
            carried = torch.where(reset.cumsum(1).unsqueeze(2) > 0, 0.0, carried)
        return self._after(carried, time)


def _modulo_1(x: Tensor) -> Tensor:
    return x - x.floor()


def phased_lstm(
    input_size: int,
    size: int,
    *,
    periods: tuple[float, float] = (1.0, 20.0),
    open_ratio: float = 0.05,
    leak: float = 1e-3,
    forget_bias: float = 1.0,
    learned_initial_state: Learned = False,
    recurrent_dropout: float = 0.0,
) -> Phased:
    """`Phased` around `Lstm`; the options are theirs."""
    inner = Lstm(
        input_size,
        size,
        forget_bias=forget_bias,
        learned_initial_state=learned_initial_state,
        recurrent_dropout=recurrent_dropout,
    )
    return Phased(inner, periods=periods, open_ratio=open_ratio, leak=leak)
