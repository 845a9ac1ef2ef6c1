from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.errors import InputError
from rnnmusic.filters.analysis import impulse_response, step_response
from rnnmusic.filters.forms import FORMS, Form, StateSpace, ZeroPoleGain, convert
from tests.filters.forms.examples import GENERAL, filters, one_of_each

SAMPLES = 300


@pytest.mark.parametrize("kind", sorted(FORMS))
@pytest.mark.parametrize("samples", [1, 2, SAMPLES])
def test_impulse_responses_are_those_of_scipy(kind: str, samples: int) -> None:
    form = one_of_each()[kind]
    system = convert(form, StateSpace)
    found = impulse_response(form, samples).reshape(form.outputs, form.inputs, samples)
    for channel in range(form.inputs):
        x = np.zeros((samples, form.inputs))
        x[0, channel] = 1.0
        expected = signal.dlsim((system.A, system.B, system.C, system.D, 1), x)[1]
        np.testing.assert_allclose(found[:, channel], expected.T, atol=1e-10)


@settings(deadline=None, max_examples=25)
@given(filters(10), st.sampled_from(GENERAL))
def test_every_form_rings_alike(form: ZeroPoleGain, kind: type[Form]) -> None:
    expected = impulse_response(form, SAMPLES)
    found = impulse_response(convert(form, kind), SAMPLES)
    np.testing.assert_allclose(found, expected, atol=1e-9 * np.max(abs(expected)))


def test_a_step_ends_at_the_gain_of_a_constant() -> None:
    form = one_of_each()["sos"]
    step = step_response(form, 500)
    assert step.shape == (500,)
    assert step[0] == impulse_response(form, 1)[0]
    assert step[-1] == pytest.approx(form.response(np.zeros(1))[0].real)


def test_an_unstable_filter_grows_without_a_warning() -> None:
    form = ZeroPoleGain(np.zeros(1), np.array([3.0]), 1.0)
    assert impulse_response(form, 5) == pytest.approx([1, 3, 9, 27, 81])
    for kind in (StateSpace, ZeroPoleGain):
        assert not np.isfinite(impulse_response(convert(form, kind), 1000)[-1])


def test_no_samples_are_no_response() -> None:
    with pytest.raises(InputError, match="1 or more"):
        impulse_response(one_of_each()["tf"], 0)
