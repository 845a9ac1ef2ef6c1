"""Layer: what every exported flavour of recurrence comes down to."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rnnmusic.sampling.compiled.arithmetic import Doubles, Floats

#: Arrays, none of which is ever written into again.
LayerState = tuple[Floats, ...]


class Layer(NamedTuple):
    """A recurrence split in two: a linear map of its input, and the rest.

    The input x (D,) becomes the *drive* x @ input_weight + input_bias (P,): all that a flavour
    multiplies its input by, side by side. `advance(drive, state)` gives the output (H,) and the
    state after. The split is what lets a first layer look its drive up in a table.

    input_weight: (D, P); (0, 0) where the output of the layer below is the drive as it is.
    input_bias: (P,). initial: the state before the first step.
    """

    input_weight: Doubles
    input_bias: Doubles
    initial: LayerState
    advance: Callable[[Floats, LayerState], tuple[Floats, LayerState]]
