"""Filters as linear recurrences of a state vector."""

from __future__ import annotations

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
        return self.D.shape[1]

    @property
    def outputs(self) -> int:
        """Rows of C."""
        return self.D.shape[0]

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
            result[start : start + block] = self.C @ solve(
                part * np.eye(self.order) - self.A, self.B
            )
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
        return cls(*matrices, fields.get("sample_rate_hz"))


def is_orthogonal(matrix: Reals, tolerance: float = 1e-12) -> bool:
    """Whether a square matrix neither stretches nor shrinks any state: matrix.T matrix = 1."""
    return orthogonality_error(matrix) <= tolerance


def orthogonality_error(matrix: Reals) -> float:
    """Largest entry of |matrix.T matrix - 1|, 0 for an orthogonal matrix."""
    checked = as_reals("matrix", matrix, 2)
    if checked.shape[0] != checked.shape[1]:
        raise InputError(f"A matrix of shape {checked.shape} was given; give a square one.")
    return float(np.max(abs(checked.T @ checked - np.eye(len(checked))), initial=0.0))


def solve(matrices: Complexes, right: Reals) -> Complexes:
    """Solutions of (K, N, N) equations; infinite where omega is at a pole."""
    try:
        return np.asarray(np.linalg.solve(matrices, right + 0j), dtype=np.complex128)
    except np.linalg.LinAlgError:
        shape = (len(matrices), *right.shape)
        result = np.full(shape, np.inf, dtype=np.complex128)
        for k, matrix in enumerate(matrices):
            if abs(np.linalg.det(matrix)) > 0:
                result[k] = np.linalg.solve(matrix, right)
        return result


def transmission_zeros(a: Reals, b: Reals, c: Reals, d: Reals) -> Complexes:
    """Finite zeros of a system of as many inputs as outputs.

    With one input they are the poles of the inverse on the states that keep the output silent:
    with relative degree r and h = C A**(r-1) B, of A - B C A**r / h on the null space of
    C, CA .. CA**(r-1). With several and a singular D, the finite eigenvalues of the system pencil.
    """
    if d.size == 1:
        return _single_zeros(a, b[:, 0], c[0], float(d[0, 0]))
    if np.linalg.cond(d) < 1e8:
        return np.linalg.eigvals(a - b @ np.linalg.solve(d, c)).astype(np.complex128)
    from scipy.linalg import eig

    n, channels = len(a), len(d)
    mass = np.zeros((n + channels, n + channels))
    mass[:n, :n] = np.eye(n)
    over, under = eig(np.block([[a, b], [c, d]]), mass, right=False, homogeneous_eigvals=True)
    finite = abs(under) > 1e-8 * abs(over)
    return np.asarray(over[finite] / under[finite], dtype=np.complex128)


def _single_zeros(a: Reals, b: Reals, c: Reals, d: float) -> Complexes:
    tolerance = 1e3 * np.finfo(float).eps * max(1, len(a))
    first, rows, row = d, [], c
    floor = tolerance * np.linalg.norm(b) * np.linalg.norm(c)
    while abs(first) <= floor:
        if len(rows) == len(a) or not np.linalg.norm(row):
            return np.zeros(0, dtype=np.complex128)  # nothing of the input arrives
        rows.append(row)
        floor = tolerance * np.linalg.norm(b) * np.linalg.norm(row)
        first, row = float(row @ b), row @ a
    inverse = a - np.outer(b, row) / first
    if rows:
        basis = np.linalg.svd(np.stack(rows))[2][len(rows) :].T
        inverse = basis.T @ inverse @ basis
    return np.linalg.eigvals(inverse).astype(np.complex128)
