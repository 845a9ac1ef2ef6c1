"""Complex-diagonal state space: modes that don't mix, as in S4D and the LRU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms._checks import (
    as_complexes,
    as_reals,
    complex_rows,
    from_rows,
    settle,
)
from rnnmusic.filters.forms.protocol import Complexes, Form, Reals
from rnnmusic.filters.forms.statespace import StateSpace


@dataclass(frozen=True, eq=False)
class Diagonal(Form):
    """s[t+1] = pole s[t] + b x[t], y[t] = Re(c s[t]) + d x[t], with s complex.

    pole (N,), b (N, I), c (O, N), d (O, I) real. A pole that isn't real stands for itself and its
    conjugate, whose share is the other half of the real part: what others write 2 Re is a doubled
    c here. Its poles are distinct; a filter with repeated ones stays a StateSpace.
    """

    kind: ClassVar[str] = "diagonal"

    pole: Complexes
    b: Complexes
    c: Complexes
    d: Reals
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        pole, d = as_complexes("pole", self.pole, 1), as_reals("d", self.d, 2)
        b, c = as_complexes("b", self.b, 2), as_complexes("c", self.c, 2)
        outputs, inputs = d.shape
        if b.shape != (len(pole), inputs) or c.shape != (outputs, len(pole)) or not d.size:
            raise InputError(
                f"pole, b, c, d have shapes {pole.shape}, {b.shape}, {c.shape}, {d.shape}; give "
                "(N,), (N, inputs), (outputs, N) and (outputs, inputs)."
            )
        settle(self, pole=pole, b=b, c=c, d=d)

    @classmethod
    def from_scan(
        cls, a: Complexes, b: Complexes, c: Complexes, d: Reals, sample_rate_hz: float | None = None
    ) -> Diagonal:
        """The filter h[t] = a h[t-1] + b x[t], y[t] = Re(c h[t]) + d x[t] (Orvieto's LRU, 2023).

        Shapes as above. Here a step's input is heard in the same step: c becomes c a, and
        d becomes d + Re(c b).
        """
        a, b, c = as_complexes("a", a, 1), as_complexes("b", b, 2), as_complexes("c", c, 2)
        return cls(a, b, c * a, as_reals("d", d, 2) + (c @ b).real, sample_rate_hz)

    @classmethod
    def from_continuous(
        cls,
        pole_s: Complexes,
        b: Complexes,
        c: Complexes,
        d: Reals,
        sample_rate_hz: float,
        method: Literal["zoh", "bilinear"] = "zoh",
    ) -> Diagonal:
        """The system s' = pole_s s + b x, y = Re(c s) + d x, sampled; pole_s in radians per second.

        zoh holds each input sample for a period: exact at the samples for such inputs (Gu, S4D,
        2022, equation 3). bilinear is Tustin's rule, which bends frequencies instead of aliasing
        them: omega = 2 atan(omega_s / (2 sample_rate_hz)).
        """
        pole_s = as_complexes("pole_s", pole_s, 1)
        b, c = as_complexes("b", b, 2), as_complexes("c", c, 2)
        d = as_reals("d", d, 2)
        step = pole_s / sample_rate_hz
        if method == "zoh":
            # (exp(step) - 1) / pole_s, which tends to one period as the pole tends to 0.
            still = step == 0
            ratio = np.where(still, 1.0, np.expm1(step) / np.where(still, 1.0, step))
            held = (ratio / sample_rate_hz)[:, None] * b
            return cls(np.exp(step), held, c, d, sample_rate_hz)
        if method != "bilinear":
            raise InputError(f"Discretisation by {method!r} was asked for; give zoh or bilinear.")
        if (step == 2).any():
            raise InputError("A pole at twice the sample rate has no bilinear transform; move it.")
        # s[t+1] - s[t] = step (s[t+1] + s[t]) / 2 + b (x[t+1] + x[t]) / (2 rate), with the share of
        # x[t+1] moved out of the state.
        pole, gain = (1 + step / 2) / (1 - step / 2), 1 / (1 - step / 2) / sample_rate_hz
        half = gain[:, None] * b / 2
        return cls(pole, half * (1 + pole)[:, None], c, d + (c @ half).real, sample_rate_hz)

    @property
    def inputs(self) -> int:
        """Columns of b."""
        return int(self.d.shape[1])

    @property
    def outputs(self) -> int:
        """Rows of c."""
        return int(self.d.shape[0])

    @property
    def order(self) -> int:
        """Size of the smallest real state: one for a real pole with real b and c, two else."""
        return int(np.sum(np.where(self.is_real, 1, 2)))

    @property
    def is_real(self) -> Any:
        """Which modes (N,) need no imaginary part: real pole, and real b and c or one channel."""
        plain = (self.b.imag == 0).all(axis=1) & (self.c.imag == 0).all(axis=0)
        return (self.pole.imag == 0) & (plain | (self.d.size == 1))

    def poles(self) -> Complexes:
        """The poles with the conjugates of the others than real ones."""
        found = [
            [pole] if real else [pole, pole.conjugate()]
            for pole, real in zip(self.pole, self.is_real, strict=True)
        ]
        return np.array([pole for pair in found for pole in pair], dtype=np.complex128)

    def zeros(self) -> Complexes:
        """Finite transmission zeros, by way of the real state space."""
        return self.statespace().zeros()

    def response(self, omega: Reals) -> Complexes:
        """c (z - pole)**-1 b + d, with the conjugates' share."""
        z = np.exp(1j * np.asarray(omega, dtype=np.float64))[:, None]
        weights = np.einsum("on,ni->noi", self.c, self.b).reshape(len(self.pole), self.d.size)
        with np.errstate(divide="ignore", invalid="ignore"):
            upper, lower = 1 / (z - self.pole), 1 / (z - self.pole.conj())
            result = (upper @ weights + lower @ weights.conj()) / 2 + self.d.ravel()
        shaped = result[:, 0] if self.d.size == 1 else result.reshape(len(z), *self.d.shape)
        return np.asarray(shaped, dtype=np.complex128)

    def statespace(self) -> StateSpace:
        """The same filter with a real state: blocks [[re, -im], [im, re]] for complex modes."""
        order, real = self.order, self.is_real
        a, b = np.zeros((order, order)), np.zeros((order, self.inputs))
        c = np.zeros((self.outputs, order))
        n = 0
        for k, pole in enumerate(self.pole):
            if real[k]:
                a[n, n] = pole.real
                if self.d.size == 1:  # b and c may be complex: only their product counts
                    b[n], c[:, n] = _balanced((self.c[0, k] * self.b[k, 0]).real)
                else:
                    b[n], c[:, n] = self.b[k].real, self.c[:, k].real
                n += 1
                continue
            a[n : n + 2, n : n + 2] = [[pole.real, -pole.imag], [pole.imag, pole.real]]
            b[n], b[n + 1] = self.b[k].real, self.b[k].imag
            c[:, n], c[:, n + 1] = self.c[:, k].real, -self.c[:, k].imag
            n += 2
        return StateSpace(a, b, c, self.d, self.sample_rate_hz)

    def to_dict(self) -> dict[str, Any]:
        """Complex numbers as [real, imaginary] pairs."""
        return {
            "pole": complex_rows(self.pole),
            "b": complex_rows(self.b),
            "c": complex_rows(self.c),
            "d": self.d.tolist(),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields."""
        pole, d = from_rows("pole", fields["pole"], 1), as_reals("d", fields["d"], 2)
        b = np.reshape(np.array(fields["b"], dtype=np.float64), (len(pole), d.shape[1], 2))
        c = np.reshape(np.array(fields["c"], dtype=np.float64), (d.shape[0], len(pole), 2))
        rate = fields.get("sample_rate_hz")
        return cls(pole, from_rows("b", b, 2), from_rows("c", c, 2), d, rate)


def _balanced(product: float) -> tuple[float, float]:
    root = np.sqrt(abs(product))
    return root, np.copysign(root, product)
