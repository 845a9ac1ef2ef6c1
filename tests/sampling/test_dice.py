"""Dice are numbers by name: the same everywhere, and as random as numbers can be."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.sampling.dice import Dice

words = st.integers(0, 2**64 - 1)

EXPECTED_0 = [0.011546754286331562, 0.24154919656271812, 0.11142585551493822, 0.5644146216071337]
EXPECTED_2026 = [
    0.5835580813859609,
    0.5431914031604993,
    0.9750207691654549,
    0.8384391832572248,
    0.11238528193788788,
    0.6972495131802188,
]


def test_the_numbers_are_these() -> None:
    """Written down, so that a recorded performance is the same on every machine and version."""
    assert Dice(0).uniforms(0, 0, 4).tolist() == EXPECTED_0
    assert Dice(2026).uniforms(3, 12345, 6).tolist() == EXPECTED_2026


@given(seed=st.integers(-(2**80), 2**80), take=words, index=words, count=st.integers(0, 300))
def test_numbers_depend_on_their_name_alone(seed: int, take: int, index: int, count: int) -> None:
    dice = Dice(seed)
    numbers = dice.uniforms(take, index, count)
    assert numbers.shape == (count,)
    assert numbers.dtype == np.float64
    assert ((numbers >= 0) & (numbers < 1)).all()
    kept = numbers.copy()
    longer = dice.uniforms(take, index, count + 7)
    np.testing.assert_array_equal(longer[:count], numbers)
    dice.uniforms(take + 1, index, 5)
    np.testing.assert_array_equal(Dice(seed).uniforms(take, index, count), numbers)
    np.testing.assert_array_equal(dice.uniforms(take, index, count), numbers)
    np.testing.assert_array_equal(numbers, kept)


@given(names=st.sets(st.tuples(st.integers(0, 2**128 - 1), words, words), min_size=2, max_size=4))
def test_names_that_differ_have_other_numbers(names: set[tuple[int, int, int]]) -> None:
    drawn = {tuple(Dice(seed).uniforms(take, index, 8)) for seed, take, index in names}
    assert len(drawn) == len(names)


def blocks() -> dict[str, np.ndarray]:
    """2**17 numbers each way of going on: (names, numbers of one)."""
    dice = Dice(7)
    return {
        "within": np.stack([dice.uniforms(0, index, 2048) for index in range(64)]),
        "indices": np.stack([dice.uniforms(1, index, 4) for index in range(2**15)]),
        "takes": np.stack([dice.uniforms(take, 5, 4) for take in range(2**15)]),
        "seeds": np.stack([Dice(seed).uniforms(0, 0, 4) for seed in range(2**13)]),
    }


def test_numbers_are_even_and_know_nothing_of_each_other() -> None:
    for kind, numbers in blocks().items():
        flat = numbers.ravel()
        counts = np.bincount((flat * 256).astype(int), minlength=256)
        expected = len(flat) / 256
        # Mean 255, standard deviation 22.6: seven of them.
        assert ((counts - expected) ** 2 / expected).sum() < 255 + 7 * 22.6, kind
        # The lowest bits too, which are multiplied away above.
        low = np.bincount((flat * 2**53).astype(np.int64) & 255, minlength=256)
        assert ((low - expected) ** 2 / expected).sum() < 255 + 7 * 22.6, kind
        centred = numbers - 0.5
        for a, b in (
            (centred[1:], centred[:-1]),  # of neighbouring names
            (centred[2:], centred[:-2]),
            (centred[:, 1:], centred[:, :-1]),  # of one name
            (centred[1:, :-1], centred[:-1, 1:]),
        ):
            # The products have mean 0 and standard deviation 1/12.
            assert abs((a * b).mean()) < 6 / 12 / np.sqrt(a.size), kind


def test_takes_are_independent_of_each_other() -> None:
    dice = Dice(7)
    takes = np.stack([[dice.uniforms(t, i, 4) for i in range(4096)] for t in range(4)]) - 0.5
    for first in range(4):
        for second in range(first):
            product = (takes[first] * takes[second]).mean()
            assert abs(product) < 6 / 12 / np.sqrt(takes[0].size)
