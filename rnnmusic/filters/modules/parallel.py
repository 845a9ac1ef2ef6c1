"""Second-order sections side by side."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from rnnmusic.errors import UsageError
from rnnmusic.filters.forms import Form, Parallel, convert
from rnnmusic.filters.functional.sections import sosfilt
from rnnmusic.filters.modules.base import Filter, OverTime, fill
from rnnmusic.filters.modules.chain import sections_response
from rnnmusic.filters.modules.sections import section_parameters, spread_reflections
from rnnmusic.filters.modules.stability import section_coefficients


class ParallelFilter(Filter):
    """Sections (b1/z + b2/z**2) / (1 + a1/z + a2/z**2) added to a short FIR filter.

    Poles by reflection coefficients, as in `SectionsFilter`; the response is linear in all other
    parameters (Bank, Perceptually motivated audio equalization using fixed-pole parallel
    second-order filters, 2008). Parameters: numerator (channels, S, 2), reflection
    (channels, S, 2), fir (channels, K). It begins as the identity.
    """

    def __init__(self, sections: int, *, taps: int = 1, **options: Any) -> None:
        super().__init__(**options)
        if sections < 0 or taps < 1:
            raise UsageError(
                f"{sections} sections and {taps} taps were asked for; give at least 0 and 1."
            )
        reflection = spread_reflections(max(sections, 1))[:sections].repeat(self.channels, 1, 1)
        self.reflection = nn.Parameter(torch.atanh(reflection))
        self.numerator = nn.Parameter(torch.zeros_like(reflection))
        fir = torch.eye(1, taps, dtype=torch.float64)
        self.fir = nn.Parameter(fir.repeat(self.channels, 1))

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as any filter of one input and one output (see `Filter.from_form`)."""
        parallel = convert(form, Parallel)
        sos, fir = parallel.sos, parallel.fir.copy()
        options = {"sample_rate_hz": form.sample_rate_hz, **options}
        module = cls(len(sos), taps=len(fir), **options)
        # b0 = b0 A + (b1 - b0 a1) / z + ...: its share of the direct path goes there.
        direct = sos[:, :1]
        fir[0] += direct.sum()
        fill(module.numerator, sos[:, 1:3] - direct * sos[:, 4:])
        fill(module.reflection, section_parameters(sos, module.max_radius))
        fill(module.fir, fir)
        return module

    def sections(self) -> Tensor:
        """Rows 0 b1 b2 1 a1 a2 (channels, S, 6)."""
        self._finite(self.numerator, self.reflection, self.fir)
        reflection = torch.tanh(self.reflection.double())
        a1, a2 = section_coefficients(reflection, self.max_radius)
        a = torch.stack([torch.ones_like(a1), a1, a2], dim=-1)
        return torch.cat([pad(self.numerator.double(), (1, 0)), a], dim=-1)

    def forward(self, waveform: Tensor, over_time: OverTime | None = None) -> Tensor:
        """Filter waveform (..., T) from rest; coefficients stand still."""
        self._no_changes(over_time)
        self._check_channels(waveform)
        sos, fir = self.sections().to(waveform.dtype), self.fir.to(waveform.dtype)
        if self.channels == 1:
            sos, fir = sos[0], fir[0]
        time = waveform.shape[-1]
        result = torch.zeros_like(waveform)
        for tap in range(min(fir.shape[-1], time)):
            result = result + fir[..., tap, None] * pad(waveform, (tap, 0))[..., :time]
        if not sos.shape[-2]:
            return result
        shape = (*waveform.shape[:-1], sos.shape[-2], time)
        parts = sosfilt(waveform.unsqueeze(-2).expand(shape), sos.unsqueeze(-2))
        return result + parts.sum(dim=-2)

    def response(self, omega: Tensor) -> Tensor:
        """Sum of the sections' responses and that of the FIR part."""
        powers = torch.exp(-1j * omega.double() * torch.arange(self.fir.shape[-1])[:, None])
        result = sections_response(self.sections(), omega).sum(dim=-2)
        result = result + self.fir.double().to(powers.dtype) @ powers
        return result[0] if self.channels == 1 else result

    def form(self, channel: int = 0) -> Parallel:
        """The sections and taps of one channel."""
        sos = self.sections()[channel].detach().cpu().numpy()
        fir = self.fir[channel].detach().double().cpu().numpy()
        return Parallel(sos, fir, self.sample_rate_hz)
