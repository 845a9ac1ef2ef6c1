"""Filters of one input and one output as one fraction of polynomials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms._checks import (
    as_complexes,
    as_number,
    as_reals,
    complex_rows,
    from_rows,
    settle,
)
from rnnmusic.filters.forms.protocol import Complexes, Form, Reals


@dataclass(frozen=True, eq=False)
class TransferFunction(Form):
    """Direct form: a[0] y[t] = sum_k b[k] x[t-k] - sum_(k>0) a[k] y[t-k], scaled to a[0] = 1.

    b (M + 1,), a (N + 1,). Of high order it is ill-conditioned: prefer `Sections`.
    """

    kind: ClassVar[str] = "tf"

    b: Reals
    a: Reals
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        b, a = as_reals("b", self.b, 1), as_reals("a", self.a, 1)
        if not len(b) or not len(a) or a[0] == 0:
            raise InputError("A transfer function needs coefficients b and a, and a[0] not zero.")
        with np.errstate(over="ignore"):
            b, a = b / a[0], a / a[0]
        settle(self, b=as_reals("b / a[0]", b, 1), a=as_reals("a / a[0]", a, 1))

    @property
    def order(self) -> int:
        """Number of poles, those at 0 included."""
        return max(len(self.a), len(self.b)) - 1

    def poles(self) -> Complexes:
        """Roots of z**order A(z)."""
        return np.roots(np.pad(self.a, (0, self.order + 1 - len(self.a)))).astype(np.complex128)

    def zeros(self) -> Complexes:
        """Roots of z**order B(z)."""
        return np.roots(np.pad(self.b, (0, self.order + 1 - len(self.b)))).astype(np.complex128)

    def response(self, omega: Reals) -> Complexes:
        """B / A at exp(1j omega); infinite at a pole."""
        inverse = np.exp(-1j * np.asarray(omega, dtype=np.float64))
        with np.errstate(divide="ignore", invalid="ignore"):
            over, under = (np.polyval(c[::-1], inverse) for c in (self.b, self.a))
            return np.asarray(over / under, dtype=np.complex128)

    def to_dict(self) -> dict[str, Any]:
        """The coefficients as lists."""
        return {"b": self.b.tolist(), "a": self.a.tolist()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields."""
        return cls(fields["b"], fields["a"], fields.get("sample_rate_hz"))


@dataclass(frozen=True, eq=False)
class ZeroPoleGain(Form):
    """gain * prod(z - zero_k) / prod(z - pole_k), as in scipy: zero (M,), pole (N,), M <= N.

    Fewer zeros than poles are a delay. Zeros and poles that don't come in conjugate pairs are a
    complex filter, which the real forms refuse.
    """

    kind: ClassVar[str] = "zpk"

    zero: Complexes
    pole: Complexes
    gain: float
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        zero, pole = as_complexes("zero", self.zero, 1), as_complexes("pole", self.pole, 1)
        if len(zero) > len(pole):
            raise InputError(
                f"{len(zero)} zeros and {len(pole)} poles would look into the future; give at "
                "least as many poles (at 0 for a filter without memory of its output)."
            )
        settle(self, zero=zero, pole=pole, gain=as_number("gain", self.gain))

    @property
    def order(self) -> int:
        """Number of poles."""
        return len(self.pole)

    def poles(self) -> Complexes:
        """The poles."""
        return self.pole

    def zeros(self) -> Complexes:
        """The zeros."""
        return self.zero

    def response(self, omega: Reals) -> Complexes:
        """Ratio of the distances to zeros and poles, one pair at a time: it can't overflow."""
        z = np.exp(1j * np.asarray(omega, dtype=np.float64))
        result = np.full(z.shape, self.gain, dtype=np.complex128)
        with np.errstate(divide="ignore", invalid="ignore"):
            for k in range(len(self.pole)):
                if k < len(self.zero):
                    result *= z - self.zero[k]
                result /= z - self.pole[k]
        return result

    def to_dict(self) -> dict[str, Any]:
        """Zeros and poles as [real, imaginary] pairs."""
        return {
            "zero": complex_rows(self.zero),
            "pole": complex_rows(self.pole),
            "gain": self.gain,
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields."""
        return cls(
            from_rows("zero", fields["zero"], 1),
            from_rows("pole", fields["pole"], 1),
            fields["gain"],
            fields.get("sample_rate_hz"),
        )
