from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.errors import InputError
from rnnmusic.filters.analysis import group_delay, phase, response, response_db
from rnnmusic.filters.forms import (
    FORMS,
    Form,
    Sections,
    StateSpace,
    TransferFunction,
    ZeroPoleGain,
    convert,
)
from tests.filters.forms.examples import GENERAL, OMEGA, filters, one_of_each


def test_decibels_stop_at_the_floor() -> None:
    notch = Sections(np.array([[1.0, 0, 1, 1, 0, 0.5]]))
    assert response_db(notch, np.array([np.pi / 2])) == pytest.approx([-300.0])
    assert response_db(notch, np.array([np.pi / 2]), floor_db=-90.0) == pytest.approx([-90.0])
    assert response_db(notch, np.array([0.0])) == pytest.approx(20 * np.log10([2 / 1.5]))
    with pytest.raises(InputError, match="omega"):
        response(notch, np.array([[0.0]]))


def test_the_phase_of_a_delay_is_a_line() -> None:
    delay = TransferFunction(np.eye(1, 8, 7)[0], np.ones(1))
    np.testing.assert_allclose(phase(delay, OMEGA), -7 * OMEGA, atol=1e-12)
    np.testing.assert_allclose(group_delay(delay, OMEGA), 7.0)


@pytest.mark.parametrize("kind", sorted(FORMS))
def test_group_delay_is_the_slope_of_the_phase(kind: str) -> None:
    form, step = one_of_each()[kind], 1e-5
    found = group_delay(form, OMEGA)
    before, after = (form.response(OMEGA + side * step) for side in (-1, 1))
    assert found.shape == before.shape
    # Central differences of the logarithm: error of order step**2.
    expected = -np.angle(after / before) / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(filters(10), st.sampled_from(GENERAL))
def test_group_delay_is_the_same_in_every_form(form: ZeroPoleGain, kind: type[Form]) -> None:
    expected = group_delay(form, OMEGA)
    found = group_delay(convert(form, kind), OMEGA)
    # Where the response is small its phase is known less well.
    weight = abs(form.response(OMEGA))
    assert np.max(abs(found - expected) * weight**2) < 1e-6


def test_group_delay_agrees_with_scipy() -> None:
    b, a = signal.butter(4, 0.3)
    expected = signal.group_delay((b, a), OMEGA[:-1])[1]
    found = group_delay(TransferFunction(b, a), OMEGA[:-1])
    np.testing.assert_allclose(found[:-8], expected[:-8], atol=1e-9)


@pytest.mark.parametrize("kind", [*GENERAL])
def test_group_delay_is_finite_at_zeros_on_the_unit_circle(kind: type[Form]) -> None:
    zpk = ZeroPoleGain(*signal.ellip(6, 0.5, 60, 0.4, output="zpk"))
    form = convert(zpk, kind)
    at = np.sort(abs(np.angle(zpk.zero)))[::2]
    omega = np.concatenate([at, [np.pi]])
    expected = group_delay(zpk, omega - 1e-4)
    np.testing.assert_allclose(group_delay(form, omega), expected, atol=2e-2)


def test_group_delay_of_an_order_12_design_stays_exact() -> None:
    zpk = ZeroPoleGain(*signal.ellip(12, 0.5, 60, 0.2, output="zpk"))
    omega = np.linspace(0.01, 0.2 * np.pi, 200)
    sections = group_delay(convert(zpk, Sections), omega)
    np.testing.assert_allclose(sections, group_delay(zpk, omega), rtol=1e-11)


def test_silence_has_no_delay() -> None:
    silent = TransferFunction(np.zeros(2), np.array([1.0, -0.5]))
    expected = -group_delay(TransferFunction(silent.a, np.ones(1)), OMEGA)
    np.testing.assert_allclose(group_delay(silent, OMEGA), expected)


def test_the_delay_at_a_pole_on_the_unit_circle_is_its_limit() -> None:
    integrator = TransferFunction(np.ones(1), np.array([1.0, -1.0]))
    assert group_delay(integrator, np.array([0.0, 1e-3])) == pytest.approx([-0.5, -0.5])
    state = group_delay(convert(integrator, StateSpace), np.array([0.0, 1e-3]))
    assert state == pytest.approx([-0.5, -0.5], abs=1e-6)
