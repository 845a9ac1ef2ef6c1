"""The two-dimensional LSTM over time x pitch as a compiled layer: a kernel up the pitches."""

from __future__ import annotations

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.multiaxis.spatial import GATES, Spatial
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, sigmoid, tanh, zeros
from rnnmusic.sampling.compiled.gated import HELPERS
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.pitch_rows import folded, row_products
from rnnmusic.sampling.compiled.weights import doubles, floats


def spatial(layer: Spatial) -> Layer:
    """The equations of `Spatial`. State: h and c, (P, H) each."""
    pitches = layer.view.pitches
    size = layer.output_size // pitches
    input_weight, input_bias = doubles(layer.weight.T), doubles(layer.bias)
    below, before = floats(layer.recurrent[:, :size].T), floats(layer.recurrent[:, size:].T)
    kernel = _SPATIAL.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        h, c = kernel(drive.reshape(pitches, -1), state[0], state[1], below, before)
        return h.reshape(-1), (h, c)

    rows = tuple(np.repeat(doubles(row)[None], pitches, axis=0) for row in layer.initial_row())
    initial = tuple(floats(part) for part in rows)
    if layer.view.reads_rows:
        return row_products(pitches, input_weight, input_bias, initial, advance)
    return Layer(*folded(layer.view, input_weight, input_bias), initial, advance)


def _spatial(
    drive: Floats, h: Floats, c: Floats, below: Floats, before: Floats
) -> tuple[Floats, Floats]:
    after, cells = np.empty_like(h), np.empty_like(c)
    size = h.shape[1]
    for p in range(len(h)):
        total = drive[p].copy()
        add_product(total, before, h[p])
        if p > 0:
            add_product(total, below, after[p - 1])
        inputs, forgets = total[:size], total[size : 2 * size]
        outputs, mixes = total[2 * size : 3 * size], total[3 * size : 4 * size]
        candidates = total[4 * size :]
        for i in range(size):
            under = cells[p - 1, i] if p > 0 else _ZERO
            memory = under + sigmoid(mixes[i]) * (c[p, i] - under)
            cell = sigmoid(forgets[i]) * memory + sigmoid(inputs[i]) * tanh(candidates[i])
            cells[p, i] = cell
            after[p, i] = sigmoid(outputs[i]) * tanh(cell)
    return after, cells


_ZERO = np.float32(0.0)


_SPATIAL = Kernel(
    _spatial,
    patience=0,
    example=lambda: (zeros(1, GATES), zeros(1, 1), zeros(1, 1), zeros(1, GATES), zeros(1, GATES)),
    helpers=HELPERS,
)
