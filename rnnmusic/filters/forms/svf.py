"""State variable filters: coefficients that can move at audio rate without blowing up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms._checks import as_reals, settle
from rnnmusic.filters.forms.protocol import Complexes, Form, Reals
from rnnmusic.filters.forms.sections import Sections


@dataclass(frozen=True, eq=False)
class SvfChain(Form):
    """State variable filters in series: g (S,), r (S,), mix (S, 3) of low, band and high outputs.

    g = tan(omega_cutoff / 2) > 0 and r = 1 / (2 q) > 0 are all that stability asks for. Between
    them stage s is (mix_high p**2 + mix_band g p + mix_low g**2) / (p**2 + 2 r g p + g**2) with
    p = (z - 1) / (z + 1) (Zavalishin, The Art of VA Filter Design, 2012, chapter 4; Kuznetsov,
    Parker and Esqueda, Differentiable IIR filters, DAFx 2020).
    """

    kind: ClassVar[str] = "svf"

    g: Reals
    r: Reals
    mix: Reals
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        g, r = as_reals("g", self.g, 1), as_reals("r", self.r, 1)
        mix = as_reals("mix", self.mix, 2)
        if not len(g) or r.shape != g.shape or mix.shape != (len(g), 3):
            raise InputError(
                f"g, r, mix have shapes {g.shape}, {r.shape}, {mix.shape}; give (stages,), "
                "(stages,) and (stages, 3)."
            )
        if (g <= 0).any():
            raise InputError("g isn't positive in every stage; give tan(pi cutoff / sample rate).")
        if (g * g + 2 * r * g + 1 == 0).any():
            raise InputError("g and r give a stage with a pole at infinity; give r above 0.")
        settle(self, g=g, r=r, mix=mix)

    @classmethod
    def from_cutoff(cls, cutoff_hz: Reals, q: Reals, mix: Reals, sample_rate_hz: float) -> SvfChain:
        """Stages of cutoff_hz (S,) below half the sample rate and q (S,) above 0."""
        cutoff, quality = as_reals("cutoff_hz", cutoff_hz, 1), as_reals("q", q, 1)
        if (cutoff <= 0).any() or (2 * cutoff >= sample_rate_hz).any() or (quality <= 0).any():
            raise InputError(
                f"Cutoffs of {cutoff} Hz and q of {quality} were given; give cutoffs between 0 "
                f"and {sample_rate_hz / 2:g} Hz and q above 0."
            )
        g = np.tan(math.pi * cutoff / sample_rate_hz)
        return cls(g, 1 / (2 * quality), mix, sample_rate_hz)

    @property
    def omega_cutoff(self) -> Reals:
        """Cutoffs (S,) in radians per sample."""
        omega: Reals = 2 * np.arctan(self.g)
        return omega

    @property
    def q(self) -> Reals:
        """Quality of each stage (S,)."""
        with np.errstate(divide="ignore"):
            quality: Reals = 1 / (2 * self.r)
        return quality

    @property
    def order(self) -> int:
        """Two poles a stage."""
        return 2 * len(self.g)

    def poles(self) -> Complexes:
        """The stages' poles, through the bilinear transform: exact for the lowest cutoffs too."""
        spread = np.sqrt(self.r.astype(np.complex128) ** 2 - 1)
        outer = self.g * (self.r + np.where(self.r < 0, -spread, spread))
        analog = -np.stack([outer, self.g**2 / outer], axis=1).ravel()
        return np.asarray((1 + analog) / (1 - analog), dtype=np.complex128)

    def zeros(self) -> Complexes:
        """Zeros of the sections."""
        return self.sections().zeros()

    def response(self, omega: Reals) -> Complexes:
        """Product of the stages' responses, as fractions in p = j tan(omega / 2)."""
        half = np.asarray(omega, dtype=np.float64) / 2
        # Numerator and denominator times cos(omega / 2)**2: no infinity at the Nyquist frequency.
        cos, sin = np.cos(half), 1j * np.sin(half)
        result: Complexes = np.ones(half.shape, dtype=np.complex128)
        with np.errstate(divide="ignore", invalid="ignore"):
            for g, r, (low, band, high) in zip(self.g, self.r, self.mix, strict=True):
                over = high * sin * sin + band * g * sin * cos + low * g * g * cos * cos
                result *= over / (sin * sin + 2 * r * g * sin * cos + g * g * cos * cos)
        return result

    def sections(self) -> Sections:
        """The same filter as second-order sections."""
        g, r = self.g, self.r
        low, band, high = self.mix.T
        square = g * g
        rows = [
            square * low + g * band + high,
            2 * (square * low - high),
            square * low - g * band + high,
            square + 2 * r * g + 1,
            2 * (square - 1),
            square - 2 * r * g + 1,
        ]
        return Sections(np.stack(rows, axis=1), self.sample_rate_hz)

    def to_dict(self) -> dict[str, Any]:
        """The parameters as lists."""
        return {"g": self.g.tolist(), "r": self.r.tolist(), "mix": self.mix.tolist()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields."""
        return cls(fields["g"], fields["r"], fields["mix"], fields.get("sample_rate_hz"))
