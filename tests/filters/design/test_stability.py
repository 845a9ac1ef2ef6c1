from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import lfilter

from rnnmusic.filters import design
from rnnmusic.filters.design.stability import StabilityWarning, reflect_matrix, reflect_poles
from rnnmusic.filters.forms import Form, TransferFunction
from tests.filters.design.systems import seeds

# A growing resonance, and what it does to noise.
UNSTABLE = TransferFunction([1.0, 0.4, 0.1], [1.0, -1.3, 1.1])
IMPULSE = np.eye(1, 60)[0]
GROWING = lfilter(UNSTABLE.b, UNSTABLE.a, IMPULSE)
OMEGA = np.linspace(0, np.pi, 200)
NOISE = np.random.default_rng(0).standard_normal(150)

METHODS: dict[str, Callable[[bool], Form]] = {
    "prony": lambda stabilise: design.prony(GROWING, 2, 2, stabilise=stabilise),
    "steiglitz_mcbride": lambda stabilise: design.steiglitz_mcbride(
        GROWING[:20], 2, 2, stabilise=stabilise
    ),
    "sanathanan_koerner": lambda stabilise: design.sanathanan_koerner(
        OMEGA, UNSTABLE.response(OMEGA), 2, 2, stabilise=stabilise
    ),
    "vector_fitting": lambda stabilise: design.vector_fitting(
        OMEGA, UNSTABLE.response(OMEGA), 2, stabilise=stabilise
    ),
    "era": lambda stabilise: design.era(GROWING, 2, stabilise=stabilise),
    "subspace": lambda stabilise: design.subspace(
        NOISE, lfilter(UNSTABLE.b, UNSTABLE.a, NOISE), 2, stabilise=stabilise
    ),
    "lpc": lambda stabilise: design.lpc(GROWING, 2, "covariance", stabilise=stabilise),
}


@pytest.mark.parametrize("name", METHODS)
def test_an_unstable_filter_is_said_to_be_and_reflected_on_request(name: str) -> None:
    with pytest.warns(StabilityWarning, match=rf"{name} put 2 of 2 poles .*pass stabilise=True"):
        found = METHODS[name](False)
    np.testing.assert_allclose(abs(found.poles()), np.sqrt(1.1), atol=1e-3)
    with pytest.warns(StabilityWarning, match="they were reflected"):
        stable = METHODS[name](True)
    np.testing.assert_allclose(abs(stable.poles()), np.sqrt(1 / 1.1), atol=1e-3)


@pytest.mark.parametrize("name", METHODS)
def test_the_warning_points_to_the_caller(name: str) -> None:
    with pytest.warns(StabilityWarning) as caught:
        METHODS[name](False)
    assert caught[0].filename == __file__


@given(st.complex_numbers(min_magnitude=1.01, max_magnitude=1e3))
def test_reflected_poles_scale_the_magnitude(pole: complex) -> None:
    reflected = reflect_poles(np.array([pole]))[0]
    assert abs(reflected) < 1
    distance = abs(np.exp(1j * OMEGA) - pole) / abs(np.exp(1j * OMEGA) - reflected)
    np.testing.assert_allclose(distance, abs(pole), rtol=1e-6)


def test_stable_poles_stay() -> None:
    poles = np.array([0.5, 0.9j, -0.9j, 0])
    np.testing.assert_array_equal(reflect_poles(poles), poles)


@given(arrays(np.float64, (5, 5), elements=st.floats(-2, 2)), seeds)
def test_a_reflected_matrix_has_reflected_eigenvalues(matrix: np.ndarray, seed: int) -> None:
    matrix = matrix + np.random.default_rng(seed).standard_normal((5, 5))
    found = np.linalg.eigvals(reflect_matrix(matrix))
    assert (abs(found) < 1).all()
    wanted = np.poly(reflect_poles(np.linalg.eigvals(matrix) + 0j))
    np.testing.assert_allclose(np.poly(found), wanted, atol=1e-5)
