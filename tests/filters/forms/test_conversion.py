from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.errors import InputError, UsageError
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
    convert,
)
from tests.filters.forms.examples import GENERAL, OMEGA, RATE, filters, one_of_each, random_zpk


def error(form: Form, other: Form) -> float:
    mine, theirs = form.response(OMEGA), other.response(OMEGA)
    return float(np.max(abs(mine - theirs)) / max(np.max(abs(mine)), 1e-300))


@settings(deadline=None, max_examples=25)
@given(filters(), st.sampled_from(GENERAL))
@example(random_zpk(1, 12, zeros=12), Lattice)
@example(random_zpk(2, 11, zeros=3), Diagonal)
def test_every_form_into_every_other_keeps_the_response(
    filter_: ZeroPoleGain, start: type[Form]
) -> None:
    form = convert(filter_, start)
    assert error(filter_, form) < 1e-9
    for end in GENERAL:
        converted = convert(form, end)
        assert isinstance(converted, end)
        assert converted.sample_rate_hz == RATE
        assert error(filter_, converted) < 1e-9, end.kind


DESIGNS = {
    "elliptic 6": signal.ellip(6, 0.5, 60, 0.2, output="zpk"),
    "elliptic 12": signal.ellip(12, 0.5, 60, 0.2, output="zpk"),
    "butterworth 12": signal.butter(12, 0.1, output="zpk"),
    "chebyshev band pass": signal.cheby1(4, 1, [0.1, 0.12], "bandpass", output="zpk"),
    "low cutoff": signal.butter(2, 1e-3, output="zpk"),
    "odd": signal.butter(5, 0.3, "highpass", output="zpk"),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_classical_designs_survive_all_forms_but_one_fraction(name: str) -> None:
    form = ZeroPoleGain(*DESIGNS[name], RATE)
    sound = [kind for kind in GENERAL if kind is not TransferFunction]
    for start, end in itertools.product(sound, sound):
        assert error(form, convert(convert(form, start), end)) < 1e-9, (start.kind, end.kind)


def test_a_conversion_that_would_ruin_the_filter_is_refused() -> None:
    narrow = ZeroPoleGain(*signal.butter(12, 0.01, output="zpk"))
    with pytest.raises(InputError, match="wrong by"):
        convert(narrow, TransferFunction)


@pytest.mark.parametrize(
    ("zero", "pole"),
    [
        ([], [0, 0, 0]),
        ([0.5, -0.3, 2.0], [0, 0, 0]),
        ([0.1, 0.0], [0.5, 0.0]),
        ([0.0, 0.0], [0.5, 0.2]),
        ([], [0.5, 0.2, 0.0]),
        ([-1.0] * 3, [0.5, 0.2, 0.4]),
        ([], []),
    ],
    ids=["delay", "fir", "cancelled at 0", "zeros at 0", "pole at 0", "triple zero", "gain"],
)
def test_poles_and_zeros_at_special_places(zero: list[float], pole: list[float]) -> None:
    form = ZeroPoleGain(np.array(zero, complex), np.array(pole, complex), -0.7, RATE)
    diagonal = sum(p == 0 for p in pole) < 2
    ends = [end for end in GENERAL if diagonal or end is not Diagonal]
    for start, end in itertools.product(ends, ends):
        assert error(form, convert(convert(form, start), end)) < 1e-12, (start.kind, end.kind)
    if not diagonal:
        with pytest.raises(InputError, match="poles at 0"):
            convert(form, Diagonal)


@pytest.mark.parametrize("pole", [[0.5] * 3, [0.5 + 0.5j, 0.5 - 0.5j] * 2])
def test_repeated_poles_go_where_they_can_and_are_refused_elsewhere(pole: list[complex]) -> None:
    form = ZeroPoleGain(np.array([0.1]), np.array(pole), 1.0)
    sound = [end for end in GENERAL if end not in (Parallel, Diagonal)]
    for start, end in itertools.product(sound, sound):
        assert error(form, convert(convert(form, start), end)) < 1e-9, (start.kind, end.kind)
    for start, end in itertools.product((ZeroPoleGain, Sections), (Parallel, Diagonal)):
        with pytest.raises(InputError, match="repeated"):
            convert(convert(form, start), end)
    with pytest.raises(InputError, match="repeated"):
        convert(convert(form, StateSpace), Diagonal)


def test_a_double_real_pole_is_one_parallel_section() -> None:
    form = ZeroPoleGain(np.array([0.1]), np.array([0.5, 0.2, 0.5]), 1.0)
    converted = convert(form, Parallel)
    assert error(form, converted) < 1e-14
    assert sorted(converted.poles().real) == pytest.approx([0.0, 0.2, 0.5, 0.5])


def test_no_form_of_a_silent_filter_makes_a_sound() -> None:
    form = ZeroPoleGain(np.zeros(0), np.array([0.3, 0.2]), 0.0)
    for start, end in itertools.product(GENERAL, GENERAL):
        assert np.max(abs(convert(convert(form, start), end).response(OMEGA))) == 0.0


@settings(deadline=None, max_examples=25)
@given(filters(8))
def test_scipy_reads_the_same_filter(form: ZeroPoleGain) -> None:
    sos, tf = convert(form, Sections), convert(form, TransferFunction)
    ss = convert(form, StateSpace)
    wanted = form.response(OMEGA)
    scale = np.max(abs(wanted))
    assert np.max(abs(signal.sosfreqz(sos.sos, OMEGA)[1] - wanted)) < 1e-11 * scale
    assert np.max(abs(signal.freqz(tf.b, tf.a, OMEGA)[1] - wanted)) < 1e-9 * scale
    (impulse,) = signal.dimpulse((ss.A, ss.B, ss.C, ss.D, 1), n=50)[1]
    expected = signal.sosfilt(sos.sos, np.eye(1, 50)[0])
    assert np.max(abs(impulse[:, 0] - expected)) < 1e-11 * np.max(abs(expected))


def test_a_state_space_is_as_small_as_its_sections() -> None:
    sections = Sections(
        np.array([[1, 0.5, 0, 1, -0.3, 0], [1, 0, 0, 1, 0.2, 0.4], [2.0, 0, 0, 1, 0, 0]])
    )
    assert convert(sections, StateSpace).order == 3
    assert convert(convert(sections, ZeroPoleGain), StateSpace).order == 3


@settings(deadline=None, max_examples=25)
@given(filters(10))
def test_the_taps_of_a_lattice_are_the_energy_of_its_impulse_response(form: ZeroPoleGain) -> None:
    lattice = convert(form, Lattice)
    omega = np.linspace(0, 2 * np.pi, 4096, endpoint=False)
    energy = np.mean(abs(form.response(omega)) ** 2)
    assert np.sum(lattice.v**2) == pytest.approx(energy, rel=1e-8)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3))
