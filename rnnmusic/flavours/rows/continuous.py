"""Rows of the family in continuous time."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from rnnmusic.flavours.music import jsb_row
from rnnmusic.flavours.on_tasks import learned
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.learning import FitConfig
from rnnmusic.recurrent.continuous import ContinuousState, Ctrnn, GruOde, OdeRnn
from rnnmusic.recurrent.continuous.layer import ContinuousLayer
from rnnmusic.recurrent.continuous.oscillator import oscillator, range_of
from rnnmusic.tasks import FrequencyDiscrimination

_PERIOD = 12  # steps


def _halving(setting: Setting) -> Measured:
    """How much an output moves when a step is cut in two, of what it is at most."""
    begun, largest, told = time.monotonic(), 0.0, []
    kinds: list[tuple[str, Callable[..., ContinuousLayer], int]] = [
        ("ctrnn, 4 parts", Ctrnn, 4),
        ("gru-ode", GruOde, 2),
        ("ode-rnn", OdeRnn, 2),
    ]
    for name, kind, parts in kinds:
        torch.manual_seed(setting.seed)
        layer = kind(8, 32, parts=parts).double()
        finer = kind(8, 32, parts=2 * parts).double()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
            finer.load_state_dict(layer.state_dict())
            x, dt = torch.randn(16, 50, 8).double(), 0.2 + 1.6 * torch.rand(16, 50).double()
            start = ContinuousState(torch.randn(16, 32).double())
            one, other = layer(x, start, dt)[0], finer(x, start, dt)[0]
        moved = float((one - other).abs().max() / other.abs().max())
        told.append(f"{name} {moved:.1e}")
        largest = max(largest, moved)
    return Measured(largest, 0, time.monotonic() - begun, "; ".join(told))


def _locking(setting: Setting) -> Measured:
    """Whether two neurons take over a pulse, from the fastest to the slowest that they follow."""
    begun = time.monotonic()
    layer = oscillator(_PERIOD)
    found = range_of(layer, range(4, 3 * _PERIOD))
    shortest, longest = found if found is not None else (1, 1)
    count = sum(parameter.numel() for parameter in layer.parameters())
    note = f"follows pulses of {shortest} to {longest} steps; alone it takes {_PERIOD}"
    return Measured(longest / shortest, count, time.monotonic() - begun, note)


def _asynchronous(flavour: str) -> Row:
    return Row(
        flavour,
        "continuous",
        "frequency-asynchronous",
        "accuracy: period 5 to 6 ms or not, irregular times",
        learned(
            flavour,
            FrequencyDiscrimination("asynchronous"),
            64,
            FitConfig(updates=100_000, seconds=170, learning_rate=3e-3, tests=1000),
            FitConfig(updates=100_000, seconds=15, learning_rate=3e-3, tests=500),
        ),
        better="higher",
        source="Neil et al. 2016",
    )


ROWS: list[Row] = [
    Row(
        "gru-ode",
        "continuous",
        "halving-dt",
        "largest relative change of the output",
        _halving,
        limit=0.01,
    ),
    Row(
        "ctrnn",
        "continuous",
        "pulse",
        "slowest over fastest pulse that it follows",
        _locking,
        limit=2.0,
        better="higher",
        source="Bown and Lexer 2006",
    ),
    _asynchronous("cfc"),
    *(jsb_row(name, "continuous", minutes=2.8) for name in ("ctrnn", "ode-rnn", "gru-ode", "cfc")),
]
