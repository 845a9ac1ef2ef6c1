"""Filters as linear recurrences of a state vector."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms._checks import as_reals, settle
from rnnmusic.filters.forms.protocol import Complexes, Form, Reals


@dataclass(frozen=True, eq=False)
class StateSpace(Form):
    """s[t+1] = A s[t] + B x[t], y[t] = C s[t] + D x[t]: A (N, N), B (N, I), C (O, N), D (O, I)."""

    kind: ClassVar[str] = "ss"

    A: Reals
    B: Reals
    C: Reals
    D: Reals
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        settle(self, **{name: as_reals(name, getattr(self, name), 2) for name in "ABCD"})
        n, outputs = len(self.A), len(self.D)
        inputs = self.D.shape[1]
        shapes = [m.shape for m in (self.A, self.B, self.C, self.D)]
        if shapes != [(n, n), (n, inputs), (outputs, n), (outputs, inputs)] or not self.D.size:
            raise InputError(
                f"A, B, C, D have shapes {shapes}; give (N, N), (N, inputs), (outputs, N) and "
                "(outputs, inputs)."
            )

    @property
    def inputs(self) -> int:
        """Columns of B."""
        return int(self.D.shape[1])

    @property
    def outputs(self) -> int:
        """Rows of C."""
        return int(self.D.shape[0])

    @property
    def order(self) -> int:
        """Size of the state."""
        return len(self.A)

    def poles(self) -> Complexes:
        """Eigenvalues of A."""
        return np.linalg.eigvals(self.A).astype(np.complex128)

    def zeros(self) -> Complexes:
        """Finite transmission zeros, of as many inputs as outputs."""
        if self.inputs != self.outputs:
            raise InputError(
                f"A system of {self.inputs} inputs and {self.outputs} outputs has no zeros to list;"
                " choose as many inputs as outputs."
            )
        return transmission_zeros(self.A, self.B, self.C, self.D)

    def response(self, omega: Reals) -> Complexes:
        """C (z - A)**-1 B + D."""
        z = np.exp(1j * np.asarray(omega, dtype=np.float64))
        result = np.empty((len(z), self.outputs, self.inputs), dtype=np.complex128)
        block = max(1, 2**21 // max(1, self.order**2))  # frequencies at once, in 32 MB
        for start in range(0, len(z), block):
            part = z[start : start + block, None, None]
            lines = part * np.eye(self.order) - self.A
            result[start : start + block] = heard(self.C, lines, self.B)
        result += self.D
        return result[:, 0, 0] if self.inputs == self.outputs == 1 else result

    def to_dict(self) -> dict[str, Any]:
        """The matrices as lists of rows."""
        return {name: getattr(self, name).tolist() for name in "ABCD"} | {
            "shape": [self.order, self.inputs, self.outputs]
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields; `shape` tells empty matrices apart and may be left out."""
        matrices = [np.array(fields[name], dtype=np.float64) for name in "ABCD"]
        if "shape" in fields:
            n, inputs, outputs = fields["shape"]
            shapes = [(n, n), (n, inputs), (outputs, n), (outputs, inputs)]
            matrices = [
                matrix.reshape(shape) for matrix, shape in zip(matrices, shapes, strict=True)
            ]
        a, b, c, d = matrices
        return cls(a, b, c, d, fields.get("sample_rate_hz"))


def is_orthogonal(matrix: Reals, tolerance: float = 1e-12) -> bool:
    """Whether a square matrix neither stretches nor shrinks any state: matrix.T matrix = 1."""
    return orthogonality_error(matrix) <= tolerance


def orthogonality_error(matrix: Reals) -> float:
    """Largest entry of |matrix.T matrix - 1|, 0 for an orthogonal matrix."""
    checked = as_reals("matrix", matrix, 2)
    if checked.shape[0] != checked.shape[1]:
        raise InputError(f"A matrix of shape {checked.shape} was given; give a square one.")
    return float(np.max(abs(checked.T @ checked - np.eye(len(checked))), initial=0.0))


def heard(c: Reals, matrices: Complexes, b: Reals) -> Complexes:
    """c matrices**-1 b for matrices (K, N, N); infinite where one is singular, at a pole."""
    try:
        return np.asarray(c @ np.linalg.solve(matrices, b + 0j), dtype=np.complex128)
    except np.linalg.LinAlgError:
        result = np.full((len(matrices), len(c), b.shape[1]), np.inf, dtype=np.complex128)
        for k, matrix in enumerate(matrices):
            with suppress(np.linalg.LinAlgError):
                result[k] = c @ np.linalg.solve(matrix, b + 0j)
        return result


def transmission_zeros(a: Reals, b: Reals, c: Reals, d: Reals) -> Complexes:
    """Finite zeros of a system of as many inputs as outputs: eigenvalues of the system pencil.

    With one input, the states that keep the output silent for the filter's delay r are the null
    space of C, CA .. CA**(r-1): on them the pencil with D = C A**(r-1) B has one infinite
    eigenvalue. It is solved by QZ: A - B C / D would be ruined by a small D.
    """
    if d.size == 1:
        return _single_zeros(a, b, c, float(d[0, 0]))
    if np.linalg.cond(d) < 1e8:
        return np.linalg.eigvals(a - b @ np.linalg.solve(d, c)).astype(np.complex128)
    over, under = _pencil(a, b, c, d)
    finite = abs(under) > 1e-8 * abs(over)
    return np.asarray(over[finite] / under[finite], dtype=np.complex128)


def _single_zeros(a: Reals, b: Reals, c: Reals, d: float) -> Complexes:
    into, out = float(np.linalg.norm(b)), float(np.linalg.norm(c))
    if into == 0 or out == 0:  # the input doesn't arrive, or the state isn't heard
        return np.linalg.eigvals(a).astype(np.complex128) if d else np.zeros(0, np.complex128)
    b, row, first = b / into, c / out, d / into / out
    tolerance = 1e3 * np.finfo(float).eps * len(a)
    rows: list[Reals] = []
    floor = tolerance
    while abs(first) <= floor:
        if len(rows) == len(a) or not np.linalg.norm(row):
            return np.zeros(0, dtype=np.complex128)
        rows.append(row[0])
        floor = tolerance * float(np.linalg.norm(row))
        first, row = float((row @ b)[0, 0]), row @ a
    if rows:
        basis = np.linalg.svd(np.stack(rows))[2][len(rows) :].T
        a, b, row = basis.T @ a @ basis, basis.T @ b, row @ basis
    over, under = _pencil(a, b, row, np.array([[first]]))
    finite = np.argsort(abs(under) / np.hypot(abs(over), abs(under)))[1:]
    return np.asarray(over[finite] / under[finite], dtype=np.complex128)


def _pencil(a: Reals, b: Reals, c: Reals, d: Reals) -> tuple[Complexes, Complexes]:
    """Generalised eigenvalues of the system matrix, as numerators and denominators."""
    from scipy.linalg import eig

    n, size = len(a), len(a) + len(d)
    mass = np.zeros((size, size))
    mass[:n, :n] = np.eye(n)
    over, under = eig(np.block([[a, b], [c, d]]), mass, right=False, homogeneous_eigvals=True)
    return over, under
