"""Residual blocks around linear recurrences, and those recurrences, as compiled layers.

The drive of a block is what its output is added to. A mixer is a `Layer` too, but the drive that
it advances by has its input x (H,) itself in front.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent.diagonal import (
    Arma,
    ChannelSsm,
    DiagonalSsm,
    LinearScan,
    MinGru,
    ResidualBlock,
    RgLru,
)
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, gelu, sigmoid, tanh, zeros
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import doubles, floats


def residual_block(layer: ResidualBlock, mixer: Layer | None = None) -> Layer:
    """The equation of `ResidualBlock`. State: the mixer's. mixer: instead of its own."""
    size = layer.output_size
    if mixer is None:
        mixer = MIXERS[type(layer.mixer)](layer.mixer)
    mix, weight, bias = mixer.advance, floats(mixer.input_weight), floats(mixer.input_bias)
    norm = floats(np.stack([doubles(layer.norm.weight), doubles(layer.norm.bias)]))
    gate, gate_bias = floats(layer.gate.weight.T), floats(layer.gate.bias)
    epsilon = np.float32(layer.norm.eps)
    enter, leave = _ENTER.for_work(1), _LEAVE.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        mixed, after = mix(enter(drive, norm, epsilon, weight, bias), state)
        return leave(drive, mixed, gate, gate_bias), after

    if layer.entry is None:
        return Layer(np.eye(size), np.zeros(size), mixer.initial, advance)
    entry_weight, entry_bias = doubles(layer.entry.weight.T), doubles(layer.entry.bias)
    return Layer(entry_weight, entry_bias, mixer.initial, advance)


def state_space(layer: DiagonalSsm) -> Layer:
    """One system of many channels. State: its real and its imaginary part, (modes,) each."""
    p, b, c, d = layer.system()
    pole = floats(np.stack([p.real, p.imag]))
    readout = floats(np.concatenate([c.real, -c.imag], axis=1).T)
    size, is_dense = layer.output_size, layer.feedthrough == "dense"
    input_weight = np.concatenate([b.real, b.imag, *([d] if is_dense else [])]).T
    direct = floats(np.ones(size) if is_dense else np.diagonal(d))
    kernel = _STATE_SPACE.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        fed = drive[-size:] if is_dense else drive[:size]
        y, *after = kernel(drive[size:], fed, state[0], state[1], pole, readout, direct)
        return y, tuple(after)

    initial = layer.initial_row().reshape(layer.modes, 2)
    return Layer(
        input_weight,
        np.zeros(input_weight.shape[1]),
        (floats(initial[:, 0]), floats(initial[:, 1])),
        advance,
    )


def channels(layer: ChannelSsm) -> Layer:
    """A system per channel. State: its real and its imaginary part, (modes, H) each."""
    p, b, c, d = layer.system()
    parts = (p.real, p.imag, b.real, b.imag, c.real, -c.imag)
    # (modes, 6, H): channels lie side by side.
    rows, direct = floats(np.stack(parts).transpose(2, 0, 1)), floats(d)
    size = layer.output_size
    kernel = _CHANNELS.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        y, *after = kernel(drive, state[0], state[1], rows, direct)
        return y, tuple(after)

    initial = doubles(layer.initial_row()).reshape(size, layer.modes, 2).transpose(2, 1, 0)
    states = floats(initial[0]), floats(initial[1])
    return Layer(np.zeros((size, 0)), np.zeros(0), states, advance)


def min_gru(layer: MinGru) -> Layer:
    """The equation of `MinGru`. State: h."""
    size = layer.output_size
    kernel = _MIN_GRU.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        h = kernel(drive[size:], state[0])
        return h, (h,)

    initial = (floats(layer.initial_row()),)
    return Layer(doubles(layer.weight.T), doubles(layer.bias), initial, advance)


def rg_lru(layer: RgLru) -> Layer:
    """The equations of `RgLru`. State: h."""
    # Half of -log a where r is 1: log(sigmoid(L)) = -log(1 + exp(-L)).
    half_decay = floats(0.5 * layer.SHARPNESS * np.logaddexp(0.0, -doubles(layer.decay)))
    kernel = _RG_LRU.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        h = kernel(drive, state[0], half_decay)
        return h, (h,)

    initial = (floats(layer.initial_row()),)
    return Layer(doubles(layer.weight.T), doubles(layer.bias), initial, advance)


def arma(layer: Arma) -> Layer:
    """The equations of `Arma`. State: (max(p, q), H)."""
    phi, theta = (floats(doubles(part).T) for part in layer.coefficients())
    kernel = _ARMA.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        s = kernel(drive, state[0], phi, theta)
        return s[0].copy(), (s,)

    initial = (floats(doubles(layer.initial_row()).T),)
    return Layer(doubles(layer.input_weight.T), np.zeros(layer.output_size), initial, advance)


#: What a block may be around.
MIXERS: dict[type[LinearScan], Callable[[Any], Layer]] = {
    DiagonalSsm: state_space,
    ChannelSsm: channels,
    MinGru: min_gru,
    RgLru: rg_lru,
}

_ZERO, _ONE, _TWO = (np.float32(number) for number in (0.0, 1.0, 2.0))


def _enter(u: Floats, norm: Floats, epsilon: Any, weight: Floats, bias: Floats) -> Floats:
    size = len(u)
    mean, variance = _ZERO, _ZERO
    for i in range(size):
        mean += u[i]
    mean /= np.float32(size)
    for i in range(size):
        variance += (u[i] - mean) * (u[i] - mean)
    scale = _ONE / np.sqrt(variance / np.float32(size) + epsilon)
    drive = np.empty(size + len(bias), np.float32)
    heard, lifted = drive[:size], drive[size:]
    for i in range(size):
        heard[i] = (u[i] - mean) * scale * norm[0, i] + norm[1, i]
    lifted[:] = bias
    add_product(lifted, weight, heard)
    return drive