def test_several_channels_survive_their_forms(
    seed: int, order: int, inputs: int, outputs: int
) -> None:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(order, order))
    a *= 0.95 / np.max(abs(np.linalg.eigvals(a)))
    form = StateSpace(
        a,
        rng.normal(size=(order, inputs)),
        rng.normal(size=(outputs, order)),
        rng.normal(size=(outputs, inputs)),
        RATE,
    )
    kinds = (StateSpace, Diagonal, DelayNetwork)
    for start, end in itertools.product(kinds, kinds):
        assert error(form, convert(convert(form, start), end)) < 1e-8
    if (inputs, outputs) != (1, 1):
        with pytest.raises(InputError, match="one input and one output"):
            convert(form, Sections)


def test_a_delay_network_is_the_state_space_of_all_its_samples() -> None:
    network = one_of_each()["fdn"]
    system = convert(network, StateSpace)
    assert system.order == network.order == 10
    assert error(network, system) < 1e-13


def test_an_allpass_is_a_delay_network_of_rotations() -> None:
    form = one_of_each()["allpass"]
    network = convert(form, DelayNetwork)
    assert network.delay == (5, 1, 3)
    assert np.linalg.norm(network.feedback, 2) <= 1 + 1e-15
    assert error(form, network) < 1e-13
    assert error(form, convert(form, Sections)) < 1e-12


