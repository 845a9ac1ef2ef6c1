"""Feedback delay networks: reverberation as a unitary recurrent network with long steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms._checks import as_counts, as_number, as_reals, check_dense, settle
from rnnmusic.filters.forms.protocol import Complexes, Form, Reals
from rnnmusic.filters.forms.statespace import StateSpace, heard


@dataclass(frozen=True, eq=False)
class DelayNetwork(Form):
    """Delay lines that feed each other: s_i[t + delay_i] = (feedback (gain * s[t]) + b x[t])_i.

    y[t] = c s[t] + d x[t]: delay (N,) in samples, feedback (N, N), gain (N,), b (N, I), c (O, N),
    d (O, I) (Jot, Digital delay networks for designing artificial reverberators, 1991). With an
    orthogonal feedback matrix and every |gain| < 1 it is stable whatever the delays.
    """

    kind: ClassVar[str] = "fdn"

    delay: tuple[int, ...]
    feedback: Reals
    gain: Reals
    b: Reals
    c: Reals
    d: Reals
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        delay, gain = as_counts("delay", self.delay), as_reals("gain", self.gain, 1)
        matrices = {name: as_reals(name, getattr(self, name), 2) for name in self._matrices}
        n, (outputs, inputs) = len(delay), matrices["d"].shape
        shapes = [matrix.shape for matrix in matrices.values()]
        wanted = [(n, n), (n, inputs), (outputs, n), (outputs, inputs)]
        if shapes != wanted or len(gain) != n or not matrices["d"].size:
            raise InputError(
                f"{n} delays, {len(gain)} gains and feedback, b, c, d of shapes {shapes} were "
                "given; give as many gains as delays and (N, N), (N, inputs), (outputs, N), "
                "(outputs, inputs)."
            )
        settle(self, delay=delay, gain=gain, **matrices)

    _matrices: ClassVar[tuple[str, ...]] = ("feedback", "b", "c", "d")

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
        """Sum of the delays: all that the lines remember."""
        return sum(self.delay)

    def poles(self) -> Complexes:
        """Eigenvalues of the expanded state matrix."""
        return self.statespace().poles()

    def zeros(self) -> Complexes:
        """Finite transmission zeros of the expanded state space."""
        return self.statespace().zeros()

    def response(self, omega: Reals) -> Complexes:
        """c (z**delay - feedback gain)**-1 b + d: the cost doesn't depend on the delays."""
        omega = np.asarray(omega, dtype=np.float64)
        n, loop = len(self.delay), self.feedback * self.gain
        lines = np.zeros((len(omega), n, n), dtype=np.complex128)
        lines[:, range(n), range(n)] = np.exp(1j * np.outer(omega, self.delay))
        result = heard(self.c, lines - loop, self.b) + self.d
        return result[:, 0, 0] if self.d.size == 1 else result

    def statespace(self) -> StateSpace:
        """The same filter with one state a sample of each line: (order, order) matrices."""
        check_dense(self)
        order, delay = self.order, np.array(self.delay, dtype=np.int64)
        ends = np.cumsum(delay)
        starts = ends - delay  # where each line is written; it is read at its last sample
        a = np.eye(order, k=-1)
        a[starts] = 0.0
        a[np.ix_(starts, ends - 1)] = self.feedback * self.gain
        b, c = np.zeros((order, self.inputs)), np.zeros((self.outputs, order))
        b[starts], c[:, ends - 1] = self.b, self.c
        return StateSpace(a, b, c, self.d, self.sample_rate_hz)

    def to_dict(self) -> dict[str, Any]:
        """Delays, gains and matrices as lists."""
        matrices = {name: getattr(self, name).tolist() for name in self._matrices}
        return {"delay": list(self.delay), "gain": self.gain.tolist(), **matrices}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields."""
        delay, d = fields["delay"], as_reals("d", fields["d"], 2)
        n, (outputs, inputs) = len(delay), d.shape
        feedback = np.reshape(np.array(fields["feedback"], dtype=np.float64), (n, n))
        b = np.reshape(np.array(fields["b"], dtype=np.float64), (n, inputs))
        c = np.reshape(np.array(fields["c"], dtype=np.float64), (outputs, n))
        return cls(delay, feedback, fields["gain"], b, c, d, fields.get("sample_rate_hz"))


def gain_for_decay(delay: tuple[int, ...], decay_time_s: float, sample_rate_hz: float) -> Reals:
    """Gains (N,) of lines that lose 60 dB in decay_time_s around an orthogonal matrix (Jot)."""
    samples = as_number("decay_time_s", decay_time_s) * as_number("sample_rate_hz", sample_rate_hz)
    if samples <= 0:
        raise InputError(
            f"A decay of {decay_time_s:g} s at {sample_rate_hz:g} Hz was asked for; give both "
            "above 0."
        )
    gain: Reals = 10.0 ** (-3 * np.array(as_counts("delay", delay)) / samples)
    return gain
