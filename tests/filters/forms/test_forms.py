from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.errors import InputError
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
    gain_for_decay,
    is_orthogonal,
    orthogonality_error,
)
from tests.filters.forms.examples import OMEGA, RATE, filters, one_of_each

ONE = np.ones((1, 1))


@pytest.mark.parametrize("kind", sorted(one_of_each()))
def test_poles_and_zeros_are_those_of_the_response(kind: str) -> None:
    form = one_of_each()[kind]
    assert len(form.poles()) == form.order
    if form.inputs != form.outputs:
        with pytest.raises(InputError, match="as many inputs as outputs"):
            form.zeros()
        return
    # The determinant of the response is gain prod(z - zero) / prod(z - pole).
    response = form.response(OMEGA).reshape(len(OMEGA), form.outputs, form.inputs)
    shape = ZeroPoleGain(form.zeros(), form.poles(), 1.0).response(OMEGA)
    ratio = np.linalg.det(response) / shape
    np.testing.assert_allclose(ratio, np.full(len(OMEGA), ratio[0].real), rtol=1e-6)


@settings(deadline=None, max_examples=25)
@given(filters(8))
def test_zeros_of_a_state_space_are_those_it_was_made_of(form: ZeroPoleGain) -> None:
    from rnnmusic.filters.forms import convert

    zeros = convert(form, StateSpace).zeros()
    assert len(zeros) == len(form.zero)
    # Nearby zeros are hard to tell apart; their product isn't.
    for z in (1.3, -0.9, 0.4j):
        assert np.prod(z - zeros) == pytest.approx(np.prod(z - form.zero), rel=1e-6, abs=1e-8)


BAD: dict[str, Callable[[], object]] = {
    "a0 is 0": lambda: TransferFunction(np.ones(2), np.array([0.0, 1.0])),
    "empty b": lambda: TransferFunction(np.zeros(0), np.ones(1)),
    "NaN": lambda: TransferFunction(np.array([np.nan]), np.ones(1)),
    "overflow": lambda: TransferFunction(np.array([1e300]), np.array([1e-300])),
    "text": lambda: TransferFunction("abc", np.ones(1)),  # type: ignore[arg-type]
    "more zeros than poles": lambda: ZeroPoleGain(np.ones(2), np.ones(1), 1.0),
    "gain infinite": lambda: ZeroPoleGain(np.ones(1), np.ones(1), np.inf),
    "sample rate 0": lambda: TransferFunction(np.ones(1), np.ones(1), 0.0),
    "sample rate NaN": lambda: TransferFunction(np.ones(1), np.ones(1), np.nan),
    "five columns": lambda: Sections(np.ones((1, 5))),
    "no sections": lambda: Sections(np.ones((0, 6))),
    "a0 of a section is 0": lambda: Sections(np.array([[1.0, 0, 0, 0, 0, 0]])),
    "no direct path": lambda: Parallel(np.zeros((0, 6)), np.zeros(0)),
    "g is 0": lambda: SvfChain(np.zeros(1), np.ones(1), np.ones((1, 3))),
    "two mixes": lambda: SvfChain(np.ones(1), np.ones(1), np.ones((1, 2))),
    "svf cutoff beyond Nyquist": lambda: SvfChain.from_cutoff(
        np.array([24_000.0]), np.ones(1), np.ones((1, 3)), RATE
    ),
    "k is 1": lambda: Lattice(np.ones(1), np.ones(2)),
    "v too short": lambda: Lattice(np.zeros(1), np.ones(1)),
    "delay is 0": lambda: Allpass.schroeder([0.5], [0]),
    "delay is 1.5": lambda: Allpass.schroeder([0.5], [1.5]),  # type: ignore[list-item]
    "one delay too few": lambda: Allpass((np.array([0.5, 0.2]),), ((1,),)),
    "k of an allpass": lambda: Allpass.schroeder([-1.0], [7]),
    "eq without rate": lambda: ParametricEq((), None),  # type: ignore[arg-type]
    "band beyond Nyquist": lambda: ParametricEq((Band("peak", 24_000.0),), RATE),
    "band at 0": lambda: Band("peak", 0.0),
    "q is 0": lambda: Band("peak", 100.0, 0.0, 0.0),
    "unknown band": lambda: Band("bell", 100.0),  # type: ignore[arg-type]
    "no band": lambda: ParametricEq(("peak",), RATE),  # type: ignore[arg-type]
    "A isn't square": lambda: StateSpace(np.ones((1, 2)), ONE, ONE, ONE),
    "no outputs": lambda: StateSpace(
        np.zeros((0, 0)), np.zeros((0, 1)), np.zeros((0, 0)), np.zeros((0, 1))
    ),
    "b too long": lambda: Diagonal(np.ones(1), np.ones((2, 1)), ONE, ONE),
    "zero-order what": lambda: Diagonal.from_continuous(
        -np.ones(1),
        ONE,
        ONE,
        ONE,
        RATE,
        "euler",  # type: ignore[arg-type]
    ),
    "bilinear pole": lambda: Diagonal.from_continuous(
        2 * np.ones(1), ONE, ONE, ONE, 1.0, "bilinear"
    ),
    "one gain too few": lambda: DelayNetwork((3,), ONE, np.zeros(0), ONE, ONE, ONE),
    "negative decay": lambda: gain_for_decay((3,), -1.0, RATE),
    "too long to expand": lambda: Allpass.schroeder([0.5, 0.5], [9000, 11]).poles(),
    "not square": lambda: orthogonality_error(np.ones((2, 3))),
}


