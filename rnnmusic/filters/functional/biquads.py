"""Filters of second order by name: torchaudio's functions and numbers, differentiable throughout.

Frequencies, gains and Q may be numbers or tensors. A tensor may hold one value, as in torchaudio,
or one for each channel: it broadcasts over the leading dimensions of the waveform (..., T).
Gradients with respect to them and to the waveform are exact and of any order. As in torchaudio the
coefficients are computed in the waveform's dtype and the output is limited to [-1, 1].

The formulas are those of R. Bristow-Johnson's Audio EQ Cookbook, where nothing else is said.
InputError for frequencies outside of 0 to half the sample rate, Q that isn't positive, values that
aren't finite, and what `lfilter` refuses.
"""

# ruff: noqa: N803  (Q is torchaudio's name of it, and everybody's)
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.functional import _given as given
from rnnmusic.filters.functional.direct import direct_form, normalised

Number = float | Tensor


def biquad(
    waveform: Tensor, b0: Number, b1: Number, b2: Number, a0: Number, a1: Number, a2: Number
) -> Tensor:
    """a0 y[t] = b0 x[t] + b1 x[t-1] + b2 x[t-2] - a1 y[t-1] - a2 y[t-2], limited to [-1, 1]."""
    return _filtered(waveform, (b0, b1, b2), (a0, a1, a2))


def lowpass_biquad(
    waveform: Tensor, sample_rate: float, cutoff_freq: Number, Q: Number = 0.707
) -> Tensor:
    """Low-pass of 12 dB per octave above cutoff_freq (Hz)."""
    cos, alpha, _ = _angle(waveform, sample_rate, cutoff_freq, Q)
    return _filtered(
        waveform, ((1 - cos) / 2, 1 - cos, (1 - cos) / 2), (1 + alpha, -2 * cos, 1 - alpha)
    )


def highpass_biquad(
    waveform: Tensor, sample_rate: float, cutoff_freq: Number, Q: Number = 0.707
) -> Tensor:
    """High-pass of 12 dB per octave below cutoff_freq (Hz)."""
    cos, alpha, _ = _angle(waveform, sample_rate, cutoff_freq, Q)
    return _filtered(
        waveform, ((1 + cos) / 2, -1 - cos, (1 + cos) / 2), (1 + alpha, -2 * cos, 1 - alpha)
    )


def bandpass_biquad(
    waveform: Tensor,
    sample_rate: float,
    central_freq: Number,
    Q: Number = 0.707,
    const_skirt_gain: bool = False,
) -> Tensor:
    """Band-pass around central_freq (Hz) of peak gain 1, with const_skirt_gain of peak gain Q."""
    omega, q, _ = _parameters(waveform, sample_rate, central_freq, Q)
    cos, alpha = torch.cos(omega), torch.sin(omega) / 2 / q
    peak = torch.sin(omega) / 2 if const_skirt_gain else alpha
    return _filtered(waveform, (peak, 0.0, -peak), (1 + alpha, -2 * cos, 1 - alpha))


def bandreject_biquad(
    waveform: Tensor, sample_rate: float, central_freq: Number, Q: Number = 0.707
) -> Tensor:
    """Notch at central_freq (Hz)."""
    cos, alpha, _ = _angle(waveform, sample_rate, central_freq, Q)
    return _filtered(waveform, (1.0, -2 * cos, 1.0), (1 + alpha, -2 * cos, 1 - alpha))


def allpass_biquad(
    waveform: Tensor, sample_rate: float, central_freq: Number, Q: Number = 0.707
) -> Tensor:
    """All-pass whose phase turns by 180 degrees at central_freq (Hz)."""
    cos, alpha, _ = _angle(waveform, sample_rate, central_freq, Q)
    return _filtered(waveform, (1 - alpha, -2 * cos, 1 + alpha), (1 + alpha, -2 * cos, 1 - alpha))


