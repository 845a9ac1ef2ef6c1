"""Layers in series, with dropout around them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.latent import Latent
from rnnmusic.recurrent.protocol import Recurrent, State


class Stack(Recurrent):
    """Recurrences in series: each reads the outputs of the one before.

    Shapes: x (B, T, input_size of the first layer), y (B, T, output_size of the last). The state
    is a tuple of the layers' states. A layer with latents has to be the only one: it needs what
    was heard among its inputs.

    Dropout acts in training mode and in `forward` only, never in `step`, at two places:

    - plain (Zaremba, Sutskever & Vinyals 2014): fresh zeros at every step, on the output of every
      layer, the last one included, so that it also does something for a single layer;
    - variational (Gal & Ghahramani 2015, arXiv:1512.05287): one mask per row and layer, the same at
      all steps of the call, on the input of every layer and on the output of the last.

    The paper's masks on h_(t-1) are the layers' own business: `recurrent_dropout` of the gated
    layers, which `recurrent.build` sets. They are drawn per call but shared by the rows of a batch,
    where the paper draws them per row, and in GRU they don't touch the carried term z h_(t-1).
    A row keeps its mask through resets; a sequence cut into several calls gets a mask for each.
    """

    def __init__(
        self, layers: Iterable[Recurrent], *, dropout: float = 0.0, variational: bool = False
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        if not 0.0 <= dropout < 1.0:
            raise UsageError(f"dropout is {dropout}; give a number from 0 up to below 1.")
        if variational and not dropout:
            raise UsageError(
                "Variational dropout has nothing to do with dropout 0; give a dropout above 0."
            )
        if not self._parts:
            raise UsageError("A stack needs layers; give at least one.")
        for below, above in pairwise(self._parts):
            if below.output_size != above.input_size:
                raise UsageError(
                    f"A layer with {below.output_size} outputs under one with {above.input_size} "
                    "inputs doesn't fit; make them equal."
                )
        if self.latent is not None and len(self._parts) > 1:
            raise UsageError(
                f"Layers with latent variables don't stack, and got {len(self._parts)} layers; "
                "give 1."
            )
        self.dropout = dropout
        self.variational = variational
        self.input_size = self._parts[0].input_size
        self.output_size = self._parts[-1].output_size
        self.is_timed = any(layer.is_timed for layer in self._parts)
        self.is_bound = any(layer.is_bound for layer in self._parts)
        self.noise_size = self._parts[0].noise_size

    @property
    def _parts(self) -> list[Recurrent]:
        return cast("list[Recurrent]", list(self.layers))

    @property
    def latent(self) -> Latent | None:
        """The only layer, where it has latent variables."""
        return next((layer for layer in self._parts if isinstance(layer, Latent)), None)

    def initial_state(self, batch_size: int) -> State:
        """One state per layer."""
        return tuple(layer.initial_state(batch_size) for layer in self._parts)

    def step(
        self, x: Tensor, state: State, dt: Tensor | float = 1.0, noise: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """One step through all layers: x (B, input_size) -> y (B, output_size).

        noise (B, noise_size): what latent variables are drawn with; None: they are their means.
        """
        if self.latent is not None:
            y, new = self.latent.step(x, state[0], dt, noise)
            return y, (new,)
        after = []
        for layer, before in zip(self._parts, state, strict=True):
            x, new = layer.step(x, before, dt)
            after.append(new)
        return x, tuple(after)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch through one layer after the other, as in `Recurrent`."""
        if state is None:
            state = self.initial_state(len(x))
        after = []
        x = self.drop(x) if self.variational else x
        for layer, before in zip(self._parts, state, strict=True):
            y, new = layer(x, before, dt, reset, lengths)
            x = self.drop(y)
            after.append(new)
        return x, tuple(after)

    def drop(self, x: Tensor) -> Tensor:
        """x (B, T, D), with dropout in training mode."""
        if not self.training or not self.dropout:
            return x
        if not self.variational:
            return F.dropout(x, self.dropout)
        keep = 1.0 - self.dropout
        return x * (torch.empty_like(x[:, :1]).bernoulli_(keep) / keep)
