"""Random filters, and one of every form, for the tests of forms and of analysis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from rnnmusic.filters.forms import (
    Allpass,
    Band,
    DelayNetwork,
    Diagonal,
    Form,
    Lattice,
    Parallel,
    ParametricEq,
    Sections,
    StateSpace,
    SvfChain,
    TransferFunction,
    ZeroPoleGain,
)

RATE = 48_000.0
OMEGA = np.linspace(0.0, np.pi, 97)

#: The forms that hold any stable filter of one input and one output without repeated poles.
GENERAL: tuple[type[Form], ...] = (
    TransferFunction,
    ZeroPoleGain,
    Sections,
    Parallel,
    SvfChain,
    Lattice,
    StateSpace,
    Diagonal,
    DelayNetwork,
)


def _roots(rng: np.random.Generator, count: int, low: float, high: float) -> np.ndarray:
    roots: list[complex] = []
    while len(roots) < count:
        radius = rng.uniform(low, high)
        if count - len(roots) > 1 and rng.random() < 0.7:
            root = radius * np.exp(1j * rng.uniform(0.1, 3.0))
            roots += [root, root.conjugate()]
        else:
            roots.append(radius * rng.choice([-1.0, 1.0]))
    return np.array(roots, dtype=np.complex128)


def random_zpk(seed: int, order: int, *, zeros: int | None = None) -> ZeroPoleGain:
    """A stable filter with a peak of about 1, real poles and fewer zeros included."""
    rng = np.random.default_rng(seed)
    pole = _roots(rng, order, 0.2, 0.97)
    zero = _roots(rng, int(rng.integers(0, order + 1)) if zeros is None else zeros, 0.0, 1.5)
    gain = rng.choice([-1.0, 1.0])
    peak = np.max(abs(ZeroPoleGain(zero, pole, 1.0).response(OMEGA)))
    return ZeroPoleGain(zero, pole, gain / peak, RATE)


@st.composite
def filters(draw: st.DrawFn, order: int = 12) -> ZeroPoleGain:
    """Stable filters up to an order."""
    return random_zpk(draw(st.integers(0, 2**32)), draw(st.integers(1, order)))


def one_of_each(seed: int = 0) -> dict[str, Form]:
    """A filter of every kind, with several channels where the form has them."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape)

    a = normal(5, 5)
    a *= 0.9 / np.max(abs(np.linalg.eigvals(a)))
    rotation = np.linalg.qr(normal(3, 3))[0]
    forms: list[Form] = [
        TransferFunction(normal(4), np.array([2.0, -0.5, 0.3]), RATE),
        random_zpk(seed, 7),
        Sections(np.array([[0.5, 0.1, 0.2, 1, -0.8, 0.3], [1, 0.4, 0.1, 1, 0.2, 0.6]]), RATE),
        Parallel(np.array([[0, 0.4, 0.2, 1, -0.8, 0.3]]), normal(3), RATE),
        SvfChain(np.array([0.1, 2.0]), np.array([0.2, 1.5]), normal(2, 3), RATE),
        ParametricEq((Band("peak", 900.0, 5.0, 2.0), Band("low_shelf", 80.0, -4.0)), RATE, 1.5),
        Lattice(np.array([0.3, -0.8, 0.95]), normal(4), RATE),
        Allpass((np.array([0.7]), np.array([0.4, -0.6])), ((5,), (1, 3)), -0.5, RATE),
        StateSpace(a, normal(5, 2), normal(3, 5), normal(3, 2), RATE),
        Diagonal(
            np.array([0.9 * np.exp(0.5j), -0.4]),
            normal(2, 2) + 1j * normal(2, 2),
            normal(3, 2) + 1j * normal(3, 2),
            normal(3, 2),
            RATE,
        ),
        DelayNetwork(
            (3, 5, 2), rotation, np.full(3, 0.9), normal(3, 2), normal(2, 3), normal(2, 2), RATE
        ),
    ]
    return {form.kind: form for form in forms}