def _leave(u: Floats, mixed: Floats, gate: Floats, gate_bias: Floats) -> Floats:
    size = len(u)
    v = np.empty_like(mixed)
    for i in range(size):
        v[i] = gelu(mixed[i])
    total = gate_bias.copy()
    add_product(total, gate, v)
    opened = total[len(total) - size :]
    given = total[:size] if len(total) > size else v
    y = np.empty_like(u)
    for i in range(size):
        y[i] = u[i] + given[i] * sigmoid(opened[i])
    return y


def _state_space(
    lifted: Floats,
    fed: Floats,
    real: Floats,
    imaginary: Floats,
    pole: Floats,
    readout: Floats,
    direct: Floats,
) -> tuple[Floats, Floats, Floats]:
    modes = len(real)
    both = np.empty(2 * modes, np.float32)
    next_real, next_imaginary = both[:modes], both[modes:]
    drive_real, drive_imaginary = lifted[:modes], lifted[modes : 2 * modes]
    pole_real, pole_imaginary = pole[0], pole[1]
    for i in range(modes):
        p, q = pole_real[i], pole_imaginary[i]
        next_real[i] = (p * real[i] - q * imaginary[i]) + drive_real[i]
        next_imaginary[i] = (p * imaginary[i] + q * real[i]) + drive_imaginary[i]
    y = direct * fed
    add_product(y, readout, both)
    return y, next_real.copy(), next_imaginary.copy()


def _channels(
    x: Floats, real: Floats, imaginary: Floats, rows: Floats, direct: Floats
) -> tuple[Floats, Floats, Floats]:
    next_real, next_imaginary = np.empty_like(real), np.empty_like(imaginary)
    y = direct * x
    for n in range(len(rows)):
        pole_real, pole_imaginary = rows[n, 0], rows[n, 1]
        into_real, into_imaginary = rows[n, 2], rows[n, 3]
        out_real, out_imaginary = rows[n, 4], rows[n, 5]
        old_real, old_imaginary = real[n], imaginary[n]
        new_real, new_imaginary = next_real[n], next_imaginary[n]
        for i in range(len(x)):
            p, q, r, m = pole_real[i], pole_imaginary[i], old_real[i], old_imaginary[i]
            new_r = (p * r - q * m) + into_real[i] * x[i]
            new_m = (p * m + q * r) + into_imaginary[i] * x[i]
            new_real[i], new_imaginary[i] = new_r, new_m
            y[i] += out_real[i] * new_r + out_imaginary[i] * new_m
    return y, next_real, next_imaginary


def _min_gru(drive: Floats, h: Floats) -> Floats:
    size = len(h)
    gates, candidates = drive[:size], drive[size:]
    after = np.empty_like(h)
    for i in range(size):
        after[i] = h[i] + sigmoid(gates[i]) * (candidates[i] - h[i])
    return after


def _rg_lru(drive: Floats, h: Floats, half_decay: Floats) -> Floats:
    size = len(h)
    x, recurrences, inputs = drive[:size], drive[size : 2 * size], drive[2 * size :]
    after = np.empty_like(h)
    for i in range(size):
        # a = exp(-2 w) and sqrt(1 - a**2), by tanh(w): there is no other function here.
        t = tanh(half_decay[i] * sigmoid(recurrences[i]))
        scale = np.divide(_ONE, _ONE + t)
        kept = (_ONE - t) * scale * h[i]
        after[i] = kept + _TWO * np.sqrt(t) * scale * (sigmoid(inputs[i]) * x[i])
    return after


def _arma(u: Floats, s: Floats, phi: Floats, theta: Floats) -> Floats:
    after = np.empty_like(s)
    for k in range(len(s)):
        for i in range(len(u)):
            after[k, i] = phi[k, i] * u[i] + theta[k, i] * (u[i] - s[0, i])
        if k + 1 < len(s):
            for i in range(len(u)):
                after[k, i] += s[k + 1, i]
    return after


_ENTER = Kernel(
    _enter,
    patience=0,
    example=lambda: (zeros(1), zeros(2, 1), np.float32(1e-5), zeros(1, 1), zeros(1)),
    helpers=(add_product,),
)
_LEAVE = Kernel(
    _leave,
    patience=0,
    example=lambda: (zeros(1), zeros(1), zeros(1, 2), zeros(2)),
    helpers=(add_product, tanh, sigmoid, gelu),
)
_STATE_SPACE = Kernel(
    _state_space,
    patience=0,
    example=lambda: (zeros(2), *(zeros(1) for _ in range(3)), zeros(2, 1), zeros(2, 1), zeros(1)),
    helpers=(add_product,),
)
_CHANNELS = Kernel(
    _channels,
    patience=0,
    example=lambda: (zeros(1), zeros(1, 1), zeros(1, 1), zeros(1, 6, 1), zeros(1)),
)
_MIN_GRU = Kernel(
    _min_gru, patience=0, example=lambda: (zeros(2), zeros(1)), helpers=(tanh, sigmoid)
)
_RG_LRU = Kernel(
    _rg_lru, patience=0, example=lambda: (zeros(3), zeros(1), zeros(1)), helpers=(tanh, sigmoid)
)
_ARMA = Kernel(_arma, patience=0, example=lambda: (zeros(1), zeros(1, 1), zeros(1, 1), zeros(1, 1)))
