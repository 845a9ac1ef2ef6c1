"""Networks on what delay lines hold of the past: a window and a perceptron, a time-delay network.

They remember nothing but their last inputs, so that they show what memory is worth: any flavour
that doesn't beat a window of some steps has learned no more than what those steps say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import segments
from rnnmusic.recurrent.protocol import Learned, Recurrent, State
from rnnmusic.recurrent.registry import Flavour


class DelayState(NamedTuple):
    """lines: what each layer has read last, (B, (taps - 1) * dilation, its inputs), oldest first.

    A layer of one tap has a line without rows.
    """

    lines: tuple[Tensor, ...]


class DelayNetwork(Recurrent):
    """Causal convolutions over time in series, each with delay lines of its own.

    h^0 = x, h^l_t = tanh(sum over k < K of W^l_k h^(l-1)_(t - k d) + b^l) with the K taps and the
    dilation d of layer l; y is the last h. Shapes: x (B, T, input_size), y (B, T, size). An output
    depends on `reach` steps, 1 + sum of (K - 1) d, and not on what came before a reset: there the
    lines return to the initial state, one number per channel, the same at all its delays. These
    networks count steps, not time: `dt` is ignored.

    layers: taps and dilation of each.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        layers: Sequence[tuple[int, int]],
        *,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        self._set_sizes(input_size, size)
        if not layers or min(min(pair) for pair in layers) < 1:
            raise UsageError(
                f"Layers of taps and dilations {tuple(layers)} can't be; give at least one layer, "
                "with 1 or more of both."
            )
        self.taps = tuple(taps for taps, _ in layers)
        self.dilations = tuple(dilation for _, dilation in layers)
        channels = [input_size, *[size] * (len(layers) - 1)]
        # Columns by tap, the oldest first, and then by channel.
        self.maps = nn.ModuleList(
            nn.Linear(taps * inputs, size) for taps, inputs in zip(self.taps, channels, strict=True)
        )
        for linear in self.linears:
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        self._channels = channels
        self._add_initial(sum(self._remembered), learned=learned_initial_state)

    @property
    def rows(self) -> tuple[int, ...]:
        """How many steps each layer's line holds."""
        return tuple((k - 1) * d for k, d in zip(self.taps, self.dilations, strict=True))

    @property
    def reach(self) -> int:
        """How many steps an output depends on, its own included."""
        return 1 + sum(self.rows)

    @property
    def _remembered(self) -> list[int]:
        """How many channels each layer's line has, where it has rows."""
        return [c if rows else 0 for c, rows in zip(self._channels, self.rows, strict=True)]

    @property
    def linears(self) -> list[nn.Linear]:
        """The layers' maps of what their taps read, the oldest first."""
        return cast("list[nn.Linear]", list(self.maps))

    def initial_state(self, batch_size: int) -> DelayState:
        """The state before the first step, batch_size rows: zeros or learned."""
        rests = torch.split(self.initial_row(), self._remembered)
        return DelayState(
            tuple(
                rest.repeat(batch_size, rows, 1)
                if rows
                else rest.new_zeros(batch_size, 0, channels)
                for rest, rows, channels in zip(rests, self.rows, self._channels, strict=True)
            )
        )

    def step(
        self, x: Tensor, state: DelayState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, DelayState]:
        """One step: x (B, input_size) -> y (B, size)."""
        after = []
        for linear, dilation, line in zip(self.linears, self.dilations, state.lines, strict=True):
            known = torch.cat([line, x.unsqueeze(1)], dim=1)
            after.append(known[:, 1:])
            x = torch.tanh(linear(known[:, ::dilation].flatten(1)))
        return x, DelayState(tuple(after))

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`: one matrix product per layer for all steps.

        With resets or lengths, rows are cut into their unbroken stretches, which run side by side.
        """
        if state is None:
            state = self.initial_state(len(x))
        if reset is None and lengths is None:
            return self._run(x, state, x.new_ones(x.shape[:2], dtype=torch.bool))
        return segments.run(self, self._run, x, state, reset, lengths)

    def _run(self, x: Tensor, state: DelayState, valid: Tensor) -> tuple[Tensor, DelayState]:
        """All steps of x (N, L, input_size); the state is that where valid (N, L) ends."""
        time, after = x.shape[1], []
        begins = valid.sum(1, keepdim=True)
        for linear, taps, dilation, line in zip(
            self.linears, self.taps, self.dilations, state.lines, strict=True
        ):
            known = torch.cat([line, x.to(line)], dim=1)
            kept = begins + torch.arange(line.shape[1], device=x.device)
            after.append(known.gather(1, kept.unsqueeze(2).expand(-1, -1, known.shape[2])))
            taken = [known[:, k * dilation : k * dilation + time] for k in range(taps)]
            x = torch.tanh(linear(torch.cat(taken, dim=2)))
        return x, DelayState(tuple(after))


class Window(DelayNetwork):
    """A perceptron on the last `window` inputs, the current one included.

    The multilayer perceptron of Bengio et al. 2003 (A neural probabilistic language model), as
    Boulanger-Lewandowski, Bengio and Vincent 2012 measured it. depth: hidden layers; those above
    the first read the one below at the current step only. At window 1 nothing is remembered.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        window: int = 8,
        depth: int = 1,
        learned_initial_state: Learned = False,
    ) -> None:
        layers = [(window, 1), *[(1, 1)] * (depth - 1)] if depth > 0 else []
        super().__init__(input_size, size, layers, learned_initial_state=learned_initial_state)


class TimeDelay(DelayNetwork):
    """The time-delay network (Waibel et al. 1989), with dilations (van den Oord et al. 2016).

    A layer of `taps` taps for each of `dilations`, which as a rule double from layer to
    layer, so that reach grows exponentially with the number of weights.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        taps: int = 3,
        dilations: Sequence[int] = (1, 2, 4),
        learned_initial_state: Learned = False,
    ) -> None:
        layers = [(taps, dilation) for dilation in dilations]
        super().__init__(input_size, size, layers, learned_initial_state=learned_initial_state)


FLAVOURS: dict[str, Flavour] = {
    "window": Flavour(Window, "memoryless", "Bengio et al. 2003"),
    "time-delay": Flavour(TimeDelay, "memoryless", "Waibel et al. 1989"),
}
