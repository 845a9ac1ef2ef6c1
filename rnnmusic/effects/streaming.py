"""An effect while it plays: any blocks of samples, the state carried."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmusic.effects.kernels import KERNELS
from rnnmusic.effects.model import Effect
from rnnmusic.errors import InputError

Floats = NDArray[np.float32]


class EffectStream:
    """Processes sound block by block; the bits don't depend on the blocks.

    A GRU or LSTM runs compiled, in float32; other cells step through torch, which takes some tens
    of microseconds a sample: no live playing, but files.
    """

    def __init__(self, effect: Effect) -> None:
        self._effect = effect.eval()
        self._layers = (
            [_CompiledLayer(layer) for layer in effect.recurrent.layers]
            if (effect.config.cell in KERNELS)
            else None
        )
        self._output = effect.output.weight.detach().float().numpy().T.copy()
        self._bias = effect.output.bias.detach().float().numpy().copy()
        self.reset()

    @property
    def inputs(self) -> int:
        """Channels that go in."""
        return self._effect.config.inputs

    @property
    def outputs(self) -> int:
        """Channels that come out."""
        return self._effect.config.outputs

    @property
    def sample_rate_hz(self) -> float:
        """The rate of the recordings that the effect was learned from."""
        return float(self._effect.config.sample_rate_hz)

    @property
    def is_compiled(self) -> bool:
        """Whether the network runs without torch."""
        return self._layers is not None

    @property
    def state(self) -> Any:
        """What the effect remembers, as a value that can be kept and given back."""
        if self._layers is None:
            return self._state
        return [(layer.h.copy(), layer.c.copy()) for layer in self._layers]

    @state.setter
    def state(self, value: Any) -> None:
        if self._layers is None:
            self._state = value
            return
        for layer, (h, c) in zip(self._layers, value, strict=True):
            layer.h[:], layer.c[:] = h, c

    def reset(self) -> None:
        """Forget what was heard."""
        if self._layers is None:
            with torch.no_grad():
                self._state = self._effect.recurrent.initial_state(1)
            return
        for layer in self._layers:
            layer.reset()

    def process(self, block: NDArray[Any]) -> Floats:
        """The next samples: block (inputs, T), or (T,) of one channel, to (outputs, T) or (T,)."""
        samples = np.asarray(block, dtype=np.float32)
        is_flat = samples.ndim == 1
        rows = np.ascontiguousarray(np.atleast_2d(samples).T)  # (T, inputs)
        config = self._effect.config
        if samples.ndim > 2 or rows.shape[1] != config.inputs:
            raise InputError(
                f"The block has shape {samples.shape}; the effect takes ({config.inputs}, samples)."
            )
        y = self._stepped(rows) if self._layers is None else self._compiled(rows)
        return y[:, 0] if is_flat and y.shape[1] == 1 else np.ascontiguousarray(y.T)

    def _compiled(self, x: Floats) -> Floats:
        hidden = x
        for layer in self._layers or ():
            hidden = layer.process(hidden)
        # One product after the other: a matrix product's order of sums depends on its size.
        y = np.repeat(self._bias[None], len(x), axis=0)
        for k, weights in enumerate(self._output):
            y += hidden[:, k : k + 1] * weights
        return y + x if self._effect.passes_input else y

    def _stepped(self, x: Floats) -> Floats:
        y = np.empty((len(x), self._effect.config.outputs), dtype=np.float32)
        with torch.inference_mode():
            for t, row in enumerate(torch.from_numpy(x)):
                out, self._state = self._effect.step(row[None], self._state)
                y[t] = out[0].numpy()
        return y


class _CompiledLayer:
    """The arrays of one GRU or LSTM layer."""

    def __init__(self, layer: Any) -> None:
        name = type(layer).__name__.lower()
        KERNELS[name].get_ready()
        self._run = KERNELS[name].for_work(0)
        self._w_x, self._w_h = (
            np.ascontiguousarray(weights.detach().float().numpy().T)
            for weights in (layer.weight_ih, layer.weight_hh)
        )
        self._b_x, self._b_h = (
            bias.detach().float().numpy().copy() for bias in (layer.bias_ih, layer.bias_hh)
        )
        self._initial = layer.initial_row().detach().float().numpy()
        self.h = np.zeros(layer.output_size, dtype=np.float32)
        self.c = np.zeros_like(self.h)
        self.reset()

    def reset(self) -> None:
        self.h[:] = self._initial[0]
        self.c[:] = self._initial[1] if len(self._initial) > 1 else 0

    def process(self, x: Floats) -> Floats:
        y = np.empty((len(x), len(self.h)), dtype=np.float32)
        self._run(x, self._w_x, self._w_h, self._b_x, self._b_h, self.h, self.c, y)
        return y
