from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.errors import UsageError
from rnnmusic.filters import design
from rnnmusic.filters.forms import Sections, StateSpace, ZeroPoleGain, convert

OMEGA = np.linspace(0.001, np.pi - 0.001, 200)
RATE = 48_000.0

orders = st.integers(1, 9)
rates = st.sampled_from([8_000.0, 44_100.0, 48_000.0])
shapes = st.sampled_from(design.SHAPES)


@st.composite
def specifications(draw: st.DrawFn) -> tuple[str, int, Any, float, str, float, float]:
    rate, shape = draw(rates), draw(shapes)
    low = draw(st.floats(0.05, 0.6))
    high = low + draw(st.floats(0.1, 0.35))
    edges = (low * rate / 2, high * rate / 2)
    cutoff = edges if shape in ("bandpass", "bandstop") else edges[0]
    ripple = draw(st.floats(0.1, 3))
    family = draw(st.sampled_from(design.FAMILIES))
    return family, draw(orders), cutoff, rate, shape, ripple, draw(st.floats(20, 80))


@given(specifications())
def test_every_design_responds_as_scipys(spec: Any) -> None:
    family, order, cutoff, rate, shape, ripple_db, attenuation_db = spec
    levels = {
        "ripple_db": ripple_db if family in ("cheby1", "ellip") else None,
        "attenuation_db": attenuation_db if family in ("cheby2", "ellip") else None,
    }
    form = design.iirfilter(family, order, cutoff, rate, shape, **levels)
    z, p, k = signal.iirfilter(
        order, cutoff, ripple_db, attenuation_db, shape, ftype=family, output="zpk", fs=rate
    )
    wanted = ZeroPoleGain(z, p, k).response(OMEGA)
    np.testing.assert_allclose(form.response(OMEGA), wanted, rtol=1e-6, atol=1e-9)
    assert isinstance(form, Sections)
    assert form.sample_rate_hz == rate


def test_each_family_has_a_function_of_its_own() -> None:
    low, band = 3_000.0, (2_000.0, 5_000.0)
    pairs = [
        (design.butter(4, low, RATE), design.iirfilter("butter", 4, low, RATE)),
        (
            design.cheby1(4, 1, band, RATE, "bandpass"),
            design.iirfilter("cheby1", 4, band, RATE, "bandpass", ripple_db=1),
        ),
        (
            design.cheby2(4, 50, low, RATE, "highpass"),
            design.iirfilter("cheby2", 4, low, RATE, "highpass", attenuation_db=50),
        ),
        (
            design.ellip(4, 1, 50, band, RATE, "bandstop"),
            design.iirfilter("ellip", 4, band, RATE, "bandstop", ripple_db=1, attenuation_db=50),
        ),
        (design.bessel(4, low, RATE), design.iirfilter("bessel", 4, low, RATE)),
    ]
    for one, other in pairs:
        np.testing.assert_array_equal(one.sos, other.sos)


@pytest.mark.parametrize("norm", ["phase", "delay", "mag"])
def test_a_bessel_filters_cutoff_is_what_its_norm_says(norm: Any) -> None:
    form = design.bessel(5, 2_000, RATE, norm=norm)
    wanted = signal.bessel(5, 2_000, norm=norm, output="sos", fs=RATE)
    np.testing.assert_allclose(form.sos, wanted)


