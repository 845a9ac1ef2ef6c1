"""Generated Python is run, and filters as scipy does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import signal

from rnnmusic.filters.export import source
from rnnmusic.filters.forms import Sections
from tests.filters.export.designs import elliptic, noise, room, sections


def run(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(text, "generated", "exec"), names)
    return names


@pytest.mark.parametrize("to", ["python", "numpy"])
@settings(max_examples=15)
@given(form=sections())
def test_it_filters_as_scipy_does(to: str, form: Sections) -> None:
    names = run(source(form, to, "my filter"))
    x = noise(200)
    y, state = names["my_filter"](x)
    wanted = signal.sosfilt(form.sos, x)
    np.testing.assert_allclose(y, wanted, atol=1e-12 * max(1, np.abs(wanted).max()))
    np.testing.assert_array_equal(names["SOS"], form.sos)  # every digit kept
    assert names["SAMPLE_RATE_HZ"] == form.sample_rate_hz
    first, middle = names["my_filter"](x[:77])
    second, end = names["my_filter"](x[77:], middle)
    np.testing.assert_array_equal(np.concatenate([first, second]), y)
    np.testing.assert_array_equal(end, state)


@pytest.mark.parametrize("to", ["python", "numpy"])
def test_channels_are_filtered_along_the_last_axis(to: str) -> None:
    names = run(source(elliptic(), to))
    x = noise(600).reshape(2, 3, 100)
    y, _ = names["iir_filter"](x)
    np.testing.assert_allclose(y, signal.sosfilt(elliptic().sos, x), atol=1e-12)


def test_several_inputs_and_outputs_are_state_space_in_numpy() -> None:
    form = room()
    names = run(source(form, "numpy", "room"))
    x = noise(120).reshape(2, 60)
    y, _ = names["room"](x)
    _, wanted, _ = signal.dlsim((form.A, form.B, form.C, form.D, 1), x.T)
    np.testing.assert_allclose(y, wanted.T, atol=1e-12)
    first, middle = names["room"](x[:, :13])
    second, _ = names["room"](x[:, 13:], middle)
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), y)


def test_names_are_made_valid() -> None:
    assert "def class_" not in source(elliptic(), "numpy", "class")
    for name in ("class", "2 bands", "", "é", "a-b.c"):
        run(source(elliptic(), "numpy", name))
