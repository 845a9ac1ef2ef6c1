"""Resonators: peaks and notches of a quality, combs, and the ear's gammatone."""

from __future__ import annotations

from typing import Literal

import numpy as np

from rnnmusic.errors import UsageError
from rnnmusic.filters.design.checks import check_choice
from rnnmusic.filters.design.frequencies import check_frequency, check_positive
from rnnmusic.filters.forms import Sections, TransferFunction


def iirpeak(cutoff_hz: float, q: float, sample_rate_hz: float) -> Sections:
    """A resonance of gain 1 at cutoff_hz, cutoff_hz / q wide between its -3 dB points.

    As scipy.signal.iirpeak. Errors: UsageError for frequencies beyond Nyquist's or q not above 0.
    """
    return _second_order("iirpeak", cutoff_hz, q, sample_rate_hz)


def iirnotch(cutoff_hz: float, q: float, sample_rate_hz: float) -> Sections:
    """A zero at cutoff_hz, cutoff_hz / q wide between its -3 dB points.

    As scipy.signal.iirnotch. Errors: UsageError for frequencies beyond Nyquist's or q not above 0.
    """
    return _second_order("iirnotch", cutoff_hz, q, sample_rate_hz)


def iircomb(
    cutoff_hz: float,
    q: float,
    sample_rate_hz: float,
    kind: Literal["notch", "peak"] = "notch",
    *,
    pass_zero: bool = False,
) -> TransferFunction:
    """Notches or peaks at the multiples of cutoff_hz, which must divide the sample rate.

    Its order is sample_rate_hz / cutoff_hz, its coefficients nearly all zero: direct form.
    pass_zero: of a notch comb, let 0 Hz pass, the notches midway; of a peak comb, peak there.
    As scipy.signal.iircomb. Errors: UsageError as `iirpeak`, and for rates that don't divide.
    """
    from scipy.signal import iircomb as design

    check_choice("kind", kind, ("notch", "peak"))
    sample_rate_hz = check_positive("sample_rate_hz", sample_rate_hz)
    cutoff_hz, q = check_frequency("cutoff_hz", cutoff_hz, sample_rate_hz), check_positive("q", q)
    nearest = sample_rate_hz / max(round(sample_rate_hz / cutoff_hz), 1)
    if abs(nearest - cutoff_hz) > 1e-9 * cutoff_hz:
        raise UsageError(
            f"cutoff_hz is {cutoff_hz:g}, which doesn't divide the sample rate of "
            f"{sample_rate_hz:g} Hz; the nearest that does is {nearest:.9g}."
        )
    b, a = design(cutoff_hz, q, kind, sample_rate_hz, pass_zero=pass_zero)
    return TransferFunction(b, a, sample_rate_hz)


def gammatone(cutoff_hz: float, sample_rate_hz: float) -> Sections:
    """The filter of a place on the cochlea: four equal pole pairs, gain 1 at cutoff_hz.

    Its bandwidth is 1.019 ERB, ERB = 24.7 + cutoff_hz / 9.26449 (Glasberg and Moore 1990).
    Slaney, An efficient implementation of the Patterson-Holdsworth auditory filter bank (1993), in
    four sections, which float32 can hold: as one fraction, scipy's, its poles would be lost.
    Errors: UsageError for frequencies beyond Nyquist's.
    """
    sample_rate_hz = check_positive("sample_rate_hz", sample_rate_hz)
    cutoff_hz = check_frequency("cutoff_hz", cutoff_hz, sample_rate_hz)
    width_hz = 1.019 * (24.7 + cutoff_hz / 9.26449)
    omega = 2 * np.pi * cutoff_hz / sample_rate_hz
    radius = float(np.exp(-2 * np.pi * width_hz / sample_rate_hz))
    cos, sin = float(np.cos(omega)), float(np.sin(omega))
    slopes = [sign * np.sqrt(3 + 2**1.5 * side) for side in (1, -1) for sign in (1, -1)]
    sos = np.array(
        [
            [1, -radius * (cos + slope * sin), 0, 1, -2 * radius * cos, radius * radius]
            for slope in slopes
        ]
    )
    for row in sos:
        row[:3] /= abs(Sections(row[None]).response(np.array([omega]))[0])
    return Sections(sos, sample_rate_hz)


def _second_order(design: str, cutoff_hz: float, q: float, sample_rate_hz: float) -> Sections:
    from scipy import signal

    sample_rate_hz = check_positive("sample_rate_hz", sample_rate_hz)
    cutoff_hz, q = check_frequency("cutoff_hz", cutoff_hz, sample_rate_hz), check_positive("q", q)
    if cutoff_hz / q >= sample_rate_hz / 2:
        raise UsageError(
            f"q is {q:g}, {cutoff_hz / q:g} Hz wide, which is beyond Nyquist's frequency; give a "
            "higher q."
        )
    b, a = getattr(signal, design)(cutoff_hz, q, sample_rate_hz)
    return Sections(np.concatenate((b, a))[None], sample_rate_hz)
