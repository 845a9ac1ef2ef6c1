from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters import design
from rnnmusic.filters.design.polynomials import Basis
from rnnmusic.filters.forms import Sections, ZeroPoleGain
from tests.filters.design.systems import (
    error_db,
    impulse_response,
    random_filter,
    random_system,
    seeds,
)

UNIFORM = np.linspace(0, np.pi, 257)
LOGARITHMIC = np.geomspace(1e-3, np.pi, 300)
grids = st.sampled_from([UNIFORM, LOGARITHMIC])


@given(seeds, st.integers(1, 4), st.booleans(), grids, st.booleans())
def test_a_complex_response_gives_back_its_filter(
    seed: int, pairs: int, minimum_phase: bool, omega: Any, relative: bool
) -> None:
    true = random_filter(np.random.default_rng(seed), pairs, minimum_phase=minimum_phase)
    response, order = true.response(omega), 2 * pairs
    found = design.sanathanan_koerner(omega, response, order, order, relative=relative)
    fitted = design.vector_fitting(omega, response, order, relative=relative)
    scale = abs(response).max()
    for form in (found, fitted):
        np.testing.assert_allclose(form.response(omega), response, atol=1e-8 * scale)
        np.testing.assert_allclose(
            np.sort(abs(form.poles())), np.sort(abs(true.poles())), atol=1e-5
        )


@given(seeds, st.integers(0, 6), st.integers(1, 6))
def test_orders_of_numerator_and_denominator_may_differ(
    seed: int, order_b: int, order_a: int
) -> None:
    rng = np.random.default_rng(seed)
    zeros, poles = rng.uniform(-0.9, 0.9, order_b), rng.uniform(-0.9, 0.9, order_a)
    extra = order_a - order_b
    true = ZeroPoleGain(
        np.pad(zeros, (0, max(extra, 0))) + 0j, np.pad(poles, (0, max(-extra, 0))) + 0j, -2.0
    )
    response = true.response(UNIFORM)
    found = design.sanathanan_koerner(UNIFORM, response, order_b, order_a, relative=True)
    np.testing.assert_allclose(found.response(UNIFORM) / response, 1, atol=1e-6)


@given(seeds, st.integers(1, 2), st.integers(1, 3))
def test_channels_share_the_poles_that_vector_fitting_finds(
    seed: int, inputs: int, outputs: int
) -> None:
    true = random_system(np.random.default_rng(seed), 4, inputs, outputs)
    response = true.response(UNIFORM)
    found = design.vector_fitting(UNIFORM, response, 4)
    np.testing.assert_allclose(
        found.response(UNIFORM), response.reshape(found.response(UNIFORM).shape), atol=1e-6
    )
    assert found.order == 4 * inputs


@settings(max_examples=40)
@given(seeds, st.integers(1, 5), st.integers(1, 5), grids)
def test_a_magnitude_gives_back_its_minimum_phase_filter(
    seed: int, pairs_b: int, pairs_a: int, omega: Any
) -> None:
    rng = np.random.default_rng(seed)
    b, a = random_filter(rng, pairs_b), random_filter(rng, pairs_a)
    response = b.response(omega) / (a.response(omega))
    order = 2 * (pairs_a + pairs_b)
    found = design.spectral_factor(omega, abs(response), order, order)
    np.testing.assert_allclose(found.response(omega), response, rtol=1e-4)
    assert (abs(found.poles()) < 1).all()
    assert (abs(found.zeros()) <= 1).all()


def test_an_elliptic_filter_comes_back_from_its_magnitude() -> None:
    true = design.ellip(6, 1, 60, 0.1, 1)
    omega = np.linspace(0, np.pi, 1025)
    found = design.spectral_factor(omega, abs(true.response(omega)), 6, 6)
    assert error_db(found, omega, true.response(omega)) < 1e-8


def test_products_of_peaking_filters_come_back_from_their_magnitude() -> None:
    rng, errors = np.random.default_rng(0), []
    omega = np.geomspace(0.002, np.pi, 512)
    for _ in range(10):
        center = np.exp(rng.uniform(np.log(0.01), np.log(0.9), 8)) * np.pi
        alpha = np.sin(center) / (2 * rng.uniform(0.5, 8, 8))
        amp, cos = 10 ** (rng.uniform(-12, 12, 8) / 40), -2 * np.cos(center)
        rows = (1 + alpha * amp, cos, 1 - alpha * amp, 1 + alpha / amp, cos, 1 - alpha / amp)
        response = Sections(np.stack(rows, axis=1)).response(omega)
        errors.append(
            error_db(design.spectral_factor(omega, abs(response), 16, 16), omega, response)
        )
    assert np.mean(np.array(errors) < 0.01) >= 0.9
    assert np.median(errors) < 1e-8


