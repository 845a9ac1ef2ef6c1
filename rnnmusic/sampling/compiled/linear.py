"""The linear flavours as compiled layers: each is the filter that it says it is.

State space and diagonal layers are taken in the form y_t = C h_(t-1) + D x_t of their `filters()`,
where the old state alone makes both the output and the new state.
"""

from __future__ import annotations

import numpy as np

from rnnmusic.compiling import Kernel
from rnnmusic.recurrent import DiagonalSsm, IirCell, LinearRecurrence
from rnnmusic.recurrent.orthogonal import LosslessNetwork
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, zeros
from rnnmusic.sampling.compiled.layer import Layer, LayerState
from rnnmusic.sampling.compiled.weights import doubles, floats


def state_space(layer: LinearRecurrence | LosslessNetwork) -> Layer:
    """h_t = A h_(t-1) + B x_t and the output beside it, in one product. State: h (N,)."""
    (form,) = layer.filters()
    size = layer.states
    weight = floats(np.concatenate([form.A, form.C]).T)
    input_weight = np.concatenate([form.B, form.D]).T
    kernel = _STATE_SPACE.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        h, y = kernel(drive, state[0], weight)
        return y, (h,)

    initial = (floats(layer.initial_row().reshape(size)),)
    return Layer(input_weight, np.zeros(input_weight.shape[1]), initial, advance)


def diagonal(layer: DiagonalSsm) -> Layer:
    """h_t = p h_(t-1) + g B x_t with complex h, and the readout.

    State: its real and its imaginary part, (modes,) each.
    """
    (form,) = layer.filters()
    readout = floats(np.concatenate([form.c.real, -form.c.imag], axis=1).T)
    pole_real, pole_imaginary = floats(form.pole.real), floats(form.pole.imag)
    input_weight = np.concatenate([form.b.real, form.b.imag, form.d]).T
    kernel = _DIAGONAL.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        y, *after = kernel(drive, state[0], state[1], pole_real, pole_imaginary, readout)
        return y, tuple(after)

    initial = layer.initial_row().reshape(layer.modes, 2)
    return Layer(
        input_weight,
        np.zeros(input_weight.shape[1]),
        (floats(initial[:, 0]), floats(initial[:, 1])),
        advance,
    )


def sections(layer: IirCell) -> Layer:
    """A cascade of biquads per output, in transposed direct form II. State: (sections, 2, H)."""
    # (sections, 6, H): neighbouring channels lie side by side.
    rows = floats(doubles(layer.sos()).transpose(1, 2, 0))
    input_weight = doubles(layer.input_weight.T)
    kernel = _SECTIONS.for_work(1)

    def advance(drive: Floats, state: LayerState) -> tuple[Floats, LayerState]:
        y, z = kernel(drive, state[0], rows)
        return y, (z,)

    shape = (layer.output_size, layer.sections, 2)
    initial = floats(doubles(layer.initial_row()).reshape(shape).transpose(1, 2, 0))
    return Layer(input_weight, np.zeros(input_weight.shape[1]), (initial,), advance)


def _state_space(drive: Floats, h: Floats, weight: Floats) -> tuple[Floats, Floats]:
    total = drive.copy()
    add_product(total, weight, h)
    return total[: len(h)].copy(), total[len(h) :].copy()


def _diagonal(
    drive: Floats,
    real: Floats,
    imaginary: Floats,
    pole_real: Floats,
    pole_imaginary: Floats,
    readout: Floats,
) -> tuple[Floats, Floats, Floats]:
    modes = len(real)
    both = np.empty(2 * modes, np.float32)
    next_real, next_imaginary = np.empty_like(real), np.empty_like(imaginary)
    both[:modes], both[modes:] = real, imaginary
    drive_real, drive_imaginary = drive[:modes], drive[modes : 2 * modes]
    for i in range(modes):
        p, q = pole_real[i], pole_imaginary[i]
        next_real[i] = (p * real[i] - q * imaginary[i]) + drive_real[i]
        next_imaginary[i] = (p * imaginary[i] + q * real[i]) + drive_imaginary[i]
    y = drive[2 * modes :].copy()
    add_product(y, readout, both)
    return y, next_real, next_imaginary


def _sections(drive: Floats, z: Floats, rows: Floats) -> tuple[Floats, Floats]:
    signal = drive.copy()
    after = np.empty_like(z)
    for s in range(len(rows)):
        for i in range(len(signal)):
            x = signal[i]
            y = rows[s, 0, i] * x + z[s, 0, i]
            after[s, 0, i] = (rows[s, 1, i] * x - rows[s, 4, i] * y) + z[s, 1, i]
            after[s, 1, i] = rows[s, 2, i] * x - rows[s, 5, i] * y
            signal[i] = y
    return signal, after


_STATE_SPACE = Kernel(
    _state_space,
    patience=0,
    example=lambda: (zeros(2), zeros(1), zeros(1, 2)),
    helpers=(add_product,),
)
_DIAGONAL = Kernel(
    _diagonal,
    patience=0,
    example=lambda: (zeros(3), *(zeros(1) for _ in range(4)), zeros(2, 1)),
    helpers=(add_product,),
)
_SECTIONS = Kernel(
    _sections, patience=0, example=lambda: (zeros(1), zeros(1, 2, 1), zeros(1, 6, 1))
)