@pytest.mark.parametrize("what", BAD)
def test_what_can_not_be_a_filter_is_refused_in_a_sentence(what: str) -> None:
    with pytest.raises(InputError, match=r"\.$"):
        BAD[what]()


@settings(deadline=None, max_examples=25)
@given(
    st.floats(20, 23_000),
    st.floats(0.1, 20),
    st.floats(-24, 24),
)
def test_knobs_do_what_they_say(cutoff_hz: float, q: float, gain_db: float) -> None:
    def decibels(kind: str, hz: list[float]) -> np.ndarray:
        form = ParametricEq((Band(kind, cutoff_hz, gain_db, q),), RATE)  # type: ignore[arg-type]
        omega = 2 * np.pi * np.array(hz) / RATE
        return 20 * np.log10(np.maximum(abs(form.response(omega)), 1e-12))

    hz = [0.0, cutoff_hz, RATE / 2]
    resonance = 20 * np.log10(q)
    close = {"atol": 1e-6, "rtol": 0}
    np.testing.assert_allclose(decibels("peak", hz), [0, gain_db, 0], **close)
    np.testing.assert_allclose(decibels("low_shelf", hz), [gain_db, gain_db / 2, 0], **close)
    np.testing.assert_allclose(decibels("high_shelf", hz), [0, gain_db / 2, gain_db], **close)
    np.testing.assert_allclose(decibels("low_pass", hz)[:2], [0, resonance], **close)
    np.testing.assert_allclose(decibels("high_pass", hz)[1:], [resonance, 0], **close)
    np.testing.assert_allclose(decibels("band_pass", hz)[1], 0, **close)
    np.testing.assert_allclose(decibels("notch", hz)[[0, 2]], 0, **close)
    np.testing.assert_allclose(decibels("all_pass", hz), 0, **close)
    assert decibels("notch", hz)[1] < -100
    assert max(decibels("low_pass", hz)[2], *decibels("band_pass", hz)[[0, 2]]) < -100


def test_peak_and_notch_of_scipy_are_bands() -> None:
    b, a = signal.iirnotch(1000, 5, RATE)
    notch = ParametricEq((Band("notch", 1000.0, q=5.0),), RATE)
    np.testing.assert_allclose(notch.sections().sos[0], [*b, *a], atol=1e-4)
    b, a = signal.bilinear(
        [2 * np.pi * 100 / 3, 0], [1, 2 * np.pi * 100 / 3, (2 * np.pi * 100) ** 2], RATE
    )
    band = ParametricEq((Band("band_pass", 100.0, q=3.0),), RATE)
    np.testing.assert_allclose(band.sections().sos[0], [*b, *a], atol=1e-6)


