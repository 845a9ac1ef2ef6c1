"""Heads that decide pitch by pitch as kernels: independent rows, and the recurrence over pitch."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel
from rnnmusic.heads import PitchAxisHead, TiedHead
from rnnmusic.sampling.compiled.arithmetic import Doubles, Floats, add_product, zeros
from rnnmusic.sampling.compiled.binary import (
    DECIDING,
    certain,
    decided,
    limit_of,
    margin,
    plain_shaping,
    thin_out,
)
from rnnmusic.sampling.compiled.gated import HELPERS, gru_step
from rnnmusic.sampling.compiled.head import BAD_SHAPING, DRAWN, NOT_A_NUMBER, CompiledHead
from rnnmusic.sampling.compiled.weights import doubles, floats


def tied(head: TiedHead) -> CompiledHead:
    """Independent columns, the same weights for each pitch."""
    decide = partial(_TIED.for_work(1), floats(head.readout.T), floats(head.bias))
    return CompiledHead(len(head.sizes), len(head.sizes), decide)


def pitch_axis(head: PitchAxisHead) -> CompiledHead:
    """The equations of `PitchAxisHead`, from the lowest pitch up."""
    width = head.weight_hh.shape[1]
    base = doubles(head.bias_ih)
    # The bias inside the reset gate's bracket can't join the others.
    base[: 2 * width] += doubles(head.bias_hh[: 2 * width])
    numbers = head.weight_ih.shape[1] - head.planes
    decide = partial(
        _PITCH_AXIS.for_work(1),
        floats(head.weight_ih[:, :numbers].T),
        floats(head.weight_ih[:, numbers:].T),
        floats(base),
        floats(head.weight_hh.T),
        floats(head.bias_hh[2 * width :]),
        floats(head.readout.T),
        floats(head.coupling),
        floats(head.bias),
    )
    return CompiledHead(len(head.sizes), len(head.sizes), decide)


def _draw_tied(
    readout: Floats,
    column_bias: Floats,
    hidden: Floats,
    bias: Doubles,
    temperature: Doubles,
    top_p: float,
    most: int,
    uniforms: Doubles,
) -> tuple[int, NDArray[np.int64]]:
    numbers, planes = readout.shape
    columns = len(column_bias)
    logits = column_bias.copy()
    for p in range(columns // planes):
        add_product(
            logits[p * planes : (p + 1) * planes],
            readout,
            hidden[p * numbers : (p + 1) * numbers],
        )
    return decided(logits, bias, temperature, top_p, most, uniforms)


def _draw_pitch_axis(
    heard: Floats,
    told: Floats,
    base: Floats,
    recurrent: Floats,
    inner: Floats,
    readout: Floats,
    coupling: Floats,
    column_bias: Floats,
    hidden: Floats,
    bias: Doubles,
    temperature: Doubles,
    top_p: float,
    most: int,
    uniforms: Doubles,
) -> tuple[int, NDArray[np.int64]]:
    numbers, planes = len(heard), len(told)
    columns = len(column_bias)
    step, margins = np.zeros(columns, np.int64), np.zeros(columns, np.float64)
    logits = column_bias.copy()
    state = np.zeros(len(recurrent), np.float32)
    odds = certain(top_p)
    for p in range(columns // planes):
        drive = base.copy()
        add_product(drive, heard, hidden[p * numbers : (p + 1) * numbers])
        for k in range(planes):
            if p > 0 and step[(p - 1) * planes + k]:
                row = told[k]
                for i in range(len(drive)):
                    drive[i] += row[i]
        state = gru_step(drive, state, recurrent, inner)
        add_product(logits[p * planes : (p + 1) * planes], readout, state)
        for k in range(planes):
            d = p * planes + k
            logit = logits[d]
            for j in range(k):
                if step[p * planes + j]:
                    logit += coupling[k, j]
            limit = limit_of(bias[d], temperature[d], odds, uniforms[d])
            if np.isnan(limit):
                return BAD_SHAPING, step
            if np.isnan(logit):
                return NOT_A_NUMBER, step
            margins[d] = margin(logit, limit)
            step[d] = margins[d] > 0.0
    thin_out(step, margins, most)
    return DRAWN, step


_TIED = Kernel(
    _draw_tied,
    patience=0,
    example=lambda: (zeros(1, 1), zeros(1), zeros(1), *plain_shaping()),
    helpers=(add_product, *DECIDING, decided),
)
_PITCH_AXIS = Kernel(
    _draw_pitch_axis,
    patience=0,
    example=lambda: (
        zeros(1, 3),
        zeros(1, 3),
        zeros(3),
        zeros(1, 3),
        zeros(1),
        zeros(1, 1),
        zeros(1, 1),
        zeros(1),
        zeros(1),
        *plain_shaping(),
    ),
    helpers=(*HELPERS, gru_step, *DECIDING),
)
