"""Parametric equalisers: filters by the names of their knobs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms._checks import as_number, settle
from rnnmusic.filters.forms.protocol import Complexes, Form, Reals
from rnnmusic.filters.forms.sections import Sections

BandType = Literal[
    "peak",
    "low_shelf",
    "high_shelf",
    "low_pass",
    "high_pass",
    "band_pass",
    "notch",
    "all_pass",
]
BAND_TYPES: tuple[str, ...] = get_args(BandType)
MAX_GAIN_DB = 1000.0  # beyond, products of a few gains leave float64


@dataclass(frozen=True)
class Band:
    """One band: gain_db counts for a peak and the shelves only; q above 0."""

    type: BandType
    cutoff_hz: float
    gain_db: float = 0.0
    q: float = math.sqrt(0.5)

    def __post_init__(self) -> None:
        if self.type not in BAND_TYPES:
            raise InputError(f"A band of type {self.type!r} was given; give one of {BAND_TYPES}.")
        for name in ("cutoff_hz", "gain_db", "q"):
            object.__setattr__(self, name, as_number(name, getattr(self, name)))
        _check_gain(self.gain_db)
        if self.q <= 0 or self.cutoff_hz <= 0:
            raise InputError(
                f"A band of {self.cutoff_hz:g} Hz and q {self.q:g} was given; give both above 0."
            )


@dataclass(frozen=True, eq=False)
class ParametricEq(Form):
    """Bands in series, and an overall gain; each cutoff_hz below half of sample_rate_hz.

    Formulas: Bristow-Johnson, Cookbook formulae for audio EQ biquad filter coefficients; its
    band pass is that of constant 0 dB peak gain, its shelves those of a given q.
    """

    kind: ClassVar[str] = "eq"

    bands: tuple[Band, ...]
    sample_rate_hz: float  # without it cutoffs mean nothing
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        bands = _as_bands(self.bands)
        if self.sample_rate_hz is None:
            raise InputError("A parametric equaliser without a sample rate was given; give one.")
        settle(self, bands=bands, gain_db=as_number("gain_db", self.gain_db))
        _check_gain(self.gain_db)
        for band in bands:
            if 2 * band.cutoff_hz >= self.sample_rate_hz:
                raise InputError(
                    f"A band at {band.cutoff_hz:g} Hz was given; give cutoffs below "
                    f"{self.sample_rate_hz / 2:g} Hz, half the sample rate."
                )

    @property
    def order(self) -> int:
        """Two poles a band."""
        return 2 * len(self.bands)

    def poles(self) -> Complexes:
        """Poles of the sections."""
        return self.sections().poles()[: self.order]

    def zeros(self) -> Complexes:
        """Zeros of the sections."""
        return self.sections().zeros()[: self.order]

    def response(self, omega: Reals) -> Complexes:
        """Product of the bands' responses."""
        return self.sections().response(omega)

    def sections(self) -> Sections:
        """One second-order section a band, the overall gain in the first."""
        rows = [band_section(band, self.sample_rate_hz) for band in self.bands]
        sos = np.array(rows or [[1.0, 0, 0, 1, 0, 0]])
        sos[0, :3] *= 10 ** (self.gain_db / 20)
        return Sections(sos, self.sample_rate_hz)

    def to_dict(self) -> dict[str, Any]:
        """The bands as objects."""
        bands = [
            {"type": band.type, "cutoff_hz": band.cutoff_hz, "gain_db": band.gain_db, "q": band.q}
            for band in self.bands
        ]
        return {"bands": bands, "gain_db": self.gain_db}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields."""
        bands = tuple(Band(**band) for band in fields["bands"])
        return cls(bands, fields["sample_rate_hz"], fields["gain_db"])


def band_section(band: Band, sample_rate_hz: float) -> list[float]:
    """b0 b1 b2 1 a1 a2 of one band."""
    omega = 2 * math.pi * band.cutoff_hz / sample_rate_hz
    cos, alpha = math.cos(omega), math.sin(omega) / (2 * band.q)
    amp = 10 ** (band.gain_db / 40)
    if band.type == "peak":
        b = [1 + alpha * amp, -2 * cos, 1 - alpha * amp]
        a = [1 + alpha / amp, -2 * cos, 1 - alpha / amp]
    elif band.type in ("low_shelf", "high_shelf"):
        b, a = _shelf(cos, alpha, amp, 1.0 if band.type == "low_shelf" else -1.0)
    else:
        # 1 - cos and 1 + cos by half angles, which don't cancel.
        low, high = math.sin(omega / 2) ** 2, math.cos(omega / 2) ** 2
        b = {
            "low_pass": [low, 2 * low, low],
            "high_pass": [high, -2 * high, high],
            "band_pass": [alpha, 0.0, -alpha],
            "notch": [1.0, -2 * cos, 1.0],
            "all_pass": [1 - alpha, -2 * cos, 1 + alpha],
        }[band.type]
        a = [1 + alpha, -2 * cos, 1 - alpha]
    return [value / a[0] for value in (*b, *a)]


def _shelf(cos: float, alpha: float, amp: float, side: float) -> tuple[list[float], list[float]]:
    """Numerator and denominator of a low (side 1) or high (side -1) shelf."""
    plus, minus, slope = amp + 1, side * (amp - 1), 2 * math.sqrt(amp) * alpha
    b = [
        amp * (plus - minus * cos + slope),
        2 * amp * (minus - plus * cos),
        amp * (plus - minus * cos - slope),
    ]
    a = [plus + minus * cos + slope, -2 * (minus + plus * cos), plus + minus * cos - slope]
    return b, a


def _check_gain(gain_db: float) -> None:
    if abs(gain_db) > MAX_GAIN_DB:
        raise InputError(
            f"A gain of {gain_db:g} dB was given; give -{MAX_GAIN_DB:g} to {MAX_GAIN_DB:g} dB."
        )


def _as_bands(bands: Sequence[Band]) -> tuple[Band, ...]:
    result = tuple(bands)
    if not all(isinstance(band, Band) for band in result):
        raise InputError("bands holds something else than bands; give Band(type, cutoff_hz, ...).")
    return result
