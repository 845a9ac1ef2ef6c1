"""The normalised lattice: a chain of rotations, each by one reflection coefficient."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Form, Lattice, Reals, convert
from rnnmusic.filters.forms.lattice import ladder
from rnnmusic.filters.functional.statespace import statespace
from rnnmusic.filters.modules.base import Filter, OverTime, fill

#: The greatest |k|: the number below 1 in float32, to which greater ones would round or not.
_GREATEST = 1 - 2.0**-24


class LatticeFilter(Filter):
    """Normalised lattice (Gray & Markel 1975) with k = tanh(reflection) and free taps v.

    |k| < 1 is all that stability asks for, of any order and after any rounding towards 0; so it
    is the form for high orders with close poles. Where a pole would lie outside of max_radius
    all atanh k are scaled down together until none does, by the eigenvalues of the state matrix.
    It runs as its state space, orthogonal but for one row. Parameters: reflection
    (channels, N), taps (channels, N + 1).
    """

    def __init__(self, order: int, **options: Any) -> None:
        super().__init__(**options)
        if order < 1:
            raise UsageError(f"A lattice of order {order} was asked for; give at least 1.")
        self.reflection = nn.Parameter(torch.zeros(self.channels, order, dtype=torch.float64))
        # v_N alone is an allpass, for k = 0 a delay of N; v_0 the all-pole path, here the identity.
        taps = torch.eye(1, order + 1, dtype=torch.float64)
        self.taps = nn.Parameter(taps.repeat(self.channels, 1))

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as any filter of one input and one output (see `Filter.from_form`)."""
        lattice = convert(form, Lattice)
        module = cls(len(lattice.k), **{"sample_rate_hz": form.sample_rate_hz, **options})
        radius = _pole_radius(lattice.k)
        if radius > module.max_radius or (abs(lattice.k) > _GREATEST).any():
            raise InputError(
                f"The poles reach radius {radius:.9g}, outside of max_radius {module.max_radius}; "
                "give a stable filter or a greater max_radius."
            )
        fill(module.reflection, np.arctanh(lattice.k))
        fill(module.taps, lattice.v)
        return module

    def reflections(self) -> Tensor:
        """k (channels, N) in float64."""
        self._finite(self.reflection, self.taps)
        raw = self.reflection.double().clamp(-1e30, 1e30)
        rows = raw.detach().cpu().numpy()
        scale = torch.tensor([[_shrinkage(row, self.max_radius)] for row in rows]).to(raw)
        return torch.tanh(raw * scale).clamp(-_GREATEST, _GREATEST)

    def matrices(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A (channels, N, N), B, C, D of the state space it runs as."""
        systems = zip(self.reflections(), self.taps.double(), strict=True)
        a, b, c, d = zip(*(_matrices(k, v) for k, v in systems), strict=True)
        return torch.stack(a), torch.stack(b), torch.stack(c), torch.stack(d)

    def forward(self, waveform: Tensor, over_time: OverTime | None = None) -> Tensor:
        """Filter waveform (..., T) from rest; coefficients stand still."""
        self._no_changes(over_time)
        self._check_channels(waveform)
        a, b, c, d = (part.to(waveform.dtype) for part in self.matrices())
        if self.channels == 1:
            a, b, c, d = a[0], b[0], c[0], d[0]
        return statespace(waveform.unsqueeze(-2), a, b, c, d).squeeze(-2)

    def response(self, omega: Tensor) -> Tensor:
        """The taps over the forward signal that enters, stage by stage."""
        inverse = torch.exp(-1j * omega.double())
        k, v = self.reflections(), self.taps.double()
        forward = torch.ones_like(inverse).expand(self.channels, -1)
        backward, result = forward, v[:, :1] * forward
        for m in range(k.shape[-1]):
            reflection = k[:, m : m + 1]
            c, delayed = torch.sqrt((1 - reflection) * (1 + reflection)), inverse * backward
            forward, backward = (
                (forward + reflection * delayed) / c,
                (reflection * forward + delayed) / c,
            )
            result = result + v[:, m + 1 : m + 2] * backward
        result = result / forward
        return result[0] if self.channels == 1 else result

    def form(self, channel: int = 0) -> Lattice:
        """The lattice of one channel."""
        k = self.reflections()[channel].detach().cpu().numpy()
        v = self.taps[channel].detach().double().cpu().numpy()
        return Lattice(k, v, self.sample_rate_hz)


def _matrices(k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A (N, N), B (N, 1), C (1, N), D (1, 1): `forms.lattice.ladder`, differentiable."""
    order = len(k)
    rows = list(torch.eye(order + 1, dtype=k.dtype, device=k.device))
    forward, backward = rows[order], []
    for m in range(order, 0, -1):
        c = torch.sqrt((1 - k[m - 1]) * (1 + k[m - 1]))
        backward.append(k[m - 1] * forward + c * rows[m - 1])
        forward = c * forward - k[m - 1] * rows[m - 1]
    taps = torch.stack([forward, *backward[::-1]])
    output = v @ taps
    return taps[:-1, :-1], taps[:-1, -1:], output[None, :-1], output[None, -1:]


def _pole_radius(k: Reals) -> float:
    return float(abs(np.linalg.eigvals(ladder(k)[0])).max(initial=0.0)) if len(k) else 0.0


def _shrinkage(raw: Reals, radius: float) -> float:
    """The factor on atanh k, 1 mostly, that brings all poles within the radius."""

    def inside(scale: float) -> bool:
        k = np.clip(np.tanh(raw * scale), -_GREATEST, _GREATEST)
        return _pole_radius(k) <= radius

    if inside(1.0):
        return 1.0
    low, high = -80.0, 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(float(np.exp(middle))) else (low, middle)
    return float(np.exp(low))
