"""Noise on what a recurrence remembers, or on how: wrappers for any layer, for training only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.protocol import Recurrent, State, tree_map


class _Wrapper(Recurrent):
    """A layer around another with the same inputs, outputs and state."""

    def __init__(self, inner: Recurrent) -> None:
        super().__init__()
        if inner.is_bound:
            raise UsageError(
                f"A {type(inner).__name__} has latent variables, which are noise enough; leave "
                "zoneout and weight_drop out."
            )
        self.inner = inner
        self.input_size, self.output_size = inner.input_size, inner.output_size
        self.is_timed = inner.is_timed

    def initial_state(self, batch_size: int) -> State:
        """The inner layer's."""
        return self.inner.initial_state(batch_size)


class Zoneout(_Wrapper):
    """Units that now and then keep their state (Krueger et al. 2016, arXiv:1606.01305).

    s_t = m s_(t-1) + (1 - m) f(s_(t-1), x_t), with m drawn from {0, 1} for every number of the
    state at every step in `forward` of training, 1 with probability `rate`; in `step`, and outside
    of training, m is its mean, `rate`. Where the inner layer's output is a tensor of its state, as
    in all gated layers, the output is that of the new state.

    Shapes and state: the inner layer's. rate: one for all, or one for each tensor of the state in
    their order; the paper's LSTM has 0.05 for h and 0.5 for c. Every step is a call of its own:
    slower than fused kernels.
    """

    def __init__(self, inner: Recurrent, rate: float | Sequence[float]) -> None:
        super().__init__(inner)
        count = len(_leaves(inner.initial_state(1)))
        self.rates = [rate] * count if isinstance(rate, int | float) else list(rate)
        if len(self.rates) != count or not all(0.0 <= r < 1.0 for r in self.rates):
            raise UsageError(
                f"zoneout is {rate}; give a number from 0 up to below 1, or {count} of them, one "
                "for each tensor of the state."
            )

    def step(self, x: Tensor, state: State, dt: Tensor | float = 1.0) -> tuple[Tensor, State]:
        """One step of the inner layer, of which `rate` is kept as it was."""
        return self.mixed(x, state, dt, self.rates)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`."""
        if self.training:
            y, after = _Drawn(self)(x, state, dt, reset, lengths)
            return y, after
        return super().forward(x, state, dt, reset, lengths)

    def mixed(
        self, x: Tensor, state: State, dt: Tensor | float, kept: Sequence[float | Tensor]
    ) -> tuple[Tensor, State]:
        """A step that keeps so much of each tensor of the state."""
        y, new = self.inner.step(x, state, dt)
        shares = iter(kept)

        def mix(old: Tensor, new: Tensor) -> Tensor:
            nonlocal y
            share = next(shares)
            mixed = share * old + (1.0 - share) * new
            if new is shown:
                y = mixed
            return mixed

        shown = y
        after = tree_map(mix, state, new)
        return y, after


class _Drawn(Recurrent):
    """Zoneout with masks that are drawn at every step."""

    def __init__(self, zoneout: Zoneout) -> None:
        super().__init__()
        self.zoneout = zoneout

    def initial_state(self, batch_size: int) -> State:
        return self.zoneout.initial_state(batch_size)

    def step(self, x: Tensor, state: State, dt: Tensor | float = 1.0) -> tuple[Tensor, State]:
        pairs = zip(self.zoneout.rates, _leaves(state), strict=True)
        masks = [torch.empty_like(old).bernoulli_(rate) for rate, old in pairs]
        return self.zoneout.mixed(x, state, dt, masks)


class WeightDrop(_Wrapper):
    """Recurrent connections that are missing for a while (Merity et al. 2018, arXiv:1708.02182).

    DropConnect on h_(t-1) -> h_t: in `forward` of training each number of the recurrent weights is
    zero with probability `rate` and the others grow by 1 / (1 - rate), the same at all steps and
    for all rows of the call, so that fused kernels serve. Never in `step`, nor outside of training.

    Shapes and state: the inner layer's, which needs the parameter `weight`.
    """

    def __init__(self, inner: Recurrent, rate: float, *, weight: str = "weight_hh") -> None:
        super().__init__(inner)
        if not 0.0 <= rate < 1.0:
            raise UsageError(f"weight_drop is {rate}; give a number from 0 up to below 1.")
        if weight not in dict(inner.named_parameters()):
            raise UsageError(
                f"A {type(inner).__name__} has no parameter {weight!r} to drop connections of; "
                "leave weight_drop out."
            )
        self.rate, self.weight = rate, weight

    def step(self, x: Tensor, state: State, dt: Tensor | float = 1.0) -> tuple[Tensor, State]:
        """One step of the inner layer, with all connections."""
        return self.inner.step(x, state, dt)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`."""
        arguments = (x, state, dt, reset, lengths)
        if not self.training:
            y, after = self.inner(*arguments)
            return y, after
        dropped = F.dropout(self.inner.get_parameter(self.weight), self.rate)
        y, after = torch.func.functional_call(self.inner, {self.weight: dropped}, arguments)
        return y, after


def _leaves(state: State) -> list[Tensor]:
    found: list[Tensor] = []
    tree_map(found.append, state)
    return found


__all__ = ["WeightDrop", "Zoneout"]
