"""Systems from responses, impulse responses and recordings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import signal

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.fit import Levels, Recording, Response, fit
from rnnmusic.filters.fit.gradient import learn, multi_resolution_loss
from rnnmusic.filters.fit.modes import Modes, Spectra, from_system, pole_parameters
from rnnmusic.filters.forms import Sections, StateSpace

OMEGA = np.linspace(0.01, 3.1, 200)
ELLIPTIC = signal.ellip(6, 1, 60, 0.2, output="sos")


def _recording(sos: np.ndarray, frames: int, noise: float) -> Recording:
    rng = np.random.default_rng(0)
    into = rng.standard_normal(frames + 500)
    out = signal.sosfilt(sos, into)
    out += noise * out.std() * rng.standard_normal(len(out))
    return Recording(into[500:], out[500:])  # it has been sounding before


def test_a_noisy_recording_is_identified_to_half_a_decibel() -> None:
    found = fit(_recording(ELLIPTIC, 8000, 1e-3), 6)
    true, reached = Sections(ELLIPTIC).response(OMEGA), found.form.response(OMEGA)
    is_heard = abs(true) > 2e-3
    assert abs(20 * np.log10(abs(reached / true)))[is_heard].max() < 0.5
    assert found.report.score.error_to_signal_db == pytest.approx(-60, abs=0.2)
    assert {baseline.name for baseline in found.report.baselines} == {
        "subspace",
        "Steiglitz-McBride",
    }


def test_without_noise_it_is_exact_though_the_start_is_unknown() -> None:
    found = fit(_recording(ELLIPTIC, 2000, 0.0), 6)
    assert found.report.score.error_to_signal_db is not None
    assert found.report.score.error_to_signal_db < -200
    true = Sections(ELLIPTIC).response(OMEGA)
    assert abs(found.form.response(OMEGA) - true).max() < 1e-8


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 2), (2, 1), (2, 2)])
def test_several_channels_are_identified_as_one_state_space(inputs: int, outputs: int) -> None:
    rng = np.random.default_rng(3)
    poles = np.array([0.9 * np.exp(0.4j), 0.8 * np.exp(1.5j)])
    a = np.zeros((4, 4))
    for k, p in enumerate(poles):
        a[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[p.real, p.imag], [-p.imag, p.real]]
    b, c = rng.standard_normal((4, inputs)), rng.standard_normal((outputs, 4))
    d = rng.standard_normal((outputs, inputs))
    system = StateSpace(a, b, c, d)
    into = rng.standard_normal((inputs, 3000))
    out = signal.dlsim((a, b, c, d, 1.0), into.T)[1].T
    out += 1e-3 * rng.standard_normal(out.shape)
    found = fit(Recording(into, out), 4)
    assert isinstance(found.form, StateSpace)
    assert (found.form.inputs, found.form.outputs) == (inputs, outputs)
    true, reached = system.response(OMEGA), found.form.response(OMEGA)
    assert abs(reached - true).max() < 5e-3 * abs(true).max()
    # As good as the truth is on this noise.
    assert found.report.score.error_to_signal_db is not None
    power = 20 * np.log10(1e-3 / np.sqrt(np.mean(out**2)))
    assert found.report.score.error_to_signal_db < power + 0.1


def test_a_complex_response_keeps_its_phase() -> None:
    sos = np.array([[0.5, 2.0, 1.0, 1.0, -1.2, 0.7], [1.0, -0.3, 2.0, 1.0, 0.4, 0.5]])
    true = Sections(sos).response(OMEGA)  # zeros outside the circle
    found = fit(Response(OMEGA, true), 4)
    assert abs(found.form.response(OMEGA) / true - 1).max() < 1e-8


def test_an_impulse_response_gives_its_filter_back() -> None:
    h = signal.sosfilt(ELLIPTIC, np.r_[1.0, np.zeros(299)])
    found = fit(Recording.of_impulse_response(h), 6)
    assert np.allclose(
        np.sort_complex(found.form.poles()),
        np.sort_complex(Sections(ELLIPTIC).poles()),
        atol=1e-7,
    )
    assert {b.name for b in found.report.baselines} >= {"Prony", "ERA", "Steiglitz-McBride"}


def test_the_order_of_a_recording_is_found_on_what_was_held_out() -> None:
    found = fit(_recording(signal.ellip(4, 1, 40, 0.3, output="sos"), 4000, 1e-2), max_order=6)
    assert found.report.order == 4
    assert found.report.orders[3] > 2 * found.report.orders[4]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_modes_have_the_jacobian_and_the_poles_that_they_say(
    seed: int, order: int, inputs: int, outputs: int, has_ends: bool
) -> None:
    rng = np.random.default_rng(seed)
    modes = Modes(order, inputs, outputs, has_ends)
    z = np.exp(1j * np.linspace(0.1, 3, 15))
    into = rng.standard_normal((15, inputs)) + 1j * rng.standard_normal((15, inputs))
    data = Spectra(z, into, np.zeros((15, outputs), complex), np.ones(15), has_ends)
    point = 0.7 * rng.standard_normal(modes.size)
    there = modes.model(data, point)
    assert there is not None
    step = 1e-6 * rng.standard_normal(modes.size)
    above, below = modes.model(data, point + step), modes.model(data, point - step)
    assert above is not None
    assert below is not None
    slope = (above[0] - below[0]) / 2
    assert np.allclose(step @ there[1], slope, atol=1e-4 * abs(slope).max() + 1e-12)
    system = modes.system(point, None)
    assert abs(system.poles()).max() < 1
    assume(abs(system.poles()).min() > 2e-3)  # nearer to 0 they are moved away from it
    again = pole_parameters(system.poles(), order, modes.max_radius)
    poles = modes.system(np.concatenate([again, point[order:]]), None).poles()
    # Real poles may be paired otherwise, then the blocks differ but not what they have together.
    assert np.allclose(np.poly(poles), np.poly(system.poles()), atol=1e-6)


def test_a_system_is_rotated_into_blocks_of_two() -> None:
    rng = np.random.default_rng(1)
    a = rng.standard_normal((4, 4))
    a *= 0.8 / abs(np.linalg.eigvals(a)).max()
    system = StateSpace(
        a, rng.standard_normal((4, 2)), rng.standard_normal((2, 4)), np.zeros((2, 2))
    )
    modes = Modes(4, 2, 2, has_ends=False)
    rotated = from_system(modes, system)
    assert rotated is not None
    # Only C is left to find, which is linear: the response must come out exact.
    z, into = np.exp(1j * np.linspace(0.1, 3, 40)), rng.standard_normal((40, 2)) + 0j
    out = np.einsum("koi,ki->ko", system.response(np.angle(z)), into)
    point = modes.with_best_linear(Spectra(z, into, out, np.ones(40), False), *rotated)
    reached = modes.system(point, None).response(OMEGA)
    assert np.allclose(reached, system.response(OMEGA), atol=1e-8)


def test_the_spectral_loss_is_deaf_to_delay_and_lowers_under_descent() -> None:
    import torch

    rng = np.random.default_rng(0)
    sound = torch.from_numpy(rng.standard_normal((1, 8000)))
    assert float(multi_resolution_loss(sound, sound)) == 0
    louder = float(multi_resolution_loss(2 * sound, sound))
    assert louder == pytest.approx(1 + np.log(2), rel=1e-6)
    sos = signal.butter(2, 0.3, output="sos")
    into = rng.standard_normal(1500)
    out = np.roll(signal.sosfilt(sos, into), 3)
    found = fit(Recording(into, out), 2, loss="spectral")
    before, after = (float(x.rstrip(".")) for x in found.report.notes[0].split()[-3::2])
    assert after < before


def test_descent_finds_levels_and_responses_from_nothing() -> None:
    from rnnmusic.filters.modules import SectionsFilter

    true = Sections(signal.ellip(4, 1, 40, 0.3, output="sos"))
    for target in (
        Levels.of_magnitude(OMEGA, abs(true.response(OMEGA))),
        Response(OMEGA, true.response(OMEGA)),
    ):
        module = SectionsFilter(2)
        before, after = learn(module, target, steps=150)
        assert after < 1e-2 * before
    with pytest.raises(UsageError, match="sounds"):
        learn(SectionsFilter(2), target, loss="spectral")


def test_bad_recordings_and_responses_are_refused() -> None:
    x = np.ones(100)
    for source, sound, says in (
        (x, np.ones(99), "100 samples"),
        (x, np.full(100, np.nan), "NaN"),
        (0 * x, x, "silent"),
        (np.array([]), x, "empty"),
    ):
        with pytest.raises(InputError, match=says):
            Recording(source, sound)
    with pytest.raises(InputError, match="one value for each"):
        Response(OMEGA, np.ones(3))
    with pytest.raises(UsageError, match="levels"):
        fit(Recording(x, x), 2, form="eq")
    with pytest.raises(UsageError, match="levels only"):
        fit(Recording(x, x), 2, loss="max")