def test_svf_is_the_analog_prototype_with_bent_frequencies() -> None:
    cutoff_hz, q, mix = 1500.0, 1.7, [0.3, -1.1, 0.8]
    form = SvfChain.from_cutoff(np.array([cutoff_hz]), np.array([q]), np.array([mix]), RATE)
    assert form.omega_cutoff[0] == pytest.approx(2 * np.pi * cutoff_hz / RATE)
    assert form.q[0] == pytest.approx(q)
    inner = OMEGA[:-1]
    p = 1j * np.tan(inner / 2) / np.tan(np.pi * cutoff_hz / RATE)
    expected = (mix[0] + mix[1] * p + mix[2] * p**2) / (1 + p / q + p**2)
    np.testing.assert_allclose(form.response(inner), expected, rtol=1e-12)
    np.testing.assert_allclose(form.response(OMEGA)[-1], mix[2], rtol=1e-12)


@pytest.mark.parametrize("method", ["zoh", "bilinear"])
def test_discretisation_is_that_of_scipy(method: str) -> None:
    pole, rate = np.array([-30 + 200j, -5.0, 0.0]), 100.0
    rng = np.random.default_rng(0)
    b = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))
    c = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
    d = rng.normal(size=(2, 2))
    found = Diagonal.from_continuous(pole, b, c, d, rate, method)  # type: ignore[arg-type]
    continuous = Diagonal(pole, b, c, d).statespace()  # the blocks don't care what a step is
    matrices = (continuous.A, continuous.B, continuous.C, continuous.D)
    a, b_, c_, d_, _ = signal.cont2discrete(matrices, 1 / rate, method)
    expected = StateSpace(a, b_, c_, d_, rate)
    omega = OMEGA[1:]
    np.testing.assert_allclose(found.response(omega), expected.response(omega), atol=1e-10)


def test_a_scan_hears_its_input_at_once() -> None:
    rng = np.random.default_rng(1)
    a = np.array([0.9 * np.exp(0.7j), 0.3])
    b, c = rng.normal(size=(2, 1)) + 0j, rng.normal(size=(1, 2)) * (1 + 0.5j)
    x, h, expected = rng.normal(size=30), np.zeros(2, complex), []
    for value in x:
        h = a * h + b[:, 0] * value
        expected.append((c[0] @ h).real + 0.2 * value)
    system = Diagonal.from_scan(a, b, c, 0.2 * ONE).statespace()
    found = signal.dlsim((system.A, system.B, system.C, system.D, 1), x)[1][:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_an_allpass_passes_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 4, size=rng.integers(1, 4))
    k = tuple(rng.uniform(-0.99, 0.99, size=n) for n in lengths)
    delay = tuple(tuple(int(m) for m in rng.integers(1, 9, size=n)) for n in lengths)
    form = Allpass(k, delay, -0.5)
    np.testing.assert_allclose(abs(form.response(OMEGA)), 0.5, rtol=1e-11)
    assert np.max(abs(form.poles())) < 1


def test_white_noise_decays_in_a_delay_network_as_asked() -> None:
    delay = (7, 11, 13)
    gain = gain_for_decay(delay, 0.01, RATE)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    assert is_orthogonal(rotation)
    assert not is_orthogonal(1.001 * rotation)
    network = DelayNetwork(delay, rotation, gain, np.ones((3, 1)), np.ones((1, 3)), ONE, RATE)
    # Every pole of the lossless network moves to the same radius: 60 dB in 480 samples.
    np.testing.assert_allclose(abs(network.poles()), 10 ** (-3 / 480), rtol=1e-9)


def test_infinite_responses_are_infinite() -> None:
    integrators: list[Form] = [
        TransferFunction(np.ones(1), np.array([1.0, -1.0])),
        ZeroPoleGain(np.zeros(1), np.ones(1), 1.0),
        Sections(np.array([[1.0, 0, 0, 1, -1, 0]])),
        Parallel(np.array([[1.0, 0, 0, 1, -1, 0]]), np.zeros(1)),
        StateSpace(ONE, ONE, ONE, ONE),
        Diagonal(np.ones(1), ONE, ONE, ONE),
    ]
    for form in integrators:
        found = form.response(np.array([0.0, 1.0]))
        assert not np.isfinite(found[0])
        assert abs(found[1]) == pytest.approx(1 / abs(1 - np.exp(1j)))
