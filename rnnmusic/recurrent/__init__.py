"""Recurrences: every flavour behind one protocol."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import (
    belief,
    continuous,
    diagonal,
    gated,
    linear,
    memory,
    memoryless,
    multiaxis,
    orthogonal,
    reservoir,
)
from rnnmusic.recurrent.clamped import Clamped
from rnnmusic.recurrent.diagonal import DiagonalSsm, DiagonalState
from rnnmusic.recurrent.gated import (
    GatedLayer,
    Gru,
    GruState,
    Lstm,
    LstmState,
    RnnState,
    VanillaRnn,
)
from rnnmusic.recurrent.iir import IirCell, IirState
from rnnmusic.recurrent.linear import LinearRecurrence, LinearState
from rnnmusic.recurrent.protocol import Recurrent, SequenceLayer, State, detach, tree_map, where
from rnnmusic.recurrent.registry import Flavour, WholeFlavour
from rnnmusic.recurrent.regularisation import WeightDrop, Zoneout
from rnnmusic.recurrent.stack import Stack

__all__ = [
    "RECURRENT",
    "WHOLE",
    "Clamped",
    "DiagonalSsm",
    "DiagonalState",
    "Flavour",
    "GatedLayer",
    "Gru",
    "GruState",
    "IirCell",
    "IirState",
    "LinearRecurrence",
    "LinearState",
    "Lstm",
    "LstmState",
    "Recurrent",
    "RnnState",
    "SequenceLayer",
    "Stack",
    "State",
    "VanillaRnn",
    "WeightDrop",
    "WholeFlavour",
    "Zoneout",
    "build",
    "detach",
    "layer_options",
    "tree_map",
    "where",
]

#: Every flavour that has a step, so that it can be played: one layer of each.
RECURRENT: dict[str, Flavour] = {
    **gated.FLAVOURS,
    **diagonal.FLAVOURS,
    **linear.FLAVOURS,
    **orthogonal.FLAVOURS,
    **memory.FLAVOURS,
    **reservoir.FLAVOURS,
    **continuous.FLAVOURS,
    **belief.FLAVOURS,
    **multiaxis.FLAVOURS,
    **memoryless.FLAVOURS,
}

#: Those that read whole sequences only.
WHOLE: dict[str, WholeFlavour] = {**multiaxis.WHOLE}


def layer_options(name: str) -> dict[str, Any]:
    """The options of a flavour's layers with their defaults; UsageError for an unknown flavour."""
    if name in WHOLE:
        raise UsageError(
            f"The {name} reads whole sequences, so that nothing can be generated with it; choose "
            f"one of {', '.join(RECURRENT)}."
        )
    if name not in RECURRENT:
        raise UsageError(f"No recurrence is called {name!r}; choose one of {', '.join(RECURRENT)}.")
    parameters = inspect.signature(RECURRENT[name].make).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def build(
    name: str,
    input_size: int,
    size: int,
    *,
    layers: int = 1,
    dropout: float = 0.0,
    variational: bool = False,
    zoneout: float | Sequence[float] = 0.0,
    weight_drop: float = 0.0,
    **options: Any,
) -> Stack:
    """A stack of `layers` layers of `size` units of the flavour `name`.

    options: what `layer_options(name)` lists, such as learned_initial_state or, for "lstm",
    forget_bias; UsageError for any other. dropout and variational as in `Stack`; variational also
    drops recurrent connections, at the same rate. zoneout and weight_drop wrap each layer in
    `Zoneout` and `WeightDrop`.
    """
    known = layer_options(name)
    if layers < 1:
        raise UsageError(f"layers is {layers}; give 1 or more.")
    for option in options:
        if option not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise UsageError(f"The {name} has no option {option!r}; {has}.")
    if variational:
        if "recurrent_dropout" not in known:
            raise UsageError(f"The {name} has no recurrent dropout; leave `variational` out.")
        options.setdefault("recurrent_dropout", dropout)
    parts: list[Recurrent] = []
    for _ in range(layers):
        inputs = parts[-1].output_size if parts else input_size
        if parts:
            options.pop("columns", None)  # an upper layer reads no steps
        layer = RECURRENT[name].make(inputs, size, **options)
        layer = WeightDrop(layer, weight_drop) if weight_drop else layer
        parts.append(Zoneout(layer, zoneout) if zoneout else layer)
    return Stack(parts, dropout=dropout, variational=variational)
