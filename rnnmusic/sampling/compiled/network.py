"""A generator's embedding and recurrence without torch: a table, then a kernel per layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel
from rnnmusic.encodings.protocol import Steps
from rnnmusic.generator import Generator
from rnnmusic.recurrent import (
    DiagonalSsm,
    Gru,
    IirCell,
    LinearRecurrence,
    Lstm,
    Recurrent,
    Stack,
    VanillaRnn,
)
from rnnmusic.recurrent.continuous import Ctrnn
from rnnmusic.recurrent.diagonal import Arma, ResidualBlock
from rnnmusic.recurrent.gated import GatedFeedback, GruBefore, PeepholeLstm, Phased, Slstm
from rnnmusic.recurrent.memoryless import TimeDelay, Window
from rnnmusic.recurrent.multiaxis.grid import GridLstm
from rnnmusic.recurrent.multiaxis.spatial import Spatial
from rnnmusic.recurrent.multiaxis.tied_parallel import TiedParallel
from rnnmusic.recurrent.orthogonal import LosslessNetwork, OrthogonalRnn
from rnnmusic.recurrent.reservoir import EchoStateNetwork, LiquidStateMachine
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product
from rnnmusic.sampling.compiled.blocks import arma, residual_block
from rnnmusic.sampling.compiled.continuous import ctrnn, orthogonal
from rnnmusic.sampling.compiled.delays import delays
from rnnmusic.sampling.compiled.feedback import gated_feedback
from rnnmusic.sampling.compiled.gated import gru, lstm, vanilla
from rnnmusic.sampling.compiled.gated_variants import gru_before, peephole_lstm, slstm
from rnnmusic.sampling.compiled.grid import grid_lstm
from rnnmusic.sampling.compiled.inputs import InputTable
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.linear import diagonal, sections, state_space
from rnnmusic.sampling.compiled.phased import phased
from rnnmusic.sampling.compiled.reservoir import echo_state, liquid
from rnnmusic.sampling.compiled.spatial import spatial
from rnnmusic.sampling.compiled.tied_parallel import tied_parallel
from rnnmusic.sampling.compiled.weights import floats

#: How each flavour becomes a `Layer`. What isn't here runs through torch.
LAYERS: dict[type[Recurrent], Callable[[Any], Layer]] = {
    VanillaRnn: vanilla,
    Lstm: lstm,
    Gru: gru,
    PeepholeLstm: peephole_lstm,
    GruBefore: gru_before,
    Slstm: slstm,
    Phased: phased,
    GatedFeedback: gated_feedback,
    LinearRecurrence: state_space,
    DiagonalSsm: diagonal,
    ResidualBlock: residual_block,
    Arma: arma,
    IirCell: sections,
    Window: delays,
    TimeDelay: delays,
    GridLstm: grid_lstm,
    TiedParallel: tied_parallel,
    Spatial: spatial,
    EchoStateNetwork: echo_state,
    LiquidStateMachine: liquid,
    Ctrnn: ctrnn,
    OrthogonalRnn: orthogonal,
    LosslessNetwork: state_space,
}


class _Upper(NamedTuple):
    """A layer above the first, with what makes its drive of the output below, if anything."""

    layer: Layer
    weight: Floats
    bias: Floats


class CompiledNetwork:
    """A stack of exported layers over an `InputTable`. Its states are tuples of theirs."""

    is_compiled = True

    def __init__(self, generator: Generator, last: Layer | None = None) -> None:
        """last: instead of the last layer's own."""
        *below, top = cast("list[Recurrent]", list(generator.recurrent.layers))
        first, *others = (
            *(LAYERS[type(part)](part) for part in below),
            LAYERS[type(top)](top) if last is None else last,
        )
        self._table = InputTable(generator.embedding, first)
        self._first = first
        self._others = [
            _Upper(layer, floats(layer.input_weight), floats(layer.input_bias)) for layer in others
        ]
        self._dense = _DENSE.for_work(1)

    @staticmethod
    def can_export(generator: Generator) -> bool:
        """Whether every layer is of a flavour that is known here."""
        stack = generator.recurrent
        # A subclass may have other equations: only the very types count.
        if type(stack) is not Stack:
            return False
        inner = [layer.inner for layer in stack.layers if type(layer) is Phased]
        return all(type(layer) in LAYERS for layer in (*stack.layers, *inner))

    def initial(self) -> tuple[LayerState, ...]:
        """The state before the first step."""
        return self._first.initial, *(upper.layer.initial for upper in self._others)

    def hear(
        self, previous: Steps, clock: NDArray[np.uint8], state: tuple[LayerState, ...]
    ) -> tuple[Floats, tuple[LayerState, ...]]:
        """As in `Stepper`."""
        y, new = self._first.advance(self._table.drive(previous, clock), state[0])
        after = [new]
        for upper, before in zip(self._others, state[1:], strict=True):
            drive = self._dense(y, upper.weight, upper.bias) if len(upper.weight) else y
            y, new = upper.layer.advance(drive, before)
            after.append(new)
        return y, tuple(after)


def _dense(x: Floats, weight: Floats, bias: Floats) -> Floats:
    total = bias.copy()
    add_product(total, weight, x)
    return total


def _example() -> tuple[Floats, Floats, Floats]:
    row = np.zeros(1, np.float32)
    return row, np.zeros((1, 1), np.float32), row


_DENSE = Kernel(_dense, patience=0, example=_example, helpers=(add_product,))
