"""Zeros and poles as what is learned: pairs on circles and points on the real line."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Complexes, Form, Reals, ZeroPoleGain, convert
from rnnmusic.filters.modules.base import broadcast, fill, joined
from rnnmusic.filters.modules.chain import SectionChain
from rnnmusic.filters.modules.stability import MARGIN


class ZpkFilter(SectionChain):
    """Conjugate pairs and real poles and zeros, times a gain.

    A pair of poles r sigmoid(pole_radius) exp(+-1j pole_angle), a real pole r tanh(real_pole);
    pairs of zeros zero_radius exp(+-1j zero_angle) and real zeros are free. How many are pairs is
    fixed: two real poles can't become a pair (`SectionsFilter` can). Parameters: pole_radius,
    pole_angle (channels, pairs), real_pole (channels, reals), zero_radius, zero_angle, real_zero
    likewise, gain (channels, 1). It runs as sections: a pair of poles each, then a real pole
    each.
    """

    controls = (
        *("pole_radius", "pole_angle", "real_pole"),
        *("zero_radius", "zero_angle", "real_zero", "gain"),
    )

    def __init__(
        self,
        pole_pairs: int,
        real_poles: int = 0,
        *,
        zero_pairs: int | None = None,
        real_zeros: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        zero_pairs = pole_pairs if zero_pairs is None else zero_pairs
        real_zeros = real_poles if real_zeros is None else real_zeros
        counts = (pole_pairs, real_poles, zero_pairs, real_zeros)
        if min(counts) < 0 or not sum(counts):
            raise UsageError(f"Pole and zero counts {counts} were given; give some, none below 0.")
        if 2 * zero_pairs + real_zeros > 2 * pole_pairs + real_poles:
            raise UsageError(
                f"{2 * zero_pairs + real_zeros} zeros were asked for with "
                f"{2 * pole_pairs + real_poles} poles; a causal filter has no more zeros than "
                "poles (those at 0 count)."
            )

        def parameter(values: Tensor) -> nn.Parameter:
            return nn.Parameter(values.double().repeat(self.channels, 1))

        radius = torch.full((pole_pairs,), 0.7)
        self.pole_radius = parameter(torch.logit(radius / self.max_radius))
        self.pole_angle = parameter(_spread(pole_pairs))
        self.real_pole = parameter(torch.linspace(-0.5, 0.5, real_poles + 2)[1:-1])
        self.zero_radius = parameter(torch.full((zero_pairs,), 0.7))
        self.zero_angle = parameter(_spread(zero_pairs))
        self.real_zero = parameter(torch.linspace(-0.5, 0.5, real_zeros + 2)[1:-1])
        self.gain = parameter(torch.ones(1))

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as any filter of one input and one output (see `Filter.from_form`)."""
        zpk = convert(form, ZeroPoleGain)
        poles, real_poles = _pairs(zpk.pole)
        zeros, real_zeros = _pairs(zpk.zero)
        module = cls(
            *(len(poles), len(real_poles)),
            zero_pairs=len(zeros),
            real_zeros=len(real_zeros),
            **{"sample_rate_hz": form.sample_rate_hz, **options},
        )
        radius = torch.from_numpy(abs(poles))
        angle = torch.from_numpy(np.angle(poles))
        cap = _cap(angle)
        inside = bool((radius < module.max_radius * cap).all())
        real = torch.from_numpy(real_poles) / (module.max_radius * (1 - MARGIN))
        if not inside or (real.abs() >= 1).any():
            greatest = float(abs(zpk.pole).max())
            raise InputError(
                f"The poles reach radius {greatest:.9g}, not within max_radius "
                f"{module.max_radius} with room for rounding to float32; give a stable filter or "
                "a greater max_radius."
            )
        fill(module.pole_radius, torch.logit(radius / (module.max_radius * cap)))
        fill(module.pole_angle, angle)
        fill(module.real_pole, torch.atanh(real))
        fill(module.zero_radius, abs(zeros))
        fill(module.zero_angle, np.angle(zeros))
        fill(module.real_zero, real_zeros)
        fill(module.gain, zpk.gain)
        return module

    def _polar(self, values: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Radius and angle of the pole pairs, real poles."""
        # An angle beyond 1e6 has lost its digits: turned back so that sin and cos stay exact.
        angle = torch.remainder(values["pole_angle"], 2 * math.pi)
        radius = self.max_radius * _cap(angle) * torch.sigmoid(values["pole_radius"])
        real = self.max_radius * (1 - MARGIN) * torch.tanh(values["real_pole"])
        return radius, angle, real

    def coefficients(self, values: dict[str, Tensor]) -> Tensor:
        """Sections of one pair or one real pole each, zeros in order, the gain in the first."""
        radius, angle, real = self._polar(values)
        a = _quadratics(radius, angle, real)
        b = self._numerators(values)
        b, a = broadcast(b, a)
        first = b[..., :1, :] * values["gain"][..., None]
        return torch.cat([torch.cat([first, b[..., 1:, :]], dim=-2), a], dim=-1)

    def _numerators(self, values: dict[str, Tensor]) -> Tensor:
        """Quadratics in 1/z (..., S, 3): pairs of zeros, then real zeros and delays by twos."""
        pairs = _quadratics(
            values["zero_radius"], values["zero_angle"], values["real_zero"][..., :0]
        )
        real = values["real_zero"]
        delay = 2 * self.pole_radius.shape[-1] + self.real_pole.shape[-1]
        delay -= 2 * self.zero_radius.shape[-1] + real.shape[-1]
        # First-order factors c0 + c1/z: 1 - zero/z, then 1/z for each zero that poles outnumber.
        c0 = pad(torch.ones_like(real), (0, delay))
        c1 = pad(-real, (0, delay), value=1.0)
        if c0.shape[-1] % 2:
            c0, c1 = pad(c0, (0, 1), value=1.0), pad(c1, (0, 1))
        p0, q0, p1, q1 = c0[..., ::2], c0[..., 1::2], c1[..., ::2], c1[..., 1::2]
        products = torch.stack([p0 * q0, p0 * q1 + p1 * q0, p1 * q1], dim=-1)
        numerators = joined(pairs, products, own=2, dim=-2)
        sections = self.pole_radius.shape[-1] + self.real_pole.shape[-1]
        ones = numerators.new_tensor([[1.0, 0.0, 0.0]]).expand(sections - numerators.shape[-2], 3)
        return joined(numerators, ones, own=2, dim=-2)

    def form(self, channel: int = 0) -> ZeroPoleGain:
        """Zeros, poles and gain of one channel."""
        with torch.no_grad():
            values = {
                name: getattr(self, name).detach()[channel].double() for name in self.controls
            }
            self._finite(*values.values())
            radius, angle, real = (part.cpu().numpy() for part in self._polar(values))
        zero = (values[name].cpu().numpy() for name in ("zero_radius", "zero_angle", "real_zero"))
        return ZeroPoleGain(
            _points(*zero),
            _points(radius, angle, real),
            float(values["gain"][0]),
            self.sample_rate_hz,
        )


def _spread(pairs: int) -> Tensor:
    return (torch.arange(pairs, dtype=torch.float64) + 0.5) * math.pi / max(pairs, 1)


def _cap(angle: Tensor) -> Tensor:
    """How much of max_radius a pair at this angle can use so that its rounded section stays inside.

    From (1 - R)**2 + 2 R (1 - |cos|) >= MARGIN: less than nearly all only within a thousandth
    of the real line, where a pair is almost a double pole.
    """
    with torch.no_grad():
        gap = 2 * torch.minimum(torch.sin(angle / 2).abs(), torch.cos(angle / 2).abs()) ** 2
        margin = MARGIN * (1 + 1e-6)
        return (1 - torch.sqrt((margin - gap).clamp_min(0.0))).clamp_max(1 - margin)


def _quadratics(radius: Tensor, angle: Tensor, real: Tensor) -> Tensor:
    """Polynomials in 1/z (..., pairs + reals, 3) with these zeros."""
    one = torch.ones_like(radius)
    pairs = torch.stack([one, -2 * radius * torch.cos(angle), radius * radius], dim=-1)
    singles = torch.stack([torch.ones_like(real), -real, torch.zeros_like(real)], dim=-1)
    return joined(pairs, singles, own=2, dim=-2)


def _pairs(points: Complexes) -> tuple[Complexes, Reals]:
    """The upper of each conjugate pair, and the real ones as float64."""
    upper, lower = points[points.imag > 0], points[points.imag < 0]
    matched = len(upper) == len(lower) and np.allclose(
        np.sort_complex(upper), np.sort_complex(lower.conj()), rtol=1e-6, atol=1e-9
    )
    if not matched:
        raise InputError(
            "Poles or zeros aren't in conjugate pairs; give a filter of real coefficients."
        )
    return upper, points[points.imag == 0].real


def _points(radius: Any, angle: Any, real: Any) -> Complexes:
    """Pairs and real points as one list."""
    upper = radius * np.exp(1j * angle)
    return np.concatenate([upper, upper.conj(), real + 0j])
