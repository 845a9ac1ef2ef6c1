"""The tied-parallel network as a compiled layer: its cell's kernel, pitch after pitch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.gated import Lstm
from rnnmusic.recurrent.multiaxis.tied_parallel import TiedParallel
from rnnmusic.sampling.compiled.arithmetic import Floats, zeros
from rnnmusic.sampling.compiled.gated import HELPERS, gru, gru_step, lstm, lstm_step
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.pitch_rows import folded, row_products
from rnnmusic.sampling.compiled.weights import floats


def tied_parallel(layer: TiedParallel) -> Layer:
    """The equations of `TiedParallel`. State: the cell's with a row per pitch, (P, H) each."""
    pitches, size = layer.view.pitches, layer.cell.output_size
    recurrent, inner = floats(layer.cell.weight_hh.T), floats(layer.cell.bias_hh[-size:])
    kernel: Callable[..., LayerState]
    rest: tuple[Floats, ...]
    if isinstance(layer.cell, Lstm):
        kernel, cell, rest = _LSTM.for_work(1), lstm(layer.cell), (recurrent,)
    else:
        kernel, cell, rest = _GRU.for_work(1), gru(layer.cell), (recurrent, inner)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        after = kernel(drive.reshape(pitches, -1), *state, *rest)
        return after[0].reshape(-1), after

    initial = tuple(floats(np.repeat(row[None], pitches, axis=0)) for row in cell.initial)
    if layer.view.reads_rows:
        return row_products(pitches, cell.input_weight, cell.input_bias, initial, advance)
    return Layer(*folded(layer.view, cell.input_weight, cell.input_bias), initial, advance)


def _tied_lstm(drive: Floats, h: Floats, c: Floats, recurrent: Floats) -> tuple[Floats, Floats]:
    after, cells = np.empty_like(h), np.empty_like(c)
    for p in range(len(h)):
        after[p], cells[p] = lstm_step(drive[p], h[p], c[p], recurrent)
    return after, cells


def _tied_gru(drive: Floats, h: Floats, recurrent: Floats, inner: Floats) -> tuple[Floats]:
    after = np.empty_like(h)
    for p in range(len(h)):
        after[p] = gru_step(drive[p], h[p], recurrent, inner)
    return (after,)


_LSTM = Kernel(
    _tied_lstm,
    patience=0,
    example=lambda: (zeros(1, 4), zeros(1, 1), zeros(1, 1), zeros(1, 4)),
    helpers=(*HELPERS, lstm_step),
)
_GRU = Kernel(
    _tied_gru,
    patience=0,
    example=lambda: (zeros(1, 3), zeros(1, 1), zeros(1, 3), zeros(1)),
    helpers=(*HELPERS, gru_step),
)
