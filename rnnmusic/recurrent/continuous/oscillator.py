"""Two neurons that oscillate, and follow a pulse that somebody else gives."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.continuous.ctrnn import Ctrnn

#: A unit's weight on itself and on the other: a limit cycle around the centre (Beer 1995).
_SELF, _ACROSS = 6.0, 4.0
#: What a pulse adds to the second unit's input: enough to hold the cycle back as well as push it.
_COUPLING = 12.0
_PARTS = 2
_ROUNDS = 60


def oscillator(period_steps: float, *, inputs: int = 1, coupling: float = _COUPLING) -> Ctrnn:
    """A `Ctrnn` of two units that goes round in about `period_steps` steps when left alone.

    A pulse, an input of 1 for one step, pulls its phase: given regularly, the oscillator takes over
    the pulse's period and keeps it until the pulse stops (entrainment; Bown and Lexer 2006 play
    with such networks). All inputs count alike. y (B, T, 2): the first unit is up for half of each
    round. UsageError for fewer than 4 steps, which it could not go round in.
    """
    if not period_steps >= 4.0:
        raise UsageError(f"The period is {period_steps} steps; give 4 or more.")
    layer = Ctrnn(inputs, 2, parts=_PARTS, shortest=1e-3)
    with torch.no_grad():
        weight = torch.tensor([[_SELF, _ACROSS], [-_ACROSS, _SELF]])
        layer.recurrent_weight.copy_(weight)
        layer.threshold.copy_(-0.5 * weight.sum(1))
        layer.input_weight.zero_()
        layer.input_weight[1] = coupling
    # Off the centre, where it would stay for ever.
    layer.initial = nn.Parameter(torch.tensor([0.5, 0.0]))
    tau = period_steps / 10.0
    for _ in range(4):
        set_time_constants(layer, tau)
        tau *= period_steps / float(np.mean(rounds(layer, np.zeros(int(_ROUNDS * period_steps)))))
    set_time_constants(layer, tau)
    return layer


def set_time_constants(layer: Ctrnn, tau: float) -> None:
    """Give all units one time constant, in steps."""
    free = torch.tensor(tau - layer.shortest, dtype=layer.free_tau.dtype)
    with torch.no_grad():
        layer.free_tau.copy_(free + torch.log(-torch.expm1(-free)))


def rounds(layer: Ctrnn, pulse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Steps between the rises of the first unit, in the second half of a pulse train (T,)."""
    x = torch.from_numpy(pulse).float().view(1, -1, 1).expand(-1, -1, layer.input_size)
    with torch.no_grad():
        y = layer(x)[0][0, len(pulse) // 2 :, 0].numpy()
    before, after = y[:-1], y[1:]
    rise = np.flatnonzero((before < 0.5) & (after >= 0.5))
    exact = rise + (0.5 - before[rise]) / (after[rise] - before[rise])
    return np.asarray(np.diff(exact), dtype=np.float64)


def follows(layer: Ctrnn, period_steps: int, *, tolerance: float = 0.01) -> bool:
    """Whether it goes round once for each pulse of a train, after 30 of them."""
    pulse = (np.arange(_ROUNDS * period_steps) % period_steps == 0).astype(np.float64)
    found = rounds(layer, pulse)
    if len(found) < _ROUNDS // 4:
        return False
    return bool(abs(found.mean() - period_steps) <= tolerance * period_steps)


def range_of(layer: Ctrnn, periods: range) -> tuple[int, int] | None:
    """The widest stretch of whole periods, shortest and longest, that it follows; None for none."""
    best: tuple[int, int] | None = None
    begin: int | None = None
    for period in [*periods, None]:
        if period is not None and follows(layer, period):
            begin = period if begin is None else begin
            if best is None or period - begin > best[1] - best[0]:
                best = (begin, period)
        else:
            begin = None
    return best