@given(seeds, st.integers(1, 3))
def test_yule_walker_comes_near_a_magnitude_without_its_phase(seed: int, pairs: int) -> None:
    true = random_filter(np.random.default_rng(seed), pairs, radius=0.9)
    response = true.response(UNIFORM)
    found = design.yule_walker(UNIFORM, abs(response), 2 * pairs)
    assert error_db(found, UNIFORM, response) < 0.1
    assert (abs(found.poles()) < 1).all()


@given(seeds)
def test_a_magnitude_has_the_phase_of_its_minimum_phase_filter(seed: int) -> None:
    true = random_filter(np.random.default_rng(seed), 2, radius=0.9)
    response = true.response(UNIFORM)
    found = design.minimum_phase_response(UNIFORM, abs(response))
    np.testing.assert_allclose(found, response, rtol=1e-3)
    h = design.minimum_phase_impulse_response(UNIFORM, abs(response), 50)
    np.testing.assert_allclose(h, impulse_response(true, 50), atol=1e-3 * abs(h).max())


def test_a_magnitude_of_zero_is_a_very_low_one() -> None:
    magnitude = np.ones(257)
    magnitude[100:110] = 0
    response = design.minimum_phase_response(UNIFORM, magnitude)
    assert np.isfinite(response).all()
    np.testing.assert_allclose(abs(response), magnitude, atol=1e-12)
    assert np.isfinite(design.spectral_factor(UNIFORM, magnitude, 4, 4).response(UNIFORM)).all()


@given(seeds, st.integers(1, 12))
def test_roots_of_a_basis_are_those_of_the_polynomial(seed: int, degree: int) -> None:
    rng = np.random.default_rng(seed)
    z = np.exp(1j * np.linspace(0, np.pi, 60))
    true = rng.uniform(-1.5, 1.5, degree)
    basis = Basis.build(z, rng.uniform(0.1, 1, 60), degree)
    values = np.prod(z[:, None] - true, axis=1)
    columns = np.concatenate((basis.values.real, basis.values.imag))
    coefficients = np.linalg.lstsq(columns, np.concatenate((values.real, values.imag)))[0]
    found = basis.roots(coefficients)
    again = np.prod(z[:, None] - found, axis=1)
    np.testing.assert_allclose(again, values, rtol=1e-6, atol=1e-8 * abs(values).max())


def test_weights_say_where_a_fit_is_good() -> None:
    true = random_filter(np.random.default_rng(1), 4)
    response, low = true.response(UNIFORM), UNIFORM < 1
    plain = design.sanathanan_koerner(UNIFORM, response, 4, 4, relative=True, stabilise=True)
    weighted = design.sanathanan_koerner(
        UNIFORM, response, 4, 4, relative=True, weight=np.where(low, 1, 1e-4), stabilise=True
    )
    assert error_db(weighted, UNIFORM[low], response[low]) < 0.2 * error_db(
        plain, UNIFORM[low], response[low]
    )


METHODS: list[Callable[[Any, Any], object]] = [
    lambda omega, response: design.sanathanan_koerner(omega, response, 2, 2),
    lambda omega, response: design.vector_fitting(omega, response, 2),
    lambda omega, response: design.yule_walker(omega, response, 2),
    lambda omega, response: design.spectral_factor(omega, response, 2, 2),
    lambda omega, response: design.minimum_phase_response(omega, response),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("omega", "response", "words"),
    [
        (UNIFORM + 1, np.ones(257), "Nyquist"),
        (UNIFORM[::-1], np.ones(257), "rising"),
        (UNIFORM, np.ones(256), "256"),
        (UNIFORM, np.zeros(257), "zero everywhere"),
        (UNIFORM, np.full(257, np.nan), "aren't finite"),
        (UNIFORM, np.full(257, np.inf), "aren't finite"),
        ([], [], "0 values"),
    ],
)
def test_bad_data_are_said_in_a_sentence(
    method: Callable[[Any, Any], object], omega: Any, response: Any, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        method(omega, response)


def test_more_that_is_wrong_is_said_in_a_sentence() -> None:
    ones = np.ones(257)
    with pytest.raises(InputError, match="negative"):
        design.spectral_factor(UNIFORM, -ones, 2, 2)
    with pytest.raises(InputError, match="can't determine"):
        design.spectral_factor([0.1, 0.2, 0.3], [1, 2, 3], 2, 2)
    with pytest.raises(InputError, match="several channels"):
        design.sanathanan_koerner(UNIFORM, np.ones((257, 2, 2)), 2, 2)
    with pytest.raises(InputError, match="weights"):
        design.vector_fitting(UNIFORM, ones, 2, weight=-ones)
    with pytest.raises(UsageError, match="order is 0"):
        design.vector_fitting(UNIFORM, ones, 0)
    with pytest.raises(UsageError, match="iterations is 0"):
        design.sanathanan_koerner(UNIFORM, ones, 2, 2, iterations=0)
