from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from rnnmusic.errors import InputError
from rnnmusic.filters import design
from tests.filters.design.systems import (
    error_db,
    impulse_response,
    random_filter,
    random_system,
    seeds,
    simulated,
)

OMEGA = np.linspace(0, np.pi, 257)


@given(seeds, st.integers(1, 4), st.booleans())
def test_prony_and_steiglitz_mcbride_find_the_filter_of_an_impulse_response(
    seed: int, pairs: int, minimum_phase: bool
) -> None:
    true = random_filter(np.random.default_rng(seed), pairs, minimum_phase=minimum_phase)
    h = impulse_response(true, 400)
    for method in (design.prony, design.steiglitz_mcbride):
        found = method(h, 2 * pairs, 2 * pairs)
        np.testing.assert_allclose(found.a, true.a, atol=1e-6)
        np.testing.assert_allclose(found.b, true.b, atol=1e-6 * abs(true.b).max())


@given(seeds)
def test_steiglitz_mcbride_finds_the_filter_between_two_signals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, x = random_filter(rng, 2), rng.standard_normal(600)
    y = lfilter(true.b, true.a, x)
    found = design.steiglitz_mcbride(y, 4, 4, excitation=x)
    np.testing.assert_allclose(found.a, true.a, atol=1e-7)


def test_steiglitz_mcbride_is_better_than_prony_in_noise() -> None:
    rng = np.random.default_rng(5)
    errors = []
    for _ in range(10):
        true = random_filter(rng, 2)
        h = impulse_response(true, 300)
        noisy = h + 0.01 * abs(h).max() * rng.standard_normal(300)
        errors.append(
            [
                np.linalg.norm(h - impulse_response(method(noisy, 4, 4, stabilise=True), 300))
                for method in (design.prony, design.steiglitz_mcbride)
            ]
        )
    prony, steiglitz_mcbride = np.median(errors, axis=0)
    assert steiglitz_mcbride < 0.8 * prony


@given(seeds, st.integers(1, 3), st.integers(1, 3))
def test_a_system_of_any_channels_is_realised_from_its_impulse_response(
    seed: int, inputs: int, outputs: int
) -> None:
    true = random_system(np.random.default_rng(seed), 4, inputs, outputs)
    h = [true.D, *(true.C @ np.linalg.matrix_power(true.A, k) @ true.B for k in range(40))]
    found = design.era(np.stack(h), 4)
    np.testing.assert_allclose(
        found.response(OMEGA), true.response(OMEGA), atol=1e-7 * abs(true.response(OMEGA)).max()
    )
    np.testing.assert_allclose(
        np.sort_complex(np.round(found.poles(), 6)),
        np.sort_complex(np.round(true.poles(), 6)),
        atol=1e-4,
    )


@given(seeds, st.integers(1, 2), st.integers(1, 2))
def test_a_system_of_any_channels_is_identified_from_recordings(
    seed: int, inputs: int, outputs: int
) -> None:
    rng = np.random.default_rng(seed)
    true = random_system(rng, 3, inputs, outputs)
    u = rng.standard_normal((inputs, 500)) * rng.uniform(0.001, 1000, (inputs, 1))
    y = simulated(true, u, rng.standard_normal(3))
    found = design.subspace(u, y, 3)
    np.testing.assert_allclose(
        found.response(OMEGA), true.response(OMEGA), atol=1e-6 * abs(true.response(OMEGA)).max()
    )


def test_long_noisy_recordings_are_identified_in_pieces() -> None:
    rng = np.random.default_rng(2)
    true = random_filter(rng, 2)
    x = rng.standard_normal(40_000)
    y = lfilter(true.b, true.a, x)
    found = design.subspace(x, y + 1e-3 * y.std() * rng.standard_normal(len(y)), 4)
    assert error_db(found, OMEGA, true.response(OMEGA)) < 0.1


def test_equations_of_pieces_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 500))
    y = lfilter([1, 0.5], [1, -0.9], x) + 0.1 * rng.standard_normal((2, 500))
    whole = design.subspace(x, y, 2).response(OMEGA)
    monkeypatch.setattr("rnnmusic.filters.design.subspaces._CHUNK", 37)
    np.testing.assert_allclose(design.subspace(x, y, 2).response(OMEGA), whole, atol=1e-9)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (lambda: design.prony(np.zeros(50), 2, 2), "zero everywhere"),
        (lambda: design.prony([], 2, 2), "0 values"),
        (lambda: design.prony(np.ones(4), 2, 2), "can't determine 5"),
        (lambda: design.prony([1, np.nan, 0, 0, 0, 0], 1, 1), "aren't finite"),
        (lambda: design.prony(np.ones((3, 3)), 1, 1), "one dimension"),
        (lambda: design.prony(1j * np.ones(30), 1, 1), "complex"),
        (lambda: design.prony(["a", "b", "c"], 1, 1), "array of numbers"),
        (lambda: design.steiglitz_mcbride(np.ones(9), 1, 1, excitation=np.ones(8)), "as many"),
        (lambda: design.steiglitz_mcbride(np.ones(9), 1, 1, excitation=np.zeros(9)), "not all"),
        (lambda: design.era(np.zeros(50), 2), "zero everywhere"),
        (lambda: design.era(np.ones((5, 5)), 2), "shape"),
        (lambda: design.era(np.ones(6), 4), "lower order"),
        (lambda: design.subspace(np.ones(50), np.ones(49), 1), "as many"),
        (lambda: design.subspace(np.zeros(50), np.ones(50), 1), "silent"),
        (lambda: design.subspace(np.ones(8), np.ones(8), 6), "lower order"),
    ],
)
def test_bad_data_are_said_in_a_sentence(method: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        method()  # type: ignore[operator]
