from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.errors import UsageError
from rnnmusic.filters import design
from rnnmusic.filters.forms import TransferFunction

RATE = 16_000.0
OMEGA = np.linspace(0.01, 3.13, 300)


@given(st.floats(50, 7_900), st.floats(1, 100), st.sampled_from(["iirpeak", "iirnotch"]))
def test_peaks_and_notches_are_scipys(cutoff_hz: float, q: float, name: str) -> None:
    form = getattr(design, name)(cutoff_hz, q, RATE)
    wanted = TransferFunction(*getattr(signal, name)(cutoff_hz, q, RATE))
    np.testing.assert_allclose(form.response(OMEGA), wanted.response(OMEGA), rtol=1e-8, atol=1e-12)
    at_cutoff = abs(form.response(np.array([2 * np.pi * cutoff_hz / RATE])))
    np.testing.assert_allclose(at_cutoff, float(name == "iirpeak"), atol=1e-6)


@given(st.integers(4, 200), st.floats(2, 50), st.sampled_from(["notch", "peak"]), st.booleans())
def test_combs_are_scipys(order: int, q: float, kind: Any, pass_zero: bool) -> None:
    form = design.iircomb(RATE / order, q, RATE, kind, pass_zero=pass_zero)
    wanted = TransferFunction(*signal.iircomb(RATE / order, q, kind, RATE, pass_zero=pass_zero))
    np.testing.assert_array_equal(form.b, wanted.b)
    np.testing.assert_array_equal(form.a, wanted.a)


@given(st.floats(500, 7_000))  # below, scipy's one fraction is inexact
def test_a_gammatone_is_scipys_in_stable_sections(cutoff_hz: float) -> None:
    form = design.gammatone(cutoff_hz, RATE)
    wanted = TransferFunction(*signal.gammatone(cutoff_hz, "iir", fs=RATE)).response(OMEGA)
    np.testing.assert_allclose(abs(form.response(OMEGA)), abs(wanted), rtol=1e-3, atol=1e-6)
    assert (abs(form.poles()) < 1).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: design.iirpeak(8_000, 3, RATE), "below 8000 Hz"),
        (lambda: design.iirnotch(100, 0, RATE), "q is 0"),
        (lambda: design.iirnotch(1_000, 0.05, RATE), "higher q"),
        (lambda: design.iircomb(300, 3, RATE), "nearest that does is 301.8867"),
        (lambda: design.iircomb(400, 3, RATE, "both"), "notch, peak"),  # type: ignore[arg-type]
        (lambda: design.gammatone(0, RATE), "above 0"),
        (lambda: design.gammatone(100, float("inf")), "sample_rate_hz is inf"),
    ],
)
def test_what_makes_no_resonator_is_said_in_a_sentence(call: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()