@given(
    st.sampled_from(["butter", "cheby1", "cheby2", "ellip"]),
    shapes,
    st.floats(0.1, 1),
    st.floats(20, 50),
)
def test_a_specification_is_met_with_the_least_order(
    family: Any, shape: str, ripple_db: float, attenuation_db: float
) -> None:
    inner, outer = (6_000.0, 12_000.0), (4_000.0, 15_000.0)
    passband, stopband = {
        "lowpass": (inner[0], inner[1]),
        "highpass": (inner[1], inner[0]),
        "bandpass": (inner, outer),
        "bandstop": (outer, inner),
    }[shape]
    arguments = (passband, stopband, ripple_db, attenuation_db, RATE)
    form = design.iirdesign(*arguments, family=family)  # type: ignore[arg-type]
    frequency_hz = np.linspace(1, RATE / 2 - 1, 2_000)
    level_db = 20 * np.log10(abs(form.response(2 * np.pi * frequency_hz / RATE)) + 1e-12)
    if shape in ("lowpass", "bandpass"):
        passes = (frequency_hz >= (0 if shape == "lowpass" else inner[0])) & (
            frequency_hz <= (inner[0] if shape == "lowpass" else inner[1])
        )
        stops = frequency_hz >= (inner[1] if shape == "lowpass" else outer[1])
    else:
        passes = frequency_hz >= (inner[1] if shape == "highpass" else outer[1])
        stops = (frequency_hz <= inner[0]) if shape == "highpass" else (frequency_hz >= inner[0])
        stops &= frequency_hz <= (inner[0] if shape == "highpass" else inner[1])
    assert level_db[passes].min() >= -ripple_db - 1e-3
    assert level_db[stops].max() <= -attenuation_db + 1e-3
    order, _ = design.minimum_order(*arguments, family=family)  # type: ignore[arg-type]
    estimates = {
        "butter": signal.buttord,
        "cheby1": signal.cheb1ord,
        "cheby2": signal.cheb2ord,
        "ellip": signal.ellipord,
    }
    assert order == estimates[family](passband, stopband, ripple_db, attenuation_db, fs=RATE)[0]


def test_sections_convert_to_other_forms() -> None:
    form = design.ellip(6, 1, 60, 4_800, RATE)
    for other in (ZeroPoleGain, StateSpace):
        converted = convert(form, other)  # type: ignore[type-abstract]
        np.testing.assert_allclose(converted.response(OMEGA), form.response(OMEGA), atol=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: design.butter(0, 100, RATE), "order is 0"),
        (lambda: design.butter(2.5, 100, RATE), "order is 2.5"),  # type: ignore[arg-type]
        (lambda: design.butter(2, 24_000, RATE), "below 24000 Hz"),
        (lambda: design.butter(2, -1, RATE), "above 0"),
        (lambda: design.butter(2, float("nan"), RATE), "cutoff_hz is nan"),
        (lambda: design.butter(2, 100, 0), "sample_rate_hz is 0"),
        (lambda: design.butter(2, 100, RATE, "bandpass"), "two frequencies"),
        (lambda: design.butter(2, (200, 100), RATE, "bandpass"), "lower edge first"),
        (lambda: design.butter(2, (100, 200), RATE), "give one number"),
        (lambda: design.butter(2, 100, RATE, "sideways"), "lowpass, highpass"),  # type: ignore[arg-type]
        (lambda: design.cheby1(2, 0, 100, RATE), "ripple_db is 0"),
        (lambda: design.ellip(2, 5, 3, 100, RATE), "lower than the passband"),
        (lambda: design.iirfilter("ellip", 2, 100, RATE), "ripple_db is missing"),
        (lambda: design.iirfilter("butter", 2, 100, RATE, ripple_db=1), "leave it out"),
        (lambda: design.iirfilter("brick", 2, 100, RATE), "choose one of"),  # type: ignore[arg-type]
        (lambda: design.butter(8, (100, 100 + 1e-12), RATE, "bandpass"), "widen the band"),
        (lambda: design.butter(100, 1e-6, RATE), "gain vanishes"),
        (lambda: design.iirdesign(100, 100, 1, 60, RATE), "overlap or touch"),
        (lambda: design.iirdesign((100, 400), (200, 500), 1, 60, RATE), "overlap or touch"),
        (lambda: design.iirdesign(100, 30_000, 1, 60, RATE), "stopband_hz is 30000"),
    ],
)
def test_what_makes_no_filter_is_said_in_a_sentence(call: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()
