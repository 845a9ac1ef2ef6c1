"""Lattices: filters by reflection coefficients, each between -1 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms._checks import as_counts, as_number, as_reals, check_dense, settle
from rnnmusic.filters.forms.protocol import Complexes, Form, Reals


@dataclass(frozen=True, eq=False)
class Lattice(Form):
    """Normalised lattice with a ladder of taps: k (N,) between -1 and 1, v (N + 1,).

    From f_N = x down to f_0 = g_0, with c_m = sqrt(1 - k_m**2):
    f_(m-1)[t] = c_m f_m[t] - k_m g_(m-1)[t-1];  g_m[t] = k_m f_m[t] + c_m g_(m-1)[t-1];
    y = sum_m v_m g_m (Gray and Markel, A normalized digital filter structure, 1975). Every stage
    is a rotation, and white noise gives the g_m equal power: the energy of the impulse response
    is sum v**2. k alone decides stability, so that an unstable lattice can't be written down.
    """

    kind: ClassVar[str] = "lattice"

    k: Reals
    v: Reals
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        k, v = _as_reflections(self.k), as_reals("v", self.v, 1)
        if len(v) != len(k) + 1:
            raise InputError(f"{len(k)} k and {len(v)} v were given; give one v more than k.")
        settle(self, k=k, v=v)

    @property
    def order(self) -> int:
        """Number of stages."""
        return len(self.k)

    def poles(self) -> Complexes:
        """Eigenvalues of the state matrix, which is orthogonal but for its last row."""
        return np.linalg.eigvals(ladder(self.k)[0]).astype(np.complex128)

    def zeros(self) -> Complexes:
        """Roots of the ladder's polynomial."""
        forward = backward = np.ones(1)
        numerator = self.v[:1]
        for k, v in zip(self.k, self.v[1:], strict=True):
            longer, delayed = np.append(forward, 0.0), np.append(0.0, backward)
            forward, backward = longer + k * delayed, k * longer + delayed
            c = np.sqrt(1 - k * k)
            forward, backward = forward / c, backward / c
            numerator = np.append(numerator, 0.0) + v * backward
        return np.roots(numerator).astype(np.complex128)

    def response(self, omega: Reals) -> Complexes:
        """The ladder's taps over the forward signal that enters."""
        inverse = np.exp(-1j * np.asarray(omega, dtype=np.float64))
        forward = np.ones_like(inverse)
        backward, result = forward, self.v[0] * forward
        for k, v in zip(self.k, self.v[1:], strict=True):
            c, delayed = np.sqrt(1 - k * k), inverse * backward
            forward, backward = (forward + k * delayed) / c, (k * forward + delayed) / c
            result = result + v * backward
        response: Complexes = result / forward
        return response

    def to_dict(self) -> dict[str, Any]:
        """The coefficients as lists."""
        return {"k": self.k.tolist(), "v": self.v.tolist()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields."""
        return cls(fields["k"], fields["v"], fields.get("sample_rate_hz"))


@dataclass(frozen=True, eq=False)
class Allpass(Form):
    """Nested allpasses in series: per chain k (N,) between -1 and 1 and delay (N,) in samples.

    A chain is H_N of H_0 = 1, H_m = (k_m + z**-delay_m H_(m-1)) / (1 + k_m z**-delay_m H_(m-1)).
    One k with a long delay is Schroeder's reverberator (Natural sounding artificial
    reverberation, 1962); nested ones are Gerzon's (Synthetic stereo reverberation, 1971); delays
    of 1 are the ordinary lattice, two of them the allpass section with a2 = k_2 and
    a1 = k_1 (1 + k_2). The magnitude of the response is |gain| at every frequency.
    """

    kind: ClassVar[str] = "allpass"

    k: tuple[Reals, ...]
    delay: tuple[tuple[int, ...], ...]
    gain: float = 1.0
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        k = tuple(_as_reflections(chain) for chain in self.k)
        delay = tuple(as_counts("delay", chain) for chain in self.delay)
        if [len(chain) for chain in k] != [len(chain) for chain in delay]:
            raise InputError("k and delay differ in length; give each chain one delay for each k.")
        settle(self, k=k, delay=delay, gain=as_number("gain", self.gain))

    @classmethod
    def schroeder(
        cls, k: Sequence[float], delay: Sequence[int], sample_rate_hz: float | None = None
    ) -> Allpass:
        """Delaying allpasses in series, (k + z**-delay) / (1 + k z**-delay) each."""
        chains = tuple(np.array([value]) for value in k)
        return cls(chains, tuple((value,) for value in delay), 1.0, sample_rate_hz)

    @property
    def order(self) -> int:
        """Sum of all delays."""
        return sum(sum(chain) for chain in self.delay)

    def poles(self) -> Complexes:
        """Roots of the chains' denominators: in closed form for single ones, else eigenvalues."""
        check_dense(self)
        found = [np.zeros(0, dtype=np.complex128)]
        for k, delay in zip(self.k, self.delay, strict=True):
            if len(k) == 1:  # z**delay = -k
                turns = (2 * np.arange(delay[0]) + (k[0] > 0)) / delay[0]
                found.append(abs(k[0]) ** (1 / delay[0]) * np.exp(1j * np.pi * turns))
            else:
                found.append(np.roots(_denominator(k, delay)).astype(np.complex128))
        return np.concatenate(found)

    def zeros(self) -> Complexes:
        """The poles mirrored at the unit circle; a pole at 0 has none."""
        poles = self.poles()
        poles = poles[poles != 0] if self.gain else poles[:0]
        zeros: Complexes = 1 / poles.conj()
        return zeros

    def response(self, omega: Reals) -> Complexes:
        """Product of the chains' responses."""
        omega = np.asarray(omega, dtype=np.float64)
        result = np.full(omega.shape, self.gain, dtype=np.complex128)
        for k, delay in zip(self.k, self.delay, strict=True):
            inner = np.ones(omega.shape, dtype=np.complex128)
            for reflection, samples in zip(k, delay, strict=True):
                delayed = np.exp(-1j * omega * samples) * inner
                inner = (reflection + delayed) / (1 + reflection * delayed)
            result *= inner
        return result

    def to_dict(self) -> dict[str, Any]:
        """The chains as objects."""
        chains = [
            {"k": k.tolist(), "delay": list(delay)}
            for k, delay in zip(self.k, self.delay, strict=True)
        ]
        return {"chains": chains, "gain": self.gain}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields."""
        k = tuple(chain["k"] for chain in fields["chains"])
        delay = tuple(chain["delay"] for chain in fields["chains"])
        return cls(k, delay, fields["gain"], fields.get("sample_rate_hz"))


def ladder(k: Reals) -> tuple[Reals, Reals, Reals, Reals]:
    """What a normalised lattice does to its delays s_m (the delayed g_(m-1)) and its input.

    feedback (N, N) and b (N,) give what enters the delays, taps (N + 1, N) and direct (N + 1,)
    the g_m. [[feedback, b], [taps[N], direct[N]]] is orthogonal.
    """
    order = len(k)
    forward = np.append(np.zeros(order), 1.0)  # f_m as a row over the delays and the input
    backward = np.zeros((order + 1, order + 1))
    for m in range(order, 0, -1):
        c = np.sqrt((1 - k[m - 1]) * (1 + k[m - 1]))
        backward[m] = k[m - 1] * forward
        backward[m, m - 1] += c
        forward = c * forward
        forward[m - 1] -= k[m - 1]
    backward[0] = forward
    return backward[:-1, :-1], backward[:-1, -1], backward[:, :-1], backward[:, -1]


def _denominator(k: Reals, delay: tuple[int, ...]) -> Reals:
    """The step-up recursion with delays: coefficients of z**-n of a chain's denominator."""
    forward = backward = np.ones(1)
    for reflection, samples in zip(k, delay, strict=True):
        gap = np.zeros(samples)
        longer, delayed = np.append(forward, gap), np.append(gap, backward)
        forward, backward = longer + reflection * delayed, reflection * longer + delayed
    return forward


def _as_reflections(values: Any) -> Reals:
    k = as_reals("k", values, 1)
    if (abs(k) >= 1).any():
        raise InputError(
            f"A reflection coefficient of {k[abs(k) >= 1][0]:g} was given, which isn't stable; "
            "give k between -1 and 1."
        )
    return k