def equalizer_biquad(
    waveform: Tensor, sample_rate: float, center_freq: Number, gain: Number, Q: Number = 0.707
) -> Tensor:
    """Peak or dip of gain (dB) at center_freq (Hz)."""
    cos, alpha, root = _angle(waveform, sample_rate, center_freq, Q, gain)
    return _filtered(
        waveform,
        (1 + alpha * root, -2 * cos, 1 - alpha * root),
        (1 + alpha / root, -2 * cos, 1 - alpha / root),
    )


def bass_biquad(
    waveform: Tensor,
    sample_rate: float,
    gain: Number,
    central_freq: Number = 100,
    Q: Number = 0.707,
) -> Tensor:
    """Shelf of gain (dB) below central_freq (Hz)."""
    cos, alpha, root = _angle(waveform, sample_rate, central_freq, Q, gain)
    return _filtered(waveform, *_shelf(root, cos, alpha, 1))


def treble_biquad(
    waveform: Tensor,
    sample_rate: float,
    gain: Number,
    central_freq: Number = 3000,
    Q: Number = 0.707,
) -> Tensor:
    """Shelf of gain (dB) above central_freq (Hz)."""
    cos, alpha, root = _angle(waveform, sample_rate, central_freq, Q, gain)
    return _filtered(waveform, *_shelf(root, cos, alpha, -1))


def band_biquad(
    waveform: Tensor,
    sample_rate: float,
    central_freq: Number,
    Q: Number = 0.707,
    noise: bool = False,
) -> Tensor:
    """SoX's band: a resonance at central_freq (Hz), of bandwidth central_freq / Q.

    The gain at its middle is that for pitched sounds; with `noise` that for noise.
    """
    omega, q, _ = _parameters(waveform, sample_rate, central_freq, Q)
    width_hz = _number("The frequency", waveform, central_freq) / q
    a2 = torch.exp(-2 * math.pi * width_hz / sample_rate)
    a1 = -4 * a2 / (1 + a2) * torch.cos(omega)
    b0 = torch.sqrt(1 - a1 * a1 / (4 * a2)) * (1 - a2)
    if noise:
        b0 = torch.sqrt(((1 + a2) * (1 + a2) - a1 * a1) * (1 - a2) / (1 + a2))
    return _filtered(waveform, (b0, 0.0, 0.0), (1.0, a1, a2))


def deemph_biquad(waveform: Tensor, sample_rate: int) -> Tensor:
    """De-emphasis of compact discs (44100 Hz) and DAT (48000 Hz): SoX's shelf of a given slope."""
    # Frequency in Hz, gain in dB, slope.
    known = {44100: (5283.0, -9.477, 0.4845), 48000: (5356.0, -9.62, 0.479)}
    if sample_rate not in known:
        raise InputError(f"De-emphasis at {sample_rate} Hz isn't defined; resample to 44100 Hz.")
    center_hz, gain_db, slope = known[sample_rate]
    omega = torch.tensor(2 * math.pi * center_hz / sample_rate, dtype=torch.float64)
    root = torch.tensor(10 ** (gain_db / 40), dtype=torch.float64)
    alpha = torch.sin(omega) / 2 * torch.sqrt((root + 1 / root) * (1 / slope - 1) + 2)
    return _filtered(waveform, *_shelf(root, torch.cos(omega), alpha, -1))


def riaa_biquad(waveform: Tensor, sample_rate: int) -> Tensor:
    """Equalisation of vinyl records (RIAA), 0 dB at 1 kHz, by SoX's zeros and poles."""
    known = {
        44100: ((-0.2014898, 0.9233820), (0.7083149, 0.9924091)),
        48000: ((-0.1766069, 0.9321590), (0.7396325, 0.9931330)),
        88200: ((-0.1168735, 0.9648312), (0.8590646, 0.9964002)),
        96000: ((-0.1141486, 0.9676817), (0.8699137, 0.9966946)),
    }
    if sample_rate not in known:
        rates = ", ".join(map(str, known))
        raise InputError(
            f"There is no RIAA filter for {sample_rate} Hz; resample to one of {rates}."
        )
    b, a = ((1.0, -(first + second), first * second) for first, second in known[sample_rate])
    turn = complex(math.cos(2000 * math.pi / sample_rate), -math.sin(2000 * math.pi / sample_rate))
    at_1_khz = [abs(c[0] + turn * (c[1] + turn * c[2])) for c in (b, a)]
    return _filtered(waveform, [c * at_1_khz[1] / at_1_khz[0] for c in b], a)


