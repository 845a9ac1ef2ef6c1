"""Filters from levels: exact where they can be, stable always, clear where they can't."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.fit import Levels, fit
from rnnmusic.filters.fit.factors import Circle, Layout
from rnnmusic.filters.fit.least_squares import Solution, levenberg_marquardt, minimax
from rnnmusic.filters.fit.magnitude import roots_from_squares
from rnnmusic.filters.forms import Band, Lattice, ParametricEq, Sections

OMEGA = np.linspace(0, np.pi, 257)
HERTZ = np.geomspace(20, 20_000, 256)
RATE_HZ = 48_000.0


def _levels(sos: np.ndarray) -> Levels:
    return Levels.of_magnitude(OMEGA, abs(Sections(sos).response(OMEGA)))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("kind", ["butter", "ellip", "cheby1"])
def test_classical_filters_come_back_from_their_levels(kind: str, order: int) -> None:
    knobs = {"butter": (), "ellip": (1, 60), "cheby1": (1,)}[kind]
    sos = getattr(signal, kind)(order, *knobs, 0.3, output="sos")
    found = fit(_levels(sos), order, baselines=False)
    assert found.report.score.max_error_db is not None
    assert found.report.score.max_error_db < 1e-4
    wanted = signal.sos2zpk(sos)[1]
    assert np.sort(abs(found.form.poles()))[-1] == pytest.approx(abs(wanted).max(), abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_random_minimum_phase_filters_come_back_with_poles_and_zeros(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = 3
    radius, angle = rng.uniform(0.3, 0.97, (2, pairs)), rng.uniform(0.1, 3.0, (2, pairs))
    sos = np.ones((pairs, 6))
    sos[:, 1], sos[:, 2] = -2 * radius[0] * np.cos(angle[0]), radius[0] ** 2
    sos[:, 4], sos[:, 5] = -2 * radius[1] * np.cos(angle[1]), radius[1] ** 2
    found = fit(_levels(sos), 2 * pairs, baselines=False)
    assert abs(found.form.response(OMEGA) / Sections(sos).response(OMEGA) - 1).max() < 1e-6


def test_products_of_peaks_give_their_knobs_back() -> None:
    rng = np.random.default_rng(5)
    bands = [
        Band("peak", float(f), float(g), float(q))
        for f, g, q in zip(
            np.geomspace(60, 15_000, 8) * rng.uniform(0.8, 1.2, 8),
            rng.uniform(3, 12, 8) * rng.choice([-1, 1], 8),
            np.exp(rng.uniform(np.log(0.5), np.log(8), 8)),
            strict=True,
        )
    ]
    eq = ParametricEq(tuple(bands), RATE_HZ, gain_db=-3.0)
    level = 20 * np.log10(abs(eq.response(2 * np.pi * HERTZ / RATE_HZ)))
    target = Levels.at_frequencies(HERTZ, level, RATE_HZ)
    found = fit(target, 16, form="eq", baselines=False)
    assert isinstance(found.form, ParametricEq)
    assert found.form.gain_db == pytest.approx(-3, abs=1e-6)
    for band, wanted in zip(
        found.form.bands, sorted(bands, key=lambda b: b.cutoff_hz), strict=True
    ):
        assert band.cutoff_hz == pytest.approx(wanted.cutoff_hz, rel=1e-6)
        assert band.gain_db == pytest.approx(wanted.gain_db, abs=1e-5)
        assert band.q == pytest.approx(wanted.q, rel=1e-5)


def test_shelves_are_found_among_peaks() -> None:
    eq = ParametricEq(
        (
            Band("low_shelf", 150, 6, 0.8),
            Band("peak", 1000, -7, 2),
            Band("high_shelf", 6000, -4, 0.6),
        ),
        RATE_HZ,
    )
    level = 20 * np.log10(abs(eq.response(2 * np.pi * HERTZ / RATE_HZ)))
    target = Levels.at_frequencies(HERTZ, level, RATE_HZ)
    found = fit(target, form="eq", bands=["low_shelf", "peak", "high_shelf"], baselines=False)
    assert found.report.score.max_error_db is not None
    assert found.report.score.max_error_db < 1e-6


def test_minimax_lowers_the_largest_error_and_least_squares_the_mean() -> None:
    octaves = np.log2(HERTZ)
    target = Levels.at_frequencies(HERTZ, 6 * np.sin(octaves * 2.5) + octaves, RATE_HZ)
    mean = fit(target, 8, baselines=False).report.score
    largest = fit(target, 8, loss="max", baselines=False).report.score
    assert mean.rms_error_db is not None
    assert mean.max_error_db is not None
    assert largest.rms_error_db is not None
    assert largest.max_error_db is not None
    assert largest.max_error_db < mean.max_error_db
    assert largest.rms_error_db > mean.rms_error_db


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.9, 0.99, 0.9999]))
def test_no_pole_leaves_the_radius_whatever_the_target(seed: int, radius: float) -> None:
    rng = np.random.default_rng(seed)
    target = Levels(OMEGA, 40 * rng.standard_normal(len(OMEGA)), np.ones(len(OMEGA)))
    found = fit(target, 7, max_radius=radius, restarts=2, baselines=False)
    assert abs(found.form.poles()).max() <= radius * (1 + 1e-9)
    assert found.report.certificate.is_stable


def test_minus_infinity_is_a_ceiling_that_the_report_states() -> None:
    sos = signal.butter(4, 0.3, output="sos")
    magnitude = abs(Sections(sos).response(OMEGA))
    magnitude[-5:] = 0.0
    found = fit(Levels.of_magnitude(OMEGA, magnitude), 4, baselines=False)
    assert "5 of 257 levels are -inf dB" in found.report.notes[0]
    assert found.report.score.max_error_db == pytest.approx(0, abs=1e-4)
    assert (20 * np.log10(abs(found.form.response(OMEGA[-5:]))) < -115).all()


def test_levels_without_weight_are_free() -> None:
    sos = signal.ellip(4, 1, 50, 0.3, output="sos")
    level = 20 * np.log10(abs(Sections(sos).response(OMEGA)))
    is_wrong = (OMEGA > 1.5) & (OMEGA < 1.7)
    target = Levels(OMEGA, np.where(is_wrong, 30.0, level), np.where(is_wrong, 0.0, 1.0))
    found = fit(target, 4, baselines=False)
    assert abs(20 * np.log10(abs(found.form.response(OMEGA))) - level)[~is_wrong].max() < 1e-5


def test_all_pole_filters_have_no_zeros() -> None:
    a = np.poly([0.9 * np.exp(0.5j), 0.9 * np.exp(-0.5j), 0.7j, -0.7j]).real
    target = Levels.of_magnitude(OMEGA, abs(signal.freqz(1, a, OMEGA)[1]))
    found = fit(target, 4, zeros=0, baselines=False)
    assert abs(found.form.zeros()).max(initial=0.0) < 1e-12
    assert found.report.score.max_error_db is not None
    assert found.report.score.max_error_db < 1e-8


def test_a_form_is_what_was_asked_for_and_baselines_stand_beside_it() -> None:
    found = fit(_levels(signal.ellip(4, 1, 40, 0.3, output="sos")), 4, form="lattice")
    assert isinstance(found.form, Lattice)
    names = {baseline.name for baseline in found.report.baselines}
    assert {"Yule-Walker", "Prony", "Steiglitz-McBride", "ERA", "Sanathanan-Koerner"} <= names
    best = min(baseline.score.in_one_number() for baseline in found.report.baselines)
    assert found.report.score.in_one_number() <= max(best, 1e-7)
    assert found.report.to_dict()["certificate"]["is_stable"] is True


def test_held_out_levels_choose_the_true_order() -> None:
    target = _levels(signal.ellip(5, 1, 50, 0.2, output="sos"))
    found = fit(target, max_order=8, baselines=False)
    assert found.report.order == 5
    assert set(found.report.orders) == {1, 2, 3, 4, 5}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 5), st.integers(1, 5))
def test_the_jacobian_is_that_of_the_level(seed: int, zeros: int, poles: int) -> None:
    rng = np.random.default_rng(seed)
    layout, circle = Layout(zeros, poles, 0.99), Circle(rng.uniform(0.01, 3.1, 20))
    point = rng.standard_normal(layout.size)
    there = layout.model(circle, point)
    assert there is not None
    for k in range(layout.size):
        step = np.zeros(layout.size)
        step[k] = 1e-6
        above, below = layout.model(circle, point + step), layout.model(circle, point - step)
        assert above is not None
        assert below is not None
        slope = (above[0] - below[0]) / 2e-6
        assert np.allclose(there[1][k], slope, rtol=1e-4, atol=1e-4)
    # And the sections have the level that was searched.
    reached = 20 * np.log10(abs(layout.sections(point, None).response(circle.omega)))
    is_drawn_in = abs(layout.sections(point, None).poles()).max(initial=0) > 0.989
    assert is_drawn_in or np.allclose(reached, there[0], atol=1e-7)


def test_squares_of_roots_give_the_roots_back() -> None:
    s = np.array([-0.1 + 2j, -0.1 - 2j, -0.5, -3.0, 1e-9 + 1j, 1e-9 - 1j])
    roots = roots_from_squares(-(s**2), 6, 6)
    u, zeta = roots.u, np.sinh(roots.v)
    for b, damping in ((4.01, 0.1), (1.5, 1.75), (1.0, 1e-9)):
        k = int(np.argmin(abs(np.exp(u) - b)))
        assert np.exp(u[k]) == pytest.approx(b, rel=1e-6)
        assert zeta[k] * np.sqrt(b) == pytest.approx(damping, abs=2e-6)


def test_levenberg_marquardt_and_minimax_on_a_line() -> None:
    t = np.linspace(0, 1, 50)
    target = 2 + 3 * t + np.where(np.arange(50) == 25, 1.0, 0.0)

    def model(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return p[0] + p[1] * t, np.stack([np.ones(50), t])

    found = levenberg_marquardt(model, np.zeros(2), target, np.ones(50))
    assert isinstance(found, Solution)
    assert np.allclose(found.parameters, np.polyfit(t, target, 1)[::-1], atol=1e-6)
    best = minimax(model, found, target, np.ones(50))
    assert best.largest == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("level", "weight", "says"),
    [
        (np.full(257, np.nan), 1.0, "NaN"),
        (np.full(257, np.inf), 1.0, "NaN or"),
        (np.full(257, -np.inf), 1.0, "silence"),
        (np.zeros(3), 1.0, "one for each"),
        (np.zeros(257), -1.0, "weight"),
        (np.zeros(257), 0.0, "weight"),
    ],
)
def test_bad_levels_are_refused(level: np.ndarray, weight: float, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Levels(OMEGA, level, np.full(257, weight))


def test_bad_requests_are_refused() -> None:
    target = _levels(signal.butter(2, 0.3, output="sos"))
    for options, says in (
        ({"order": 0}, "order of 0"),
        ({"order": 2.5}, "whole number"),
        ({"order": 5000}, "512 or less"),
        ({"max_order": 5000}, "512 or less"),
        ({"order": 2, "form": "fir"}, "no form"),
        ({"order": 2, "loss": "l1"}, "no loss"),
        ({"order": 2, "loss": "spectral"}, "sounds"),
        ({"order": 2, "max_radius": 1.0}, "radius"),
        ({"order": 2, "form": "eq"}, "sample rate"),
        ({"order": 3, "form": "eq"}, "two poles"),
        ({"order": 2, "bands": ["peak"]}, "form='eq'"),
        ({"order": 2, "zeros": -1}, "zeros"),
    ):
        with pytest.raises(UsageError, match=says):
            fit(target, **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="beyond half"):
        Levels.at_frequencies([100, 30_000, 5, 6], [0, 0, 0, 0], RATE_HZ)
    with pytest.raises(InputError, match="none twice"):
        Levels.at_frequencies([100, 100, 5, 6], [0, 0, 0, 0], RATE_HZ)
