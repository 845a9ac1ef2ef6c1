"""An effect: a recurrent network from sound to sound, sample by sample."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnnmusic import recurrent
from rnnmusic.errors import UsageError
from rnnmusic.recurrent import State


@dataclass(frozen=True)
class EffectConfig:
    """All that rebuilds an effect, weights apart."""

    sample_rate_hz: int
    cell: str = "gru"  # a key of recurrent.RECURRENT
    size: int = 16  # units per layer
    layers: int = 1
    inputs: int = 1  # channels
    outputs: int = 1

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)


class Effect(nn.Module):
    """y_t = W h_t + x_t with h a recurrence over the samples x_t: a black-box model of a device.

    Shapes: x (B, T, inputs), y (B, T, outputs), in -1..1 at `sample_rate_hz`. The input is added
    where there are as many outputs, so that the network learns what the device changes; a linear
    recurrence has its own way past the state and needs none. (Wright, Damskaegg and Valimaki 2019,
    "Real-time black-box modelling with recurrent neural networks".)
    """

    def __init__(self, config: EffectConfig) -> None:
        super().__init__()
        if min(config.inputs, config.outputs, config.size, config.layers) < 1:
            raise UsageError(
                f"An effect of {config.inputs} inputs, {config.outputs} outputs, {config.layers} "
                f"layers of {config.size} units can't be; give 1 or more of each."
            )
        self.config = config
        self.recurrent = recurrent.build(
            config.cell, config.inputs, config.size, layers=config.layers
        )
        self.output = nn.Linear(self.recurrent.output_size, config.outputs)
        nn.init.normal_(self.output.weight, std=0.1 / config.size**0.5)
        nn.init.zeros_(self.output.bias)

    @property
    def passes_input(self) -> bool:
        """Whether the input is added to the output."""
        return self.config.inputs == self.config.outputs

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Process samples x (B, T, inputs): y (B, T, outputs) and the state after them."""
        hidden, state = self.recurrent(x, state)
        y = self.output(hidden)
        return (y + x if self.passes_input else y), state

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One sample: x (B, inputs) -> y (B, outputs)."""
        hidden, state = self.recurrent.step(x, state)
        y = self.output(hidden)
        return (y + x if self.passes_input else y), state


def build(config: EffectConfig, *, seed: int = 0) -> Effect:
    """An effect with fresh weights: the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Effect(config)
