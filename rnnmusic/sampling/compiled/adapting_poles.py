"""A last layer whose poles move while it plays: real-time recurrent learning of a diagonal cell.

A mode h_t = p h_(t-1) + u_t with p = r e^(iw), r = (1 - k) / (1 + k), may change how fast it decays
and where it rings, by two numbers a and b of its own:

    k' = k (1 + a (1 - k)),  p' = r' e^(iw) (1 + i k b) / (1 - i k b)

A slow mode's time constant is 1 / (1 + a) times as long and its frequency moves by b of its own
half bandwidth. Whatever a in -1/2 to 1/2 and b are, it is stable, and only basic operations lead
there, which round alike on every machine.

Nobody else hears the mode, so that all that a and b do to it is one complex number, the influence
j = dh/dp', j_t = p' j_(t-1) + h_(t-1) (Williams and Zipser 1989; for such layers Zucchet et al.
2023). What p' did before it was moved last is taken for what it does now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.errors import UsageError
from rnnmusic.recurrent import DiagonalSsm, Recurrent
from rnnmusic.recurrent.diagonal import ResidualBlock
from rnnmusic.sampling.compiled.arithmetic import (
    Floats,
    add_product,
    gelu,
    sigmoid,
    slope_of_gelu,
    tanh,
    zeros,
)
from rnnmusic.sampling.compiled.blocks import residual_block
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import floats

#: How far the numbers a and b of all modes move together at a lesson, at most.
RATE = 0.1
#: How far each of them may get.
LIMIT = 0.5

_RATE, _LIMIT = np.float32(RATE), np.float32(LIMIT)


class PoleState(NamedTuple):
    """h, j, p' and (a, b), (2, M) each, real parts first; and what the modes gave last, (H,)."""

    h: Floats
    influence: Floats
    pole: Floats
    change: Floats
    mixed: Floats


class MovingPoles:
    """The last layer of a network: as it was trained until it is taught. States are `PoleState`s.

    UsageError for a layer that isn't a diagonal state space or a block around one.
    """

    def __init__(self, layer: Recurrent) -> None:
        block = layer if isinstance(layer, ResidualBlock) else None
        mixer = layer if block is None else block.mixer
        if not isinstance(mixer, DiagonalSsm):
            raise UsageError(
                "The poles of this model's last layer can't move while it plays; play without "
                "--adapt-cell, or take a model of the flavours ssm, lru or s5."
            )
        p, b, c, d = mixer.system()
        radius, angle = np.abs(p), np.angle(p)
        self._trained = floats(
            np.stack([(1 - radius) / (1 + radius), np.cos(angle), np.sin(angle)])
        )
        readout = np.concatenate([c.real, -c.imag], axis=1)
        self._back = floats(readout)
        self._place, self._slope = _PLACE.for_work(1), _SLOPE.for_work(1)
        self._move = _MOVE.for_work(1)
        self._leave_back = None if block is None else _leave_back(block)

        is_dense, size = mixer.feedthrough == "dense", mixer.output_size
        direct = floats(np.ones(size) if is_dense else np.diagonal(d))
        forth = floats(readout.T)
        input_weight = np.concatenate([b.real, b.imag, *([d] if is_dense else [])]).T
        begin = 0 if block is None else size  # a block's mixer has its input in front
        kernel = _ADVANCE.for_work(1)

        def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
            h, influence, pole, change, _ = state
            fed = drive[-size:] if is_dense else drive[:size]
            h, influence, mixed = kernel(drive[begin:], fed, h, influence, pole, forth, direct)
            return mixed, PoleState(h, influence, pole, change, mixed)

        still = zeros(2, mixer.modes)
        h = floats(mixer.initial_row().reshape(mixer.modes, 2).T)
        initial = PoleState(h, still, self._place(still, self._trained), still, zeros(size))
        own = Layer(input_weight, np.zeros(input_weight.shape[1]), initial, advance)
        self.layer = own if block is None else residual_block(block, own)

    def gradient(self, by_output: Floats, state: PoleState) -> Floats:
        """That of (a, b), (2, M), when the one of the layer's last output is by_output (H,)."""
        by_mixed = by_output
        if self._leave_back is not None:
            by_mixed = self._leave_back(state.mixed, by_output)
        return self._slope(by_mixed, self._back, state.influence, state.change, self._trained)

    def taught(self, by_output: Floats, state: PoleState) -> PoleState:
        """The state when a and b have gone up that gradient, by `RATE` altogether at most."""
        change = self._move(state.change, self.gradient(by_output, state), _RATE, _LIMIT)
        return state._replace(change=change, pole=self._place(change, self._trained))

    def forgotten(self, state: PoleState) -> PoleState:
        """The state with the poles where they were trained."""
        still = np.zeros_like(state.change)
        return state._replace(change=still, pole=self._place(still, self._trained))


def _leave_back(block: ResidualBlock) -> Callable[[Floats, Floats], Floats]:
    """What the modes gave (H,) and the gradient of the block's output -> that of the former."""
    gate, bias = floats(block.gate.weight.T), floats(block.gate.bias)
    back, kernel = floats(block.gate.weight), _LEAVE_BACK.for_work(1)
    return lambda mixed, by_output: kernel(mixed, by_output, gate, bias, back)


