"""Parametric equalisers whose knobs are learned, each within a range that a slider can show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Band, Form, ParametricEq
from rnnmusic.filters.forms.equaliser import BAND_TYPES
from rnnmusic.filters.modules.base import broadcast, fill, joined
from rnnmusic.filters.modules.chain import SectionChain
from rnnmusic.filters.modules.stability import MARGIN


@dataclass(frozen=True)
class Range:
    """Where a knob can stand: minimum to maximum in `unit`, evenly in log where `log`."""

    minimum: float
    maximum: float
    unit: str
    log: bool = False

    def value(self, raw: Tensor) -> Tensor:
        """Knob positions of any real numbers, through a sigmoid."""
        share = torch.sigmoid(raw.double())
        low, high = self._ends()
        value = low + (high - low) * share
        return torch.exp(value) if self.log else value

    def raw(self, name: str, value: float) -> float:
        """The inverse of `value`; at either stop a number whose sigmoid rounds to it."""
        if not self.minimum <= value <= self.maximum:
            raise InputError(
                f"{name} is {value:g}, outside of {self.minimum:g} to {self.maximum:g} "
                f"{self.unit}".rstrip()
                + "; give another range."
            )
        low, high = self._ends()
        share = ((math.log(value) if self.log else value) - low) / (high - low)
        return float(torch.logit(torch.tensor(share, dtype=torch.float64)).clamp(-40, 40))

    def _ends(self) -> tuple[float, float]:
        ends = (self.minimum, self.maximum)
        return (math.log(ends[0]), math.log(ends[1])) if self.log else ends


#: The ranges unless others are given; cutoff_hz goes to 0.49 of the sample rate at most.
RANGES: dict[str, Range] = {
    "cutoff_hz": Range(20.0, 20_000.0, "Hz", log=True),
    "gain_db": Range(-24.0, 24.0, "dB"),
    "q": Range(0.1, 30.0, "", log=True),
    "level_db": Range(-60.0, 60.0, "dB"),
}


class ParametricEqFilter(SectionChain):
    """Bands in series, each a knob for cutoff_hz, gain_db and q, and an overall level_db.

    Knobs go through sigmoids into `ranges`, logarithmic for cutoff and q; the bands are the
    biquads of Bristow-Johnson's Audio EQ Cookbook (differentiable: Nercessian, DAFx 2020). The
    ranges bound the poles: `max_radius` is theirs unless a smaller one is asked for, which is an
    error. gain_db has no effect on passes and notches. Parameters: cutoff, gain, quality
    (channels, bands), level (channels, 1). over_time takes knob positions: `cutoff_hz`,
    `gain_db`, `q` (..., steps, bands) and `level_db` (..., steps, 1), clamped to the ranges.
    """

    controls = ("cutoff_hz", "gain_db", "q", "level_db")

    def __init__(
        self,
        types: Sequence[str],
        sample_rate_hz: float,
        *,
        ranges: Mapping[str, Range] | None = None,
        max_radius: float | None = None,
        channels: int = 1,
    ) -> None:
        if not types or not set(types) <= set(BAND_TYPES):
            raise UsageError(f"Bands {list(types)} were asked for; give some of {BAND_TYPES}.")
        self_ranges = {**RANGES, **(ranges or {})}
        _check_ranges(self_ranges)
        if ranges is None or "cutoff_hz" not in ranges:
            highest = min(RANGES["cutoff_hz"].maximum, 0.49 * sample_rate_hz)
            self_ranges["cutoff_hz"] = Range(RANGES["cutoff_hz"].minimum, highest, "Hz", log=True)
        if 2 * self_ranges["cutoff_hz"].maximum >= sample_rate_hz:
            raise UsageError(
                f"Cutoffs up to {self_ranges['cutoff_hz'].maximum:g} Hz were asked for; give a "
                f"maximum below {sample_rate_hz / 2:g} Hz, half the sample rate."
            )
        radius = _radius(types, sample_rate_hz, self_ranges)
        if radius >= min(1.0, max_radius or 1.0):
            raise UsageError(
                f"The ranges allow poles up to radius {radius:.9g}, rounding to float32 included; "
                f"narrow those of cutoff_hz and q to stay within {max_radius or 1.0}."
            )
        super().__init__(channels=channels, max_radius=radius, sample_rate_hz=sample_rate_hz)
        self.types = tuple(types)
        self.ranges = self_ranges
        bands = len(types)
        place = (torch.arange(bands, dtype=torch.float64) + 0.5) / bands
        self.cutoff = nn.Parameter(torch.logit(place).repeat(channels, 1))
        self.gain = self._knob("gain_db", 0.0, bands)
        self.quality = self._knob("q", math.sqrt(0.5), bands)
        self.level = self._knob("level_db", 0.0, 1)

    def _knob(self, name: str, start: float, count: int) -> nn.Parameter:
        """A parameter that begins at `start`, or the nearest in the range."""
        limits = self.ranges[name]
        raw = limits.raw(name, min(max(start, limits.minimum), limits.maximum))
        return nn.Parameter(torch.full((self.channels, count), raw, dtype=torch.float64))

    @property
    def cutoff_hz(self) -> Tensor:
        """Cutoffs (channels, bands)."""
        return self.ranges["cutoff_hz"].value(self.cutoff)

    @property
    def gain_db(self) -> Tensor:
        """Gains (channels, bands)."""
        return self.ranges["gain_db"].value(self.gain)

    @property
    def q(self) -> Tensor:
        """Qualities (channels, bands)."""
        return self.ranges["q"].value(self.quality)

    @property
    def level_db(self) -> Tensor:
        """Overall gain (channels, 1)."""
        return self.ranges["level_db"].value(self.level)

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as a `ParametricEq`; InputError for others and for knobs outside their ranges."""
        if not isinstance(form, ParametricEq) or not form.bands:
            raise InputError(f"A {form.kind} filter was given; give a parametric equaliser.")
        module = cls([band.type for band in form.bands], form.sample_rate_hz, **options)
        for parameter, knob in (
            *((module.cutoff, "cutoff_hz"), (module.gain, "gain_db"), (module.quality, "q")),
        ):
            values = [module.ranges[knob].raw(knob, getattr(band, knob)) for band in form.bands]
            fill(parameter, values)
        fill(module.level, [module.ranges["level_db"].raw("level_db", form.gain_db)])
        return module

    def coefficients(self, values: dict[str, Tensor]) -> Tensor:
        """One section a band by the cookbook's formulas."""
        cutoff, gain, q, level = (
            values[name].clamp(self.ranges[name].minimum, self.ranges[name].maximum)
            for name in self.controls
        )
        rate = float(self.sample_rate_hz or 1.0)
        rows = [
            band_section(kind, rate, cutoff[..., n], gain[..., n], q[..., n]).unsqueeze(-2)
            for n, kind in enumerate(self.types)
        ]
        sos = joined(*rows, own=2, dim=-2)
        scale = 10 ** (level[..., None] / 20)
        numerator = joined(sos[..., :1, :3] * scale, sos[..., 1:, :3], own=2, dim=-2)
        return joined(numerator, sos[..., 3:], own=2, dim=-1)

    def form(self, channel: int = 0) -> ParametricEq:
        """The knobs of one channel."""
        with torch.no_grad():
            knobs = [getattr(self, name)[channel] for name in self.controls]
            self._finite(*knobs)
        cutoff, gain, q, level = (knob.cpu().tolist() for knob in knobs)
        bands = [Band(*knobs) for knobs in zip(self.types, cutoff, gain, q, strict=True)]  # type: ignore[arg-type]
        return ParametricEq(tuple(bands), float(self.sample_rate_hz or 0.0), level[0])