@pytest.mark.parametrize("pole", [[0.5 + 0.3j, 0.5 - 0.3j, -0.7, 0.0], [0.2], [0.0]])
def test_an_allpass_is_recognised_and_others_are_not(pole: list[complex]) -> None:
    inside = np.array([p for p in pole if p])
    form = ZeroPoleGain(1 / inside.conj(), np.array(pole), 0.4)
    allpass = convert(form, Allpass)
    assert allpass.order == len(pole)
    assert error(form, allpass) < 1e-13
    with pytest.raises(InputError, match=r"no allpass|too few"):
        convert(random_zpk(0, 3), Allpass)


BANDS = [
    Band("peak", 1000.0, 6.0, 2.0),
    Band("peak", 15_000.0, -12.0, 0.5),
    Band("low_shelf", 100.0, -3.0, 0.8),
    Band("high_shelf", 5000.0, 9.0, 0.6),
    Band("low_pass", 300.0, q=3.0),
    Band("high_pass", 9000.0),
    Band("band_pass", 999.0, q=4.0),
    Band("notch", 50.0, q=3.0),
    Band("all_pass", 800.0, q=2.0),
]


@pytest.mark.parametrize("band", BANDS, ids=lambda band: f"{band.type} {band.cutoff_hz:g}")
def test_an_equaliser_is_read_back_from_its_sections(band: Band) -> None:
    form = ParametricEq((band,), RATE)
    found = convert(convert(form, Sections), ParametricEq)
    assert error(form, found) < 1e-10
    (other,) = found.bands
    assert other.type == band.type
    assert other.cutoff_hz == pytest.approx(band.cutoff_hz, rel=1e-8)
    assert other.q == pytest.approx(band.q, rel=1e-8)
    assert other.gain_db == pytest.approx(band.gain_db, abs=1e-8)


def test_sections_that_are_no_bands_are_no_equaliser() -> None:
    with pytest.raises(InputError, match="no band"):
        convert(Sections(np.array([[1, 0.3, 0.2, 1, -0.5, 0.1]]), RATE), ParametricEq)
    with pytest.raises(InputError, match="sample rate"):
        convert(Sections(np.array([[1.0, 0, 0, 1, 0, 0]])), ParametricEq)
    with pytest.raises(InputError, match="phase around"):
        convert(Sections(np.array([[-1.0, 0, 0, 1, 0, 0]]), RATE), ParametricEq)


@pytest.mark.parametrize("end", [SvfChain, Lattice, ParametricEq])
def test_forms_that_are_stable_by_construction_refuse_an_unstable_filter(end: type[Form]) -> None:
    with pytest.raises(InputError, match=r"unit circle|unstable"):
        convert(Sections(np.array([[1.0, 0, 0, 1, -2.1, 1.0]]), RATE), end)


def test_unstable_filters_keep_their_response_elsewhere() -> None:
    form = ZeroPoleGain(np.array([0.3]), np.array([1.5, -1.2]), 1.0)
    kinds = (TransferFunction, ZeroPoleGain, Sections, Parallel, StateSpace, Diagonal)
    for start, end in itertools.product(kinds, kinds):
        assert error(form, convert(convert(form, start), end)) < 1e-12


def test_a_complex_filter_stays_poles_and_zeros() -> None:
    with pytest.raises(InputError, match="conjugate"):
        convert(ZeroPoleGain(np.zeros(0), np.array([0.5j]), 1.0), Sections)


def test_a_form_is_itself() -> None:
    form = random_zpk(0, 3)
    assert convert(form, ZeroPoleGain) is form


def test_svf_and_sections_agree_to_the_last_digits_at_the_lowest_cutoffs() -> None:
    svf = SvfChain.from_cutoff(np.array([1.0]), np.array([0.7]), np.array([[1.0, 0, 0]]), RATE)
    there = convert(convert(svf, Sections), SvfChain)
    # a1 and a2 near -2 and 1 hold g**2 = 4e-9 with 8 digits, g with twice as many of them.
    np.testing.assert_allclose(there.g, svf.g, rtol=1e-7)
    np.testing.assert_allclose(there.r, svf.r, rtol=1e-7)


def test_a_form_is_asked_for_by_its_class() -> None:
    with pytest.raises(UsageError, match=r"'sos' is no form.*forms\.Sections"):
        convert(Sections(np.array([[1.0, 0, 0, 1, 0, 0]])), "sos")  # type: ignore[type-var]
