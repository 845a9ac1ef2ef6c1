"""Filters as second-order sections, one after the other or side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms._checks import as_reals, settle
from rnnmusic.filters.forms.protocol import Complexes, Form, Reals


@dataclass(frozen=True, eq=False)
class Sections(Form):
    """Second-order sections in series: sos (S, 6), each row b0 b1 b2 1 a1 a2, as in scipy."""

    kind: ClassVar[str] = "sos"

    sos: Reals
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        settle(self, sos=_as_rows(self.sos, fewest=1))

    @property
    def order(self) -> int:
        """Two poles a section, those at 0 included."""
        return 2 * len(self.sos)

    def poles(self) -> Complexes:
        """The sections' poles, one section after the other."""
        return np.concatenate([quadratic_roots(row[3:]) for row in self.sos])

    def zeros(self) -> Complexes:
        """The sections' zeros, one section after the other."""
        return np.concatenate([quadratic_roots(row[:3]) for row in self.sos])

    def response(self, omega: Reals) -> Complexes:
        """Product of the sections' responses; infinite at a pole."""
        inverse = np.exp(-1j * np.asarray(omega, dtype=np.float64))
        result = np.ones(inverse.shape, dtype=np.complex128)
        with np.errstate(invalid="ignore"):
            for row in self.sos:
                result *= section_response(row, inverse)
        return result

    def to_dict(self) -> dict[str, Any]:
        """The rows as lists."""
        return {"sos": self.sos.tolist()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields."""
        return cls(fields["sos"], fields.get("sample_rate_hz"))


@dataclass(frozen=True, eq=False)
class Parallel(Form):
    """First- and second-order sections side by side, added to a short FIR filter.

    sos (S, 6), each row b0 b1 b2 1 a1 a2 and S possibly 0; fir (K,), K >= 1, the direct path
    first. `convert` writes sections with b0 = 0, which keeps the direct path in fir[0]. The
    sections are independent of each other: rounding one can't disturb the others.
    """

    kind: ClassVar[str] = "parallel"

    sos: Reals
    fir: Reals
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        sos = np.zeros((0, 6)) if not np.size(self.sos) else _as_rows(self.sos, fewest=0)
        fir = as_reals("fir", self.fir, 1)
        if not len(fir):
            raise InputError("fir is empty; give at least the gain of the direct path.")
        settle(self, sos=sos, fir=fir)

    @property
    def order(self) -> int:
        """Two poles a section, and one at 0 for each tap after the first."""
        return 2 * len(self.sos) + len(self.fir) - 1

    def poles(self) -> Complexes:
        """The sections' poles, then those of the FIR part."""
        roots = [quadratic_roots(row[3:]) for row in self.sos]
        return np.concatenate([*roots, np.zeros(len(self.fir) - 1, dtype=np.complex128)])

    def zeros(self) -> Complexes:
        """Zeros of the sum, by way of its state space."""
        from rnnmusic.filters.forms.conversion import convert
        from rnnmusic.filters.forms.statespace import StateSpace

        return convert(self, StateSpace).zeros()

    def response(self, omega: Reals) -> Complexes:
        """Sum of the sections' responses and that of the FIR part."""
        inverse = np.exp(-1j * np.asarray(omega, dtype=np.float64))
        result = np.polyval(self.fir[::-1], inverse).astype(np.complex128)
        for row in self.sos:
            result += section_response(row, inverse)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Rows and taps as lists."""
        return {"sos": self.sos.tolist(), "fir": self.fir.tolist()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields."""
        return cls(fields["sos"], fields["fir"], fields.get("sample_rate_hz"))


def section_response(row: Reals, inverse: Complexes) -> Complexes:
    """Response of b0 b1 b2 1 a1 a2 where 1 / z is `inverse`."""
    b0, b1, b2, _, a1, a2 = row
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Complexes = (b0 + inverse * (b1 + inverse * b2)) / (
            1 + inverse * (a1 + inverse * a2)
        )
    return result


def quadratic_roots(coefficients: Reals) -> Complexes:
    """Both roots of c0 z**2 + c1 z + c2, without cancellation; fewer when c0 is zero."""
    c0, c1, c2 = (float(c) for c in coefficients)
    if c0 == 0:
        return np.array([] if c1 == 0 else [-c2 / c1], dtype=np.complex128)
    half, last = -c1 / (2 * c0), c2 / c0
    square = half * half - last
    if square < 0:
        root = complex(half, np.sqrt(-square))
        return np.array([root, root.conjugate()])
    far = half + np.copysign(np.sqrt(square), half)
    return np.array([far, last / far if far else 0.0], dtype=np.complex128)


def _as_rows(values: Any, *, fewest: int) -> Reals:
    sos = as_reals("sos", values, 2)
    if sos.shape[1] != 6 or len(sos) < fewest or (sos[:, 3] == 0).any():
        raise InputError(
            f"Second-order sections of shape {sos.shape} were given; give (sections, 6) with "
            "rows b0 b1 b2 a0 a1 a2 and no a0 zero."
        )
    with np.errstate(over="ignore"):
        return as_reals("sos / a0", sos / sos[:, 3:4], 2)