def _filtered(waveform: Tensor, b: Sequence[Number], a: Sequence[Number]) -> Tensor:
    names = ("b0", "b1", "b2", "a0", "a1", "a2")
    parts = _broadcast(
        *(_number(name, waveform, value) for name, value in zip(names, (*b, *a), strict=True))
    )
    numerator, denominator = normalised(torch.stack(parts[3:], -1), torch.stack(parts[:3], -1))
    channels = waveform.shape[:-1]
    if len(parts[0].shape) > len(channels) and parts[0].numel() == 1:
        numerator, denominator = numerator.reshape(3), denominator.reshape(2)
    start = given.initial_state(None, (*channels, 2), waveform)
    y, _ = direct_form(waveform, numerator, denominator, start)
    return y.clamp(-1.0, 1.0)


def _shelf(
    root: Tensor, cos: Tensor, alpha: Tensor, side: int
) -> tuple[list[Tensor], list[Tensor]]:
    """b and a of a shelf on the low side (1) or the high side (-1) of its frequency."""
    more, less = root + 1, root - 1
    slope, tilt = 2 * torch.sqrt(root) * alpha, side * cos
    b = [
        root * (more - less * tilt + slope),
        2 * side * root * (less - more * tilt),
        root * (more - less * tilt - slope),
    ]
    a = [more + less * tilt + slope, -2 * side * (less + more * tilt), more + less * tilt - slope]
    return b, a


def _angle(
    waveform: Tensor, sample_rate: float, frequency: Number, q: Number, gain_db: Number = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """The cookbook's cos(omega), alpha and A, the root of the amplitude."""
    omega, q, root = _parameters(waveform, sample_rate, frequency, q, gain_db)
    return torch.cos(omega), torch.sin(omega) / 2 / q, root


def _parameters(
    waveform: Tensor, sample_rate: float, frequency: Number, q: Number, gain_db: Number = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """omega, Q and the root of the amplitude, broadcast, in the waveform's dtype."""
    hertz = _number("The frequency", waveform, frequency)
    width, decibels = _number("Q", waveform, q), _number("gain", waveform, gain_db)
    if not bool(((hertz > 0) & (hertz < sample_rate / 2)).all()):
        raise InputError(
            f"The frequency {frequency} isn't between 0 and {sample_rate / 2:g} Hz, half the "
            "sample rate; choose one that is."
        )
    if not bool((width > 0).all()):
        raise InputError(f"Q is {q}; give a Q above 0.")
    hertz, width, decibels = _broadcast(hertz, width, decibels)
    omega = 2 * math.pi * hertz / sample_rate
    return omega, width, torch.exp(decibels / 40 * math.log(10))


def _broadcast(*parts: Tensor) -> list[Tensor]:
    try:
        return list(torch.broadcast_tensors(*parts))  # type: ignore[no-untyped-call]
    except RuntimeError:
        shapes = ", ".join(str(tuple(part.shape)) for part in parts)
        raise InputError(
            f"Parameters of shapes {shapes} don't broadcast; give numbers, or one value for each "
            "channel."
        ) from None


def _number(name: str, waveform: Tensor, value: Number) -> Tensor:
    given.check_waveform(waveform)
    number = torch.as_tensor(value, dtype=waveform.dtype, device=waveform.device)
    if not bool(torch.isfinite(number).all()):
        raise InputError(f"{name} is {value}; give finite values.")
    return number
