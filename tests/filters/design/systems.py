"""Random stable filters to be found again."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.signal import lfilter

from rnnmusic.filters.forms import Complexes, Form, Reals, StateSpace, TransferFunction

seeds = st.integers(0, 2**32 - 1)


def random_roots(rng: np.random.Generator, pairs: int, low: float, high: float) -> Complexes:
    """Conjugate pairs of radii between low and high, their angles apart from each other."""
    angle = (np.arange(pairs) + rng.uniform(0.25, 0.75, pairs)) * np.pi / pairs
    upper = rng.uniform(low, high, pairs) * np.exp(1j * angle)
    return np.concatenate((upper, upper.conj()))


def random_filter(
    rng: np.random.Generator, pairs: int = 3, *, radius: float = 0.95, minimum_phase: bool = True
) -> TransferFunction:
    """B / A of order 2 * pairs, poles between half the radius and all of it, zeros likewise."""
    zeros = random_roots(rng, pairs, 0.3, 0.9)
    if not minimum_phase:
        zeros = 1 / zeros
    poles = random_roots(rng, pairs, radius / 2, radius)
    b = rng.uniform(0.1, 10) * np.real(np.poly(zeros))
    return TransferFunction(b, np.real(np.poly(poles)))


def random_system(rng: np.random.Generator, order: int, inputs: int, outputs: int) -> StateSpace:
    """A well-conditioned multi-channel system with poles of radius 0.9 and less."""
    a = rng.standard_normal((order, order))
    a *= rng.uniform(0.5, 0.9) / abs(np.linalg.eigvals(a)).max()
    return StateSpace(
        a,
        rng.standard_normal((order, inputs)),
        rng.standard_normal((outputs, order)),
        rng.standard_normal((outputs, inputs)),
    )


def impulse_response(form: TransferFunction, length: int) -> Reals:
    impulse = np.zeros(length)
    impulse[0] = 1
    return np.asarray(lfilter(form.b, form.a, impulse))


def simulated(form: StateSpace, inputs: Reals, first: Reals) -> Reals:
    """Outputs (outputs, T) of inputs (inputs, T) from a first state."""
    state, outputs = first, []
    for x in inputs.T:
        outputs.append(form.C @ state + form.D @ x)
        state = form.A @ state + form.B @ x
    return np.stack(outputs, axis=1)


def error_db(form: Form, omega: Reals, wanted: Complexes) -> float:
    """The largest difference in level."""
    return float(abs(20 * np.log10(abs(form.response(omega)) / abs(wanted))).max())
