"""The direct form: one polynomial over another."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Form, TransferFunction, convert
from rnnmusic.filters.functional.direct import lfilter
from rnnmusic.filters.functional.varying import lfilter_varying
from rnnmusic.filters.modules.base import Filter, OverTime, fill, hop_of, values_over_time
from rnnmusic.filters.modules.stability import Reals, step_down, step_up, surely_within

#: Sum of |atanh k| at which a polynomial is stable after rounding whatever its order: A(z) on the
#: circle is at least prod(1 - |k|), its coefficients sum to at most prod(1 + |k|), and the quotient
#: of these, exp(-2 * 7), is more than the 2**-24 by which rounding changes them (Rouche).
_SAFE = 7.0


class DirectFilter(Filter):
    """B(z) / A(z) with b free and a by the step-up recursion of k = tanh(reflection).

    |k| < 1 makes any polynomial within the unit circle and no other (Markel & Gray 1976, ch. 5);
    a_n r**n brings its zeros within max_radius. Rounding a polynomial of clustered roots to float32
    can move them out all the same: then all atanh k are scaled down together, as little as it
    takes for Schur-Cohn to certify the rounded one. High orders are better as `SectionsFilter`.
    Parameters: numerator (channels, M + 1), reflection (channels, N); over_time takes both.
    """

    controls = ("numerator", "reflection")

    def __init__(self, order: int, *, zeros: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        zeros = order if zeros is None else zeros
        if order < 0 or zeros < 0:
            raise UsageError(f"Orders {order} and {zeros} were asked for; give 0 or more.")
        numerator = torch.eye(1, zeros + 1, dtype=torch.float64)
        self.numerator = nn.Parameter(numerator.repeat(self.channels, 1))
        self.reflection = nn.Parameter(torch.zeros(self.channels, order, dtype=torch.float64))

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as any filter of one input and one output (see `Filter.from_form`)."""
        tf = convert(form, TransferFunction)
        options = {"sample_rate_hz": form.sample_rate_hz, **options}
        module = cls(len(tf.a) - 1, zeros=len(tf.b) - 1, **options)
        scaled = tf.a / module.max_radius ** np.arange(len(tf.a))
        k = _refined(step_down(scaled), scaled)
        if not (abs(k) < 1).all() or not surely_within(
            tf.a.astype(np.float32).astype(np.float64), module.max_radius
        ):
            raise InputError(
                f"The polynomial of order {len(k)} isn't surely within max_radius "
                f"{module.max_radius} after rounding to float32; give a stable filter, a greater "
                "max_radius, or use sections."
            )
        fill(module.numerator, tf.b)
        fill(module.reflection, np.arctanh(k))
        return module

    def polynomials(self, over_time: OverTime | None = None) -> tuple[Tensor, Tensor]:
        """b (channels, M + 1) and a (channels, N + 1) in float64, a[0] = 1, or over time."""
        values = values_over_time(self, self.controls, over_time)
        self._finite(*values.values())
        raw = values["reflection"].clamp(-1e30, 1e30)
        scale = torch.from_numpy(shrinkage(raw.detach().cpu().numpy(), self.max_radius))
        return values["numerator"], _polynomial(raw * scale.to(raw.device), self.max_radius)

    def forward(self, waveform: Tensor, over_time: OverTime | None = None) -> Tensor:
        """Filter waveform (..., T) from rest; over_time changes `controls` (see `Filter`)."""
        self._check_channels(waveform)
        b, a = (part.to(waveform.dtype) for part in self.polynomials(over_time))
        length = max(b.shape[-1], a.shape[-1])
        b, a = (nn.functional.pad(part, (0, length - part.shape[-1])) for part in (b, a))
        if over_time:
            frames = waveform.shape[-1]
            steps = max(b.shape[-2], a.shape[-2])
            b, a = (part.expand(*part.shape[:-2], steps, length) for part in (b, a))
            return lfilter_varying(waveform, a, b, hop=hop_of(steps, frames))
        if self.channels == 1:
            b, a = b[0], a[0]
        return lfilter(waveform, a, b, clamp=False)

    def response(self, omega: Tensor) -> Tensor:
        """B / A at exp(1j omega)."""
        numerator, denominator = (
            part.to(torch.complex128)
            @ torch.exp(-1j * omega.double() * torch.arange(part.shape[-1])[:, None])
            for part in self.polynomials()
        )
        result = numerator / denominator
        return result[0] if self.channels == 1 else result

    def form(self, channel: int = 0) -> TransferFunction:
        """The polynomials of one channel."""
        b, a = (part[channel].detach().cpu().numpy() for part in self.polynomials())
        return TransferFunction(b, a, self.sample_rate_hz)


def shrinkage(raw: Reals, radius: float) -> Reals:
    """Factors (..., 1) on atanh k (..., N), 1 mostly, that keep rounded polynomials inside."""

    def certain(scale: Reals) -> Any:
        a = _polynomial(torch.from_numpy(raw * scale), radius).numpy()
        return surely_within(a.astype(np.float32).astype(np.float64), radius)[..., None]

    one = np.ones((*raw.shape[:-1], 1))
    if raw.shape[-1] == 0 or (inside := certain(one)).all():
        return one
    low = np.log(np.minimum(1.0, _SAFE / np.maximum(abs(raw).sum(axis=-1, keepdims=True), _SAFE)))
    high = np.zeros_like(low)
    for _ in range(40):  # halving an interval of at most 70
        middle = (low + high) / 2
        held = certain(np.exp(middle))
        low, high = np.where(held, middle, low), np.where(held, high, middle)
    return np.where(inside, 1.0, np.exp(low))


def _polynomial(raw: Tensor, radius: float) -> Tensor:
    a = step_up(torch.tanh(raw))
    return a * radius ** torch.arange(a.shape[-1], dtype=a.dtype, device=a.device)


def _refined(k: Reals, a: Reals) -> Reals:
    """Reflection coefficients whose step-up is `a` to the last digits: two steps of Newton."""
    if not k.size or not (abs(k) < 1).all():
        return k
    for _ in range(2):
        point = torch.from_numpy(k)
        jacobian: Any = torch.func.jacrev(step_up)(point)
        gap = a - step_up(point).numpy()
        step = np.linalg.lstsq(jacobian.numpy()[1:], gap[1:], rcond=None)[0]
        better = k + step
        if not (abs(better) < 1).all():
            break
        k = better
    return k
