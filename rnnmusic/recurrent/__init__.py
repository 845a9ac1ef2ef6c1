"""Recurrences: every flavour behind one protocol."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from rnnmusic.errors import UsageError
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
from rnnmusic.recurrent.protocol import Recurrent, State, detach, tree_map, where
from rnnmusic.recurrent.stack import Stack

__all__ = [
    "RECURRENT",
    "DiagonalSsm",
    "DiagonalState",
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
    "Stack",
    "State",
    "VanillaRnn",
    "build",
    "detach",
    "layer_options",
    "tree_map",
    "where",
]

#: One layer of each flavour: called with input_size, size and the flavour's own options.
RECURRENT: dict[str, Callable[..., Recurrent]] = {
    "rnn": VanillaRnn,
    "lstm": Lstm,
    "gru": Gru,
    "linear": LinearRecurrence,
    "iir": IirCell,
    "ssm": DiagonalSsm,
}


def layer_options(name: str) -> dict[str, Any]:
    """The options of a flavour's layers with their defaults; UsageError for an unknown flavour."""
    if name not in RECURRENT:
        raise UsageError(f"No recurrence is called {name!r}; choose one of {', '.join(RECURRENT)}.")
    parameters = inspect.signature(RECURRENT[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def build(
    name: str,
    input_size: int,
    size: int,
    *,
    layers: int = 1,
    dropout: float = 0.0,
    variational: bool = False,
    **options: Any,
) -> Stack:
    """A stack of `layers` layers of `size` units of the flavour `name`.

    options: what `layer_options(name)` lists, such as learned_initial_state or, for "lstm",
    forget_bias; UsageError for any other. dropout and variational as in `Stack`; variational also
    drops recurrent connections, at the same rate.
    """
    known = layer_options(name)
    if layers < 1:
        raise UsageError(f"layers is {layers}; give 1 or more.")
    for option in options:
        if option not in known:
            raise UsageError(f"The {name} has no option {option!r}; it has {', '.join(known)}.")
    if variational:
        if "recurrent_dropout" not in known:
            raise UsageError(f"The {name} has no recurrent dropout; leave `variational` out.")
        options.setdefault("recurrent_dropout", dropout)
    make = RECURRENT[name]
    inputs = [input_size] + [size] * (layers - 1)
    parts = [make(inputs_of_layer, size, **options) for inputs_of_layer in inputs]
    return Stack(parts, dropout=dropout, variational=variational)
