from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.corpus.splits import SPLITS, assign, family, fingerprint
from rnnmusic.errors import UsageError

from .helpers import ROLL, numbered

names = st.lists(st.text("abcdef", min_size=1, max_size=8), min_size=1, max_size=60)
FRACTIONS = (0.8, 0.1, 0.1)


@given(names, st.randoms(use_true_random=False), st.integers(0, 3))
def test_order_doesnt_matter_and_families_stay_together(
    families: list[str], random: object, seed: int
) -> None:
    places = dict(zip(families, assign(families, FRACTIONS, seed), strict=True))
    shuffled = sorted(families, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert assign(shuffled, FRACTIONS, seed) == [places[name] for name in shuffled]


@given(names)
def test_no_split_of_a_small_corpus_is_empty(families: list[str]) -> None:
    places = assign(families, FRACTIONS)
    assert set(places) == set(SPLITS[: min(3, len(set(families)))])


@given(names)
def test_splits_without_a_share_stay_empty(families: list[str]) -> None:
    assert set(assign(families, (1.0, 0.0, 0.0))) == {"train"}
    assert "test" not in assign(families, (0.9, 0.1, 0.0))
    assert "valid" not in assign(families, (0.5, 0.0, 0.5))


def test_adding_files_moves_no_other() -> None:
    families = [f"piece {i}" for i in range(1000)]
    places = assign(families[:500], FRACTIONS)
    assert assign(families, FRACTIONS)[:500] == places
    counts = [assign(families, FRACTIONS).count(split) for split in SPLITS]
    assert np.allclose(counts, [800, 100, 100], atol=40)
    assert assign(families, FRACTIONS, seed=1) != assign(families, FRACTIONS)


@given(st.integers(-1, 2))
def test_a_transposition_is_another_piece_of_the_same_family(semitones: int) -> None:
    steps = numbered([30])[0].steps  # from column 1 to 20 of 24
    moved = ROLL.transpose(steps, semitones)
    assert family(moved, ROLL) == family(steps, ROLL)
    assert (fingerprint(moved, ROLL) == fingerprint(steps, ROLL)) == (semitones == 0)


def test_a_fingerprint_sees_the_shape_and_not_the_type() -> None:
    steps = numbered([4])[0].steps
    assert fingerprint(steps.astype(np.int64), ROLL) == fingerprint(steps, ROLL)
    assert fingerprint(steps[:, :12], ROLL) != fingerprint(steps.reshape(-1, 12)[:4], ROLL)


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.8, 0.1, 0.2), (0, 0.5, 0.5), (1.1, -0.1, 0)])
def test_shares_must_add_up(fractions: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="add up to 1"):
        assign(["a"], fractions)
