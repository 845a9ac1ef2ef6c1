"""Complex-diagonal state spaces: modes that don't mix."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Diagonal, Form, convert
from rnnmusic.filters.functional.diagonal import diagonal_ssm
from rnnmusic.filters.functional.scan import diagonal_scan
from rnnmusic.filters.modules.base import Filter, OverTime, fill
from rnnmusic.filters.modules.stability import MARGIN

Method = Literal["lru", "zoh", "bilinear"]


class DiagonalFilter(Filter):
    """h_n[t] = pole_n h_n[t-1] + b_n x[t], y[t] = 2 Re sum_n c_n h_n[t] + d x[t].

    `method` says what the parameters decay and frequency (N,) are. "lru" (Orvieto et al. 2023):
    pole = exp(-exp(decay) + 1j frequency), and b = sqrt(1 - |pole|**2) B, so that white noise gives
    every mode the same power. "zoh" and "bilinear" (S4D, Gu et al. 2022): a continuous system with
    pole_s = -exp(decay) + 1j frequency and input matrix B, sampled in steps of exp(log_step):
    zero-order hold pole = exp(w), b = B (pole - 1) / pole_s, or Tustin's rule
    pole = (1 + w / 2) / (1 - w / 2), b = B step / (1 - w / 2), with w = pole_s step. A pole that
    would lie outside of max_radius is drawn onto it. Other parameters: B (N, inputs) and
    C (outputs, N) complex, D (outputs, inputs) real, log_step () where continuous.
    """

    def __init__(
        self,
        modes: int,
        inputs: int = 1,
        outputs: int = 1,
        *,
        method: Method = "lru",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if min(modes, inputs, outputs) < 1 or self.channels != 1:
            raise UsageError(
                f"{modes} modes with {inputs} inputs, {outputs} outputs and {self.channels} "
                "channels were asked for; give at least 1 of the first three and one channel."
            )
        if method not in ("lru", "zoh", "bilinear"):
            raise UsageError(f"Method {method!r} was asked for; give lru, zoh or bilinear.")
        self.modes, self.inputs, self.outputs, self.method = modes, inputs, outputs, method
        place = (torch.arange(modes, dtype=torch.float64) + 0.5) / modes
        if method == "lru":  # on a circle of radius 0.9, spread over the frequencies
            decay = torch.full((modes,), math.log(-math.log(0.9)), dtype=torch.float64)
            frequency = math.pi * place
        else:  # S4D-Lin: -1/2 + 1j pi n, in steps that take the highest to half the Nyquist rate
            decay = torch.full((modes,), math.log(0.5), dtype=torch.float64)
            frequency = math.pi * torch.arange(modes, dtype=torch.float64)
            self.log_step = nn.Parameter(torch.tensor(-math.log(2.0 * modes)).double())
        self.decay, self.frequency = nn.Parameter(decay), nn.Parameter(frequency)
        kind = torch.complex128
        self.B = nn.Parameter(torch.randn(modes, inputs, dtype=kind) / inputs**0.5)
        self.C = nn.Parameter(torch.randn(outputs, modes, dtype=kind) / modes**0.5)
        self.D = nn.Parameter(torch.zeros(outputs, inputs, dtype=torch.float64))

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as any filter of distinct poles other than 0 (and, bilinear, other than -1)."""
        diagonal = convert(form, Diagonal)
        options = {"sample_rate_hz": form.sample_rate_hz, **options}
        module = cls(len(diagonal.pole), form.inputs, form.outputs, **options)
        pole = diagonal.pole
        radius = abs(pole)
        # expm1 and log1p need room at both ends: a pole on the limit has no parameters.
        if (radius >= module.max_radius * (1 - MARGIN)).any() or (radius == 0).any():
            raise InputError(
                f"Poles of radius {radius.min():.9g} to {radius.max():.9g} were given; give some "
                f"above 0 and below max_radius {module.max_radius}."
            )
        # In the form's convention a step's input is heard one step later.
        c = diagonal.c / pole / 2
        d = diagonal.d - (diagonal.c / pole @ diagonal.b).real
        step = 1.0
        if module.method == "bilinear":
            continuous = 2 * (pole - 1) / (pole + 1)
        else:
            continuous = np.log(pole)
        fill(module.decay, np.log(-continuous.real))
        fill(module.frequency, continuous.imag)
        if module.method != "lru":
            fill(module.log_step, math.log(step))
        gain = module.input_gain(module.poles().detach()).detach().numpy()
        fill(module.B, diagonal.b / gain[:, None])
        fill(module.C, c)
        fill(module.D, d)
        return module

    def continuous(self) -> tuple[Tensor, Tensor]:
        """pole_s (N,) and the step between samples ()."""
        self._finite(self.decay, self.frequency)
        decay, frequency = self.decay.double(), self.frequency.double()
        # Beyond these exp says "at once" and "never" in any precision.
        rate = -torch.exp(decay.clamp(-80.0, 30.0))
        step = torch.ones((), dtype=torch.float64, device=rate.device)
        if self.method != "lru":
            self._finite(self.log_step)
            step = torch.exp(self.log_step.double().clamp(-80.0, 30.0))
        return torch.complex(rate, frequency), step

    def poles(self) -> Tensor:
        """Poles (N,), complex128, within max_radius."""
        pole_s, step = self.continuous()
        w = pole_s * step
        if self.method == "bilinear":
            pole = (1 + w / 2) / (1 - w / 2)
        else:
            pole = torch.polar(torch.exp(w.real), w.imag)
        limit = self.max_radius * (1 - MARGIN)
        return pole * (limit / pole.abs().clamp_min(limit))

    def input_gain(self, pole: Tensor) -> Tensor:
        """What B is multiplied by (N,)."""
        pole_s, step = self.continuous()
        if self.method == "lru":
            return torch.sqrt(1 - pole.abs() ** 2).to(pole.dtype)
        if self.method == "zoh":
            return (pole - 1) / pole_s
        return step / (1 - pole_s * step / 2)

    def scan_parameters(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """pole (N,), b (N, inputs), c (outputs, N), d (outputs, inputs)."""
        self._finite(torch.view_as_real(self.B), torch.view_as_real(self.C), self.D)
        pole = self.poles()
        b = self.input_gain(pole)[:, None] * self.B.to(torch.complex128)
        return pole, b, self.C.to(torch.complex128), self.D.double()

    def forward(self, waveform: Tensor, over_time: OverTime | None = None) -> Tensor:
        """Filter waveform (..., inputs, T), or (..., T) for one input and one output, from rest."""
        self._no_changes(over_time)
        pole, b, c, d = self.scan_parameters()
        if self.inputs == self.outputs == 1:
            return diagonal_ssm(waveform, pole, b[:, 0], c[0], d[0, 0].to(waveform.dtype))
        if waveform.dim() < 2 or waveform.shape[-2] != self.inputs:
            raise InputError(
                f"A waveform of shape {tuple(waveform.shape)} was given to a filter of "
                f"{self.inputs} inputs; give (..., {self.inputs}, T)."
            )
        kind = waveform.dtype.to_complex()
        x = waveform.transpose(-1, -2).to(kind)  # (..., T, inputs)
        h = diagonal_scan(x @ b.to(kind).T, pole.to(kind))
        y = 2 * (h @ c.to(kind).T).real.transpose(-1, -2)
        return y + d.to(waveform.dtype) @ waveform

    def response(self, omega: Tensor) -> Tensor:
        """Sum of the modes and their conjugates: (K,) or (K, outputs, inputs)."""
        pole, b, c, d = self.scan_parameters()
        inverse = torch.exp(-1j * omega.double())[:, None]
        upper, lower = 1 / (1 - inverse * pole), 1 / (1 - inverse * pole.conj())
        weights = torch.einsum("on,ni->noi", c, b).flatten(1)
        result = upper @ weights + lower @ weights.conj() + d.flatten()
        if self.inputs == self.outputs == 1:
            return result[:, 0]
        return result.reshape(-1, self.outputs, self.inputs)

    def form(self, channel: int = 0) -> Diagonal:
        """The modes, in the form's convention."""
        with torch.no_grad():
            pole, b, c, d = (part.detach().cpu().numpy() for part in self.scan_parameters())
        return Diagonal.from_scan(pole, b, 2 * c, d, self.sample_rate_hz)
