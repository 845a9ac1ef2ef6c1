"""Complex modes: poles that stay stable, and the rules that make them of continuous time."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.diagonal.linear_scan import LinearScan
from rnnmusic.recurrent.fixed import LinearLayer
from rnnmusic.recurrent.protocol import Learned

Discretization = Literal["lru", "zoh", "bilinear"]
Start = Literal["ring", "s4d-lin"]


class Poles(NamedTuple):
    """How the poles of a layer begin, and where they may go: see `ModalLayer`."""

    discretization: Discretization
    start: Start
    ring: tuple[float, float]
    max_radius: float
    time_step: tuple[float, float] | None


class ModalLayer(LinearScan, LinearLayer):
    """h_t = p h_(t-1) + g u_t with complex p; each mode stands for a conjugate pair of poles.

    p = exp(s dt), s = log(max_radius) + step (-softplus(decay) + 1j phase), for the time dt since
    the step before, 1 where none is given. step is 1, or with time_step (low, high) a learned
    number, log-uniform between these at first. What is taken in depends on the
    discretization:

    - "lru": g = sqrt(1 - |p|**2), states of unit variance under white noise (Orvieto et al. 2023,
      arXiv:2303.06349);
    - "zoh": the input is held since the step before, g = step (p - 1) / s (S4D, Gu et al. 2022,
      arXiv:2206.11893);
    - "bilinear": Tustin's rule. p is the parameters' at dt = 1, and follows the rule at others;
      g = step dt (p1 + 1) / (p1 + 1 - dt (p1 - 1)) with p1 = p at dt = 1.

    start: "ring", p uniform in area between two radii, or "s4d-lin", -1/2 + 1j pi n for mode n of
    each group, times step, or 1 / modes where there is none. max_radius is that of dt = 1; in less
    time less decays.
    """

    is_timed = True
    is_complex = True

    def __init__(
        self,
        input_size: int,
        size: int,
        poles: Poles,
        modes: int,
        *,
        groups: int,
        steps: int,
        learned_initial_state: Learned,
    ) -> None:
        """groups of `modes` modes each, and so many learned time steps, each of as many modes."""
        LinearLayer.__init__(self, input_size, size, poles.max_radius)
        if modes < 1:
            raise UsageError(f"modes is {modes}; give 1 or more.")
        if poles.discretization not in ("lru", "zoh", "bilinear"):
            raise UsageError(
                f"discretization is {poles.discretization!r}; choose lru, zoh or bilinear."
            )
        self.modes = modes
        self.discretization = poles.discretization
        excess, phase = _start(poles, groups, modes, self._limit)
        # The inverse of softplus.
        self.decay = nn.Parameter((excess + torch.log(-torch.expm1(-excess))).float())
        self.phase = nn.Parameter(phase.float())
        if poles.time_step is None:
            self.register_parameter("log_step", None)
        else:
            low, high = poles.time_step
            if not 0.0 < low <= high:
                raise UsageError(
                    f"time_step is {poles.time_step}; give two numbers in order, above 0."
                )
            share = torch.rand(steps)
            self.log_step = nn.Parameter(math.log(low) + share * math.log(high / low))
        self._add_initial(groups * modes, 2, learned=learned_initial_state, units=0)

    def poles(self) -> NDArray[np.complex128]:
        """p at dt = 1 and its conjugates."""
        p, _ = self._exact_coefficients()
        return np.concatenate([p, p.conj()])

    def _exact_coefficients(self) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """p and g at dt = 1 as the numbers that run."""
        with torch.no_grad():
            p, gain = self._coefficients()
        return p.cpu().numpy().astype(np.complex128), gain.cpu().numpy().astype(np.complex128)

    def _coefficients(self, dt: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """p and g: (lanes,), or for dt (...) of the parameters' type (..., lanes)."""
        decay, phase, step = F.softplus(self.decay), cast(Tensor, self.phase), None
        if self.log_step is not None:
            step = self.log_step.exp().repeat_interleave(len(self.decay) // len(self.log_step))
            decay, phase = step * decay, step * phase
        log_radius = math.log(self._limit) - decay
        rate = torch.complex(log_radius, phase)
        real, imaginary = log_radius, phase
        if dt is not None:
            real, imaginary = real * dt.unsqueeze(-1), imaginary * dt.unsqueeze(-1)
        p = torch.polar(torch.exp(real), imaginary)
        if self.discretization == "lru":
            return p, torch.sqrt(-torch.expm1(2 * real)).to(p)
        scale = 1.0 if step is None else step
        if self.discretization == "zoh":
            return p, scale * _expm1(real, imaginary) / rate
        if dt is None:
            return p, scale * (p + 1) / 2
        p1, time = torch.polar(torch.exp(log_radius), phase), dt.unsqueeze(-1)
        below = p1 + 1 - time * (p1 - 1)
        return (p1 + 1 + time * (p1 - 1)) / below, scale * time * (p1 + 1) / below


def _expm1(real: Tensor, imaginary: Tensor) -> Tensor:
    """exp(z) - 1 without cancellation near 0."""
    growth = torch.expm1(real)
    half = torch.sin(imaginary / 2)
    return torch.complex(
        growth * torch.cos(imaginary) - 2 * half * half,
        torch.exp(real) * torch.sin(imaginary),
    )


def _start(poles: Poles, groups: int, modes: int, limit: float) -> tuple[Tensor, Tensor]:
    """softplus(decay) and phase (lanes,) before any learning."""
    if poles.start == "s4d-lin":
        number = torch.arange(modes, dtype=torch.float64).repeat(groups)
        step = 1.0 if poles.time_step is not None else 1.0 / modes
        excess, phase = torch.full_like(number, 0.5 * step), math.pi * step * number
        if poles.time_step is None:
            excess = (excess + math.log(limit)).clamp_min(1e-4)
        return excess, phase
    if poles.start != "ring":
        raise UsageError(f"start is {poles.start!r}; choose ring or s4d-lin.")
    low, high = poles.ring
    if not 0.0 <= low <= high < 1.0:
        raise UsageError(f"ring is {poles.ring}; give two radii in order, from 0 to below 1.")
    share = torch.rand(groups * modes, dtype=torch.float64)
    radius = torch.sqrt(low**2 + share * (high**2 - low**2)).clamp_min(1e-6)
    phase = math.pi * torch.rand(groups * modes, dtype=torch.float64)
    return math.log(limit) - radius.clamp_max(limit * (1 - 1e-4)).log(), phase
