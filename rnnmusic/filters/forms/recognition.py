"""Telling the bands of an equaliser from second-order sections."""

from __future__ import annotations

import math

from rnnmusic.errors import InputError
from rnnmusic.filters.forms.equaliser import Band, ParametricEq
from rnnmusic.filters.forms.sections import Sections

#: Ratios of coefficients that agree so far are taken to be equal.
AGREEMENT = 1e-9


def sos_to_eq(form: Sections) -> ParametricEq:
    """The bands whose sections these are; what they amplify beside it adds to the overall gain.

    InputError where a section is no band of the cookbook, is unstable or turns the phase around,
    or where there is no sample rate.
    """
    if form.sample_rate_hz is None:
        raise InputError("A filter without sample rate can't be written as eq; give it one.")
    bands, gain = [], 1.0
    for row in form.sos:
        band, factor = _recognise([float(value) for value in row], form.sample_rate_hz)
        gain *= factor
        if band is not None:
            bands.append(band)
    if gain <= 0:
        raise InputError("The filter turns the phase around, which an equaliser's gain can't do.")
    return ParametricEq(tuple(bands), form.sample_rate_hz, 20 * math.log10(gain))


def _recognise(row: list[float], rate: float) -> tuple[Band | None, float]:
    """The band of a section and the gain beside it; None for a gain alone.

    In p = (z - 1) / (z + 1) the section is (h p**2 + m p + l) / (hd p**2 + md p + ld). Relative to
    its denominator a peak has equal h and l; a low shelf l = A**2 h and m = A h; and so on.
    """
    b0, b1, b2, _, a1, a2 = row
    low_pole, high_pole = math.fsum((1.0, a1, a2)), math.fsum((1.0, -a1, a2))
    if b1 == a1 * b0 and b2 == a2 * b0:
        return None, b0
    if low_pole <= 0 or high_pole <= 0 or a2 >= 1:
        raise InputError("A section is unstable, which no band of an equaliser is; use Sections.")
    low, high = math.fsum((b0, b1, b2)) / low_pole, math.fsum((b0, -b1, b2)) / high_pole
    middle = (b0 - b2) / (1 - a2)
    omega = 2 * math.atan2(math.sqrt(low_pole), math.sqrt(high_pole))
    cutoff_hz = omega * rate / (2 * math.pi)
    q = math.sqrt(low_pole) * math.sqrt(high_pole) / (2 * (1 - a2))
    size = max(abs(low), abs(middle), abs(high))
    near = AGREEMENT * size

    def band(kind: str, gain: float) -> tuple[Band, float]:
        return Band(kind, cutoff_hz, 0.0, q), gain  # type: ignore[arg-type]

    if max(abs(middle), abs(high)) <= near:
        return band("low_pass", low)
    if max(abs(middle), abs(low)) <= near:
        return band("high_pass", high)
    if max(abs(low), abs(high)) <= near:
        return band("band_pass", middle)
    if abs(low - high) <= near:
        if abs(middle) <= near:
            return band("notch", low)
        if abs(middle + low) <= near:
            return band("all_pass", low)
        if middle * low > 0:
            # The pole's q is that of the band times A.
            amp = math.sqrt(middle / low)
            return Band("peak", cutoff_hz, 40 * math.log10(amp), q / amp), low
    elif low * high > 0 and abs(middle * middle - low * high) <= near * size and middle * low > 0:
        return _shelf(low, high, cutoff_hz, q, rate)
    raise InputError(
        f"A section with gains {low:.4g}, {middle:.4g} and {high:.4g} below, at and above its "
        "cutoff is no band of an equaliser; use Sections."
    )


def _shelf(low: float, high: float, pole_hz: float, q: float, rate: float) -> tuple[Band, float]:
    """A low shelf, or the high shelf that is the same but for a gain where that leaves 0 dB."""
    is_high = abs(low - 1) < abs(high - 1)
    amp = math.sqrt(high / low if is_high else low / high)
    # The poles lie at the cutoff divided (low) or multiplied (high) by sqrt(A).
    warped = math.tan(math.pi * pole_hz / rate) * math.sqrt(1 / amp if is_high else amp)
    cutoff_hz = math.atan(warped) * rate / math.pi
    kind = "high_shelf" if is_high else "low_shelf"
    return Band(kind, cutoff_hz, 40 * math.log10(amp), q), low if is_high else high  # type: ignore[arg-type]
