"""State variable filters: cutoff and q as what is learned, low, band and high outputs mixed."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Form, Sections, SvfChain, convert
from rnnmusic.filters.modules.base import broadcast, fill
from rnnmusic.filters.modules.chain import SectionChain

#: q lies between exp(-this) and exp(this).
_LOG_Q = 12.0
#: Cutoffs stay so many parts of the Nyquist frequency away from 0 and from it.
_EDGE = 1e-6


class SvfFilter(SectionChain):
    """Two-pole state variable stages in series (Kuznetsov, Parker & Esqueda, DAFx 2020).

    With g = tan(omega_cutoff / 2) and r = 1 / (2 q), both above 0, a stage is stable; what would
    leave max_radius is drawn onto it. omega_cutoff = pi sigmoid(cutoff), ln q = 12 tanh(quality /
    12), mix free. Parameters: cutoff, quality (channels, S), mix (channels, S, 3) of low, band and
    high outputs. over_time takes `omega_cutoff` (..., steps, S) in radians per sample, `q`
    (..., steps, S) and `mix` (..., steps, S, 3).
    """

    controls = ("omega_cutoff", "q", "mix")

    def __init__(self, stages: int, **options: Any) -> None:
        super().__init__(**options)
        if stages < 1:
            raise UsageError(f"{stages} stages were asked for; give at least one.")
        place = (torch.arange(stages, dtype=torch.float64) + 0.5) / stages
        q = math.sqrt(0.5)
        self.cutoff = nn.Parameter(torch.logit(place).repeat(self.channels, 1))
        self.quality = nn.Parameter(torch.full((self.channels, stages), _inverse_log_q(q)).double())
        # high + 2 r band + low = 1: the identity.
        mix = torch.tensor([1.0, 1 / q, 1.0], dtype=torch.float64)
        self.mix = nn.Parameter(mix.repeat(self.channels, stages, 1))

    @property
    def omega_cutoff(self) -> Tensor:
        """Cutoffs (channels, S) in radians per sample."""
        return math.pi * (_EDGE + (1 - 2 * _EDGE) * torch.sigmoid(self.cutoff.double()))

    @property
    def q(self) -> Tensor:
        """Qualities (channels, S)."""
        return torch.exp(_LOG_Q * torch.tanh(self.quality.double() / _LOG_Q))

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as any filter of one input and one output (see `Filter.from_form`)."""
        svf = convert(form, SvfChain)
        module = cls(len(svf.g), **{"sample_rate_hz": form.sample_rate_hz, **options})
        place = (svf.omega_cutoff / math.pi - _EDGE) / (1 - 2 * _EDGE)
        # r can't be negative in a stable stage, and is 0 where a pole is on the circle.
        log_q = -torch.log(2 * torch.from_numpy(svf.r).clamp_min(1e-300)) / _LOG_Q
        if (svf.r <= 0).any() or (abs(place - 0.5) >= 0.5).any() or (log_q.abs() >= 1).any():
            raise InputError(
                f"Stages with cutoffs {svf.omega_cutoff} rad and r {svf.r} were given; give cutoffs"
                " between 0 and pi and r = 1 / (2 q) above 0."
            )
        fill(module.cutoff, torch.logit(torch.from_numpy(place)))
        fill(module.quality, _LOG_Q * torch.atanh(log_q))
        fill(module.mix, svf.mix)
        module.check_unprojected()
        return module

    def coefficients(self, values: dict[str, Tensor]) -> Tensor:
        """Bilinear transform of the stages; values over time are clamped to the ranges."""
        edge = math.pi * _EDGE
        half = values["omega_cutoff"].clamp(edge, math.pi - edge) / 2
        r = 0.5 / values["q"].clamp(math.exp(-_LOG_Q), math.exp(_LOG_Q))
        low, band, high = values["mix"].unbind(-1)
        # All times cos(half)**2, which has no infinity at the Nyquist frequency.
        square, cross, plain = torch.sin(half) ** 2, 0.5 * torch.sin(2 * half), torch.cos(half) ** 2
        rows = [
            square * low + cross * band + plain * high,
            2 * (square * low - plain * high),
            square * low - cross * band + plain * high,
            1 + 2 * r * cross,
            2 * (square - plain),
            1 - 2 * r * cross,
        ]
        sos = torch.stack(broadcast(*rows), dim=-1)
        return sos / sos[..., 3:4]

    def form(self, channel: int = 0) -> SvfChain:
        """The stages of one channel."""
        with torch.no_grad():
            if self.projected(channel):
                return convert(Sections(self._sos(channel), self.sample_rate_hz), SvfChain)
            parts = (torch.tan(self.omega_cutoff / 2), 0.5 / self.q, self.mix.double())
            g, r, mix = (part[channel].cpu().numpy() for part in parts)
        return SvfChain(g, r, mix, self.sample_rate_hz)


def _inverse_log_q(q: float) -> float:
    return _LOG_Q * math.atanh(math.log(q) / _LOG_Q)
