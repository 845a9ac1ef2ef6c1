"""Input weights of layers over pitches: folded into a first layer's table, or row by row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.multiaxis.pitch_view import PitchView
from rnnmusic.sampling.compiled.arithmetic import Doubles, Floats, add_product, zeros
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import doubles, floats

Advance = Callable[[Floats, LayerState], tuple[Floats, LayerState]]


def folded(view: PitchView, weight: Doubles, bias: Doubles) -> tuple[Doubles, Doubles]:
    """The view, which is linear in the notes, and the weights after it as one map.

    weight (D, G) and bias (G,) of each pitch -> (inputs, P * G) and (P * G,).
    """
    inputs = view.input_size
    with torch.no_grad():
        base = doubles(view(torch.zeros(1, inputs, dtype=torch.float64)))[0]  # (P, D)
        views = doubles(view(torch.eye(inputs, dtype=torch.float64))) - base
    map_ = np.einsum("ipd,dg->ipg", views, weight).reshape(inputs, -1)
    return map_, (np.einsum("pd,dg->pg", base, weight) + bias).reshape(-1)


def row_products(
    pitches: int, weight: Doubles, bias: Doubles, initial: LayerState, advance: Advance
) -> Layer:
    """An upper layer, where each pitch multiplies its own numbers of the output below.

    weight (D, G) and bias (G,) of each pitch make the drive (P * G,) that `advance` takes.
    """
    own_weight, own_bias, product = floats(weight), floats(bias), _PRODUCT.for_work(1)

    def advance_rows(x: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        return advance(product(x.reshape(pitches, -1), own_weight, own_bias), state)

    return Layer(np.zeros((0, 0)), np.zeros(0), initial, advance_rows)


def _rows(x: Floats, weight: Floats, bias: Floats) -> Floats:
    total = np.empty((len(x), len(bias)), np.float32)
    for p in range(len(x)):
        total[p] = bias
        add_product(total[p], weight, x[p])
    return total


_PRODUCT = Kernel(
    _rows,
    patience=0,
    example=lambda: (zeros(1, 1), zeros(1, 1), zeros(1)),
    helpers=(add_product,),
)