def band_section(
    band_type: str, sample_rate_hz: float, cutoff_hz: Tensor, gain_db: Tensor, q: Tensor
) -> Tensor:
    """b0 b1 b2 1 a1 a2 (..., 6) of one band, differentiable (Bristow-Johnson)."""
    omega = 2 * math.pi * cutoff_hz / sample_rate_hz
    cos, alpha = torch.cos(omega), torch.sin(omega) / (2 * q)
    zero, one = torch.zeros_like(alpha), torch.ones_like(alpha)
    if band_type == "peak":
        amp = 10 ** (gain_db / 40)
        b = [1 + alpha * amp, -2 * cos, 1 - alpha * amp]
        a = [1 + alpha / amp, -2 * cos, 1 - alpha / amp]
    elif band_type in ("low_shelf", "high_shelf"):
        side = 1.0 if band_type == "low_shelf" else -1.0
        amp = 10 ** (gain_db / 40)
        plus, minus, slope = amp + 1, side * (amp - 1), 2 * torch.sqrt(amp) * alpha
        b = [
            amp * (plus - minus * cos + slope),
            2 * amp * (minus - plus * cos),
            amp * (plus - minus * cos - slope),
        ]
        a = [plus + minus * cos + slope, -2 * (minus + plus * cos), plus + minus * cos - slope]
    else:
        # 1 - cos and 1 + cos by half angles, which don't cancel.
        low, high = torch.sin(omega / 2) ** 2, torch.cos(omega / 2) ** 2
        b = {
            "low_pass": [low, 2 * low, low],
            "high_pass": [high, -2 * high, high],
            "band_pass": [alpha, zero, -alpha],
            "notch": [one, -2 * cos, one],
            "all_pass": [1 - alpha, -2 * cos, 1 + alpha],
        }[band_type]
        a = [1 + alpha, -2 * cos, 1 - alpha]
    row = torch.stack(broadcast(*b, *a), dim=-1)
    return row / row[..., 3:4]


def _check_ranges(ranges: Mapping[str, Range]) -> None:
    unknown = set(ranges) - set(RANGES)
    if unknown:
        raise UsageError(f"Ranges for {sorted(unknown)} were given; there are {list(RANGES)}.")
    for name, limits in ranges.items():
        if not limits.minimum < limits.maximum or (limits.log and limits.minimum <= 0):
            raise UsageError(
                f"The range of {name} is {limits}; give a minimum below the maximum, above 0 "
                "where it is logarithmic."
            )


def _radius(types: Sequence[str], rate: float, ranges: Mapping[str, Range]) -> float:
    """The radius that all poles of such bands stay within, rounding included.

    A band's poles are those of an analog pair of which each knob moves cutoff or damping one way,
    and the radius has no maximum between: the corners of the ranges are the extremes.
    """
    knobs = [
        torch.tensor([ranges[name].minimum, ranges[name].maximum], dtype=torch.float64)
        for name in ("cutoff_hz", "gain_db", "q")
    ]
    corners = torch.cartesian_prod(*knobs).unbind(-1)
    sos = torch.cat([band_section(kind, rate, *corners) for kind in set(types)]).numpy()
    a1, a2 = abs(sos[:, 4]), sos[:, 5]
    # Where the triangle of radius r, shrunk by the margin, has (a1, a2) on its edges.
    shrink = 1 - 2 * MARGIN
    discriminant = np.maximum(a1**2 - 4 * shrink * a2, 0.0)
    sides = (a1 + np.sqrt(discriminant)) / (2 * shrink) * (a1**2 >= 4 * shrink * a2)
    return float(max(sides.max(), np.sqrt(np.maximum(a2, 0) / shrink).max()))