def _advance(
    lifted: Floats,
    fed: Floats,
    h: Floats,
    influence: Floats,
    pole: Floats,
    readout: Floats,
    direct: Floats,
) -> tuple[Floats, Floats, Floats]:
    """The equation of `DiagonalSsm`, and j' = p j + h with the h before."""
    modes = h.shape[1]
    both, after = np.empty(2 * modes, np.float32), np.empty_like(influence)
    for i in range(modes):
        p, q = pole[0, i], pole[1, i]
        both[i] = (p * h[0, i] - q * h[1, i]) + lifted[i]
        both[modes + i] = (p * h[1, i] + q * h[0, i]) + lifted[modes + i]
        after[0, i] = (p * influence[0, i] - q * influence[1, i]) + h[0, i]
        after[1, i] = (p * influence[1, i] + q * influence[0, i]) + h[1, i]
    y = direct * fed
    add_product(y, readout, both)
    return both.reshape(2, modes), after, y


def _place(change: Floats, trained: Floats) -> Floats:
    """p' of (a, b), by k, cos w and sin w."""
    pole = np.empty_like(change)
    for i in range(change.shape[1]):
        k = trained[0, i]
        moved = k * (_ONE + change[0, i] * (_ONE - k))
        turn = k * change[1, i]
        scale = np.divide(_ONE - moved, (_ONE + moved) * (_ONE + turn * turn))
        real, imaginary = scale * (_ONE - turn * turn), scale * (_TWO * turn)
        pole[0, i] = real * trained[1, i] - imaginary * trained[2, i]
        pole[1, i] = real * trained[2, i] + imaginary * trained[1, i]
    return pole


def _slope(
    by_mixed: Floats, back: Floats, influence: Floats, change: Floats, trained: Floats
) -> Floats:
    """The gradient of (a, b): by that of h, j, and dp'/d(a, b) = p' (dlog r'/da, i dangle/db)."""
    modes = change.shape[1]
    by_h, pole = np.zeros(2 * modes, np.float32), _place(change, trained)
    add_product(by_h, back, by_mixed)
    slope = np.empty_like(change)
    for i in range(modes):
        p, q = pole[0, i], pole[1, i]
        # What moves with log p', as a complex number.
        real = p * influence[0, i] - q * influence[1, i]
        imaginary = p * influence[1, i] + q * influence[0, i]
        k = trained[0, i]
        moved = k * (_ONE + change[0, i] * (_ONE - k))
        turn = k * change[1, i]
        decays = -_TWO * k * (_ONE - k) / ((_ONE + moved) * (_ONE - moved))
        turns = _TWO * k / (_ONE + turn * turn)
        slope[0, i] = decays * (by_h[i] * real + by_h[modes + i] * imaginary)
        slope[1, i] = turns * (by_h[modes + i] * real - by_h[i] * imaginary)
    return slope


def _move(change: Floats, slope: Floats, rate: Any, limit: Any) -> Floats:
    """(a, b) + rate s / (1 + |s|), within the limits."""
    total = _ONE
    for part in range(2):
        for i in range(change.shape[1]):
            total += slope[part, i] * slope[part, i]
    scale = rate / np.sqrt(total)
    after = np.empty_like(change)
    for part in range(2):
        for i in range(change.shape[1]):
            moved = change[part, i] + scale * slope[part, i]
            after[part, i] = min(max(moved, -limit), limit)
    return after


def _gate_back(
    mixed: Floats, by_output: Floats, gate: Floats, gate_bias: Floats, back: Floats
) -> Floats:
    """The gradient of a block's gate, either kind, as `blocks` computes it."""
    size, is_full = len(mixed), len(gate_bias) > len(mixed)
    v, by_v = np.empty_like(mixed), np.zeros_like(mixed)
    for i in range(size):
        v[i] = gelu(mixed[i])
    total, by_total = gate_bias.copy(), np.empty_like(gate_bias)
    add_product(total, gate, v)
    for i in range(size):
        opened = sigmoid(total[len(total) - size + i])
        given = total[i] if is_full else v[i]
        by_total[len(total) - size + i] = by_output[i] * given * opened * (_ONE - opened)
        if is_full:
            by_total[i] = by_output[i] * opened
        else:
            by_v[i] = by_output[i] * opened
    add_product(by_v, back, by_total)
    for i in range(size):
        by_v[i] *= slope_of_gelu(mixed[i])
    return by_v


_ONE, _TWO = np.float32(1.0), np.float32(2.0)
_ADVANCE = Kernel(
    _advance,
    patience=0,
    example=lambda: (zeros(2), zeros(1), *(zeros(2, 1) for _ in range(4)), zeros(1)),
    helpers=(add_product,),
)
_PLACE = Kernel(_place, patience=0, example=lambda: (zeros(2, 1), zeros(3, 1)))
_SLOPE = Kernel(
    _slope,
    patience=0,
    example=lambda: (zeros(1), zeros(1, 2), zeros(2, 1), zeros(2, 1), zeros(3, 1)),
    helpers=(add_product, _place),
)
_MOVE = Kernel(_move, patience=0, example=lambda: (zeros(2, 1), zeros(2, 1), _ONE, _ONE))
_LEAVE_BACK = Kernel(
    _gate_back,
    patience=0,
    example=lambda: (zeros(1), zeros(1), zeros(1, 2), zeros(2), zeros(2, 1)),
    helpers=(tanh, sigmoid, gelu, slope_of_gelu, add_product),
)
