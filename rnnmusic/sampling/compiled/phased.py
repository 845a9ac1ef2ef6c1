"""The time gate of `Phased` around the compiled layer that it opens and shuts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.gated import (
    GatedLayer,
    Gru,
    GruBefore,
    Lstm,
    PeepholeLstm,
    Phased,
    Slstm,
    VanillaRnn,
)
from rnnmusic.sampling.compiled.arithmetic import Doubles, Floats, zeros
from rnnmusic.sampling.compiled.gated import gru, lstm, vanilla
from rnnmusic.sampling.compiled.gated_variants import gru_before, peephole_lstm, slstm
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import floats

#: What can be inside.
GATED: dict[type[GatedLayer], Callable[[Any], Layer]] = {
    VanillaRnn: vanilla,
    Lstm: lstm,
    Gru: gru,
    PeepholeLstm: peephole_lstm,
    GruBefore: gru_before,
    Slstm: slstm,
}


def phased(layer: Phased) -> Layer:
    """The equations of `Phased` at dt = 1, in eval mode. State: the inner layer's, and cycles."""
    inner = GATED[type(layer.inner)](layer.inner)
    with torch.no_grad():
        # Rounded where torch rounds them: phases add up, and so would a difference.
        rate = torch.exp(-layer.log_period).double().cpu().numpy()
        shift, ratio = floats(layer.shift), floats(torch.sigmoid(layer.open_logit))
    count, _open, mix = _CYCLES.for_work(1), _OPENNESS.for_work(1), _MIX.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        *before, cycles = state
        _, proposed = inner.advance(drive, tuple(before))
        cycles = count(cycles, rate)
        k = _open(cycles, shift, ratio)
        after = [mix(old, new, k) for old, new in zip(before, proposed, strict=True)]
        return after[0], (*after, cycles)

    initial = (*inner.initial, zeros(layer.output_size))
    return Layer(inner.input_weight, inner.input_bias, initial, advance)


def _cycles(cycles: Floats, rate: Doubles) -> Floats:
    """A step later; in double precision and rounded once, as `Phased` does it."""
    after = np.empty_like(cycles)
    for i in range(len(cycles)):
        passed = np.float64(cycles[i]) + rate[i]
        after[i] = np.float32(passed - np.floor(passed))
    return after


def _openness(cycles: Floats, shift: Floats, ratio: Floats) -> Floats:
    k = np.empty_like(cycles)
    for i in range(len(cycles)):
        place = cycles[i] - shift[i]
        phase = place - np.floor(place)
        k[i] = max(_ZERO, _ONE - abs(np.divide(_TWO * phase, ratio[i]) - _ONE))
    return k


def _mix(old: Floats, new: Floats, k: Floats) -> Floats:
    after = np.empty_like(old)
    for i in range(len(old)):
        after[i] = old[i] + k[i] * (new[i] - old[i])
    return after


_ZERO, _ONE, _TWO = (np.float32(number) for number in (0.0, 1.0, 2.0))

_CYCLES = Kernel(_cycles, patience=0, example=lambda: (zeros(1), np.zeros(1)))
_OPENNESS = Kernel(_openness, patience=0, example=lambda: (zeros(1), zeros(1), zeros(1)))
_MIX = Kernel(_mix, patience=0, example=lambda: (zeros(1), zeros(1), zeros(1)))
