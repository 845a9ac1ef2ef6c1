"""Second-order sections in series and in parallel, poles by the stability triangle."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Form, Reals, Sections, convert
from rnnmusic.filters.modules.base import broadcast, fill
from rnnmusic.filters.modules.chain import SectionChain
from rnnmusic.filters.modules.stability import section_coefficients, section_reflections


class SectionsFilter(SectionChain):
    """Second-order sections in series: numerators free, poles through two reflection coefficients.

    a1 = r k1 (1 + k2), a2 = r**2 k2 with k = tanh(reflection): a smooth map of the plane onto the
    stability triangle (Markel & Gray 1976, ch. 5; the triangle as a constraint for learning:
    Nercessian, Sarroff & Werner 2021). Parameters: numerator (channels, S, 3), reflection
    (channels, S, 2). It begins as the identity, each section's poles under its zeros, spread
    evenly over the frequencies.
    """

    controls = ("numerator", "reflection")

    def __init__(self, sections: int, **options: Any) -> None:
        super().__init__(**options)
        if sections < 1:
            raise UsageError(f"{sections} sections were asked for; give at least one.")
        reflection = spread_reflections(sections).repeat(self.channels, 1, 1)
        self.reflection = nn.Parameter(torch.atanh(reflection))
        a1, a2 = section_coefficients(reflection, self.max_radius)
        self.numerator = nn.Parameter(torch.stack([torch.ones_like(a1), a1, a2], dim=-1))

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as any filter of one input and one output (see `Filter.from_form`)."""
        sos = convert(form, Sections).sos
        module = cls(len(sos), **{"sample_rate_hz": form.sample_rate_hz, **options})
        fill(module.numerator, sos[:, :3])
        fill(module.reflection, section_parameters(sos, module.max_radius))
        return module

    def coefficients(self, values: dict[str, Tensor]) -> Tensor:
        """Rows b0 b1 b2 1 a1 a2."""
        a1, a2 = section_coefficients(torch.tanh(values["reflection"]), self.max_radius)
        b, a = broadcast(values["numerator"], torch.stack([torch.ones_like(a1), a1, a2], dim=-1))
        return torch.cat([b, a], dim=-1)

    def form(self, channel: int = 0) -> Sections:
        """The sections of one channel."""
        return Sections(self._sos(channel), self.sample_rate_hz)


def spread_reflections(sections: int, pole_radius: float = 0.7) -> Tensor:
    """Reflection coefficients (S, 2) of pole pairs on one circle, spread over the frequencies."""
    angle = (torch.arange(sections, dtype=torch.float64) + 0.5) * math.pi / sections
    k2 = torch.full_like(angle, pole_radius**2)
    return torch.stack([-2 * pole_radius * torch.cos(angle) / (1 + k2), k2], dim=-1)


def section_parameters(sos: Reals, radius: float) -> Tensor:
    """What `SectionsFilter.reflection` is for sections (S, 6); InputError for poles outside."""
    k = torch.from_numpy(section_reflections(sos[:, 4], sos[:, 5], radius))
    outside = (k.abs() >= 1).any(dim=-1).nonzero()
    if len(outside):
        section = int(outside[0])
        pole = float(abs(Sections(sos[section : section + 1]).poles()).max())
        raise InputError(
            f"Section {section} has a pole of radius {pole:.9g}, not within max_radius {radius} "
            "with room for rounding to float32; give a stable filter or a greater max_radius."
        )
    return torch.atanh(k)
