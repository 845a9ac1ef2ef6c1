from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import (
    FORMS,
    ParametricEq,
    Sections,
    StateSpace,
    TransferFunction,
    ZeroPoleGain,
    cascade,
    minimum_phase,
    parallel,
    scaled,
)
from tests.filters.forms.examples import OMEGA, RATE, filters, one_of_each


@settings(deadline=None, max_examples=25)
@given(filters(6), filters(6))
def test_in_series_responses_multiply_and_side_by_side_they_add(
    first: ZeroPoleGain, second: ZeroPoleGain
) -> None:
    one, other = first.response(OMEGA), second.response(OMEGA)
    both = cascade(first, second)
    assert isinstance(both, Sections)
    np.testing.assert_allclose(both.response(OMEGA), one * other, atol=1e-11)
    total = parallel(first, second)
    np.testing.assert_allclose(total.response(OMEGA), one + other, atol=1e-10)


def test_channels_multiply_as_matrices() -> None:
    forms = one_of_each()
    first, second = forms["fdn"], forms["ss"]
    both = cascade(first, second)
    assert (both.inputs, both.outputs) == (2, 3)
    expected = second.response(OMEGA) @ first.response(OMEGA)
    np.testing.assert_allclose(both.response(OMEGA), expected, atol=1e-11)
    with pytest.raises(InputError, match="make them equal"):
        cascade(second, second)
    with pytest.raises(InputError, match="make them equal"):
        parallel(first, second)


def test_a_state_in_the_chain_makes_a_state_space() -> None:
    forms = one_of_each()
    both = cascade(forms["lattice"], forms["sos"])
    assert isinstance(both, StateSpace)
    expected = forms["lattice"].response(OMEGA) * forms["sos"].response(OMEGA)
    np.testing.assert_allclose(both.response(OMEGA), expected, atol=1e-12)


def test_rates_must_agree() -> None:
    form = one_of_each()["sos"]
    assert cascade(form, replace(form, sample_rate_hz=None)).sample_rate_hz == RATE
    with pytest.raises(InputError, match="sample rates differ"):
        cascade(form, replace(form, sample_rate_hz=8000.0))
    with pytest.raises(InputError, match="No filters"):
        parallel()


@pytest.mark.parametrize("kind", sorted(FORMS))
def test_scaling_keeps_the_form(kind: str) -> None:
    form = one_of_each()[kind]
    louder = scaled(form, 2.5)
    assert type(louder) is type(form)
    np.testing.assert_allclose(louder.response(OMEGA), 2.5 * form.response(OMEGA), rtol=1e-12)
    if isinstance(form, ParametricEq):
        with pytest.raises(InputError, match="no dB"):
            scaled(form, -1)
    else:
        np.testing.assert_allclose(scaled(form, -1).response(OMEGA), -form.response(OMEGA))


@settings(deadline=None, max_examples=25)
@given(filters(8), st.booleans())
def test_minimum_phase_keeps_the_magnitude_and_brings_the_zeros_in(
    form: ZeroPoleGain, on_circle: bool
) -> None:
    if on_circle:
        pole, zero = np.append(form.pole, [0, 0]), np.append(form.zero, [1j, -1j])
        form = replace(form, pole=pole, zero=zero)
    result = minimum_phase(form)
    np.testing.assert_allclose(
        abs(result.response(OMEGA)), abs(form.response(OMEGA)), rtol=1e-7, atol=1e-11
    )
    assert len(result.zeros()) == result.order
    assert np.max(abs(result.zeros()), initial=0) <= 1 + 1e-9


def test_minimum_phase_agrees_with_scipy() -> None:
    taps = np.array([0.2, 1.0, -0.7, 0.4, 0.1])
    square = np.convolve(taps, taps[::-1])  # linear phase of the squared magnitude
    expected = signal.minimum_phase(square, "homomorphic", n_fft=2**16)
    result = minimum_phase(TransferFunction(taps, np.ones(1)))
    found = signal.sosfilt(result.sos, np.eye(1, 5)[0])
    np.testing.assert_allclose(np.sign(found[0]) * found, expected, atol=1e-4)
