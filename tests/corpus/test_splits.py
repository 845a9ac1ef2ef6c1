from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnnmusic.corpus.fingerprints import NO_FAMILY, NO_SKETCH
from rnnmusic.corpus.splits import SPLITS, Leak, assign, fingerprint, group, leaks
from rnnmusic.errors import UsageError

FRACTIONS = (0.8, 0.1, 0.1)
some_groups = st.lists(st.integers(0, 40), min_size=1, max_size=60)


def digests(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def firsts(keys: list[int]) -> NDArray[np.int64]:
    """Groups as `group` numbers them."""
    return np.array([keys.index(key) for key in keys])


def places(keys: list[int], fractions: tuple[float, ...] = FRACTIONS, seed: int = 0) -> list[str]:
    return assign(firsts(keys), digests(len(keys)), fractions, seed)


@given(some_groups, st.permutations(range(60)), st.integers(0, 3))
def test_order_doesnt_matter_and_groups_stay_together(
    keys: list[int], permutation: list[int], seed: int
) -> None:
    of_group = dict(zip(keys, places(keys, seed=seed), strict=True))
    assert places(keys, seed=seed) == [of_group[key] for key in keys]
    order = [i for i in permutation if i < len(keys)]
    shuffled = [keys[i] for i in order]
    given_again = assign(firsts(shuffled), digests(len(keys))[order], FRACTIONS, seed)
    assert given_again == [of_group[key] for key in shuffled]


@given(some_groups)
def test_no_split_of_a_small_corpus_is_empty(keys: list[int]) -> None:
    assert set(places(keys)) == set(SPLITS[: min(3, len(set(keys)))])


@given(some_groups)
def test_splits_without_a_share_stay_empty(keys: list[int]) -> None:
    assert set(places(keys, (1.0, 0.0, 0.0))) == {"train"}
    assert "test" not in places(keys, (0.9, 0.1, 0.0))
    assert "valid" not in places(keys, (0.5, 0.0, 0.5))


def test_adding_files_moves_no_other() -> None:
    keys = list(range(1000))
    assert places(keys)[:500] == places(keys[:500])
    assert np.allclose([places(keys).count(split) for split in SPLITS], [800, 100, 100], atol=40)
    assert places(keys, seed=1) != places(keys)


def test_a_group_goes_where_the_piece_with_its_lowest_fingerprint_would() -> None:
    prints = digests(1000)
    alone = assign(np.arange(1000), prints, FRACTIONS)
    groups = np.arange(1000) // 2 * 2
    together = assign(groups, prints, FRACTIONS)
    for first in range(0, 1000, 2):
        lower = min((first, first + 1), key=lambda i: prints[i].tobytes())
        assert together[first] == together[first + 1] == alone[lower]


def test_groups_larger_than_a_held_out_share_train() -> None:
    keys = [0] * 60 + [1] * 30 + [2] * 5 + list(range(3, 8))
    for seed in range(20):
        placed = places(keys, seed=seed)
        assert set(placed[:90]) == {"train"}
        assert {"valid", "test"} <= set(placed[90:])


def test_settled_pieces_stay_and_are_followed() -> None:
    groups = np.array([0, 0, 2, 2, 2, 5, 6, 7, 8])
    given_splits = [None, "test", "train", None, "test", "valid", None, None, None]
    placed = assign(groups, digests(9), FRACTIONS, 0, given_splits)
    assert placed[:6] == ["test", "test", "train", "train", "test", "valid"]
    assert placed[6:] == assign(groups[6:], digests(9)[6:], FRACTIONS)
    settled = ["test"] * 9
    assert assign(groups, digests(9), FRACTIONS, 0, settled) == settled


@given(some_groups, st.data())
def test_leaks_are_the_pieces_with_a_relative_in_an_earlier_split(
    keys: list[int], data: st.DataObject
) -> None:
    splits = data.draw(st.lists(st.sampled_from(SPLITS), min_size=len(keys), max_size=len(keys)))
    members: defaultdict[int, list[int]] = defaultdict(list)
    for i, key in enumerate(firsts(keys).tolist()):
        members[key].append(i)
    expected = []
    for key, pieces in sorted(members.items()):
        place = {i: SPLITS.index(splits[i]) for i in pieces}
        relative = min(pieces, key=lambda i: (place[i], i))
        held_out = tuple(i for i in pieces if place[i] > place[relative])
        if held_out:
            expected.append(Leak(key, held_out, relative))
    assert leaks(firsts(keys), splits) == expected


@given(some_groups, some_groups)
def test_families_and_keys_are_grouped_across_each_other(
    families: list[int], keys: list[int]
) -> None:
    count = min(len(families), len(keys), 16)
    family = np.array(families[:count], dtype=np.uint64)  # 0: no family
    folders = [f"folder {key}" if key % 3 else None for key in keys[:count]]
    found = group(np.array([NO_SKETCH] * count), family, folders)
    expected = list(range(count))
    for _ in range(count):
        for i in range(count):
            for j in range(i):
                alike = family[i] == family[j] != NO_FAMILY
                if alike or (folders[i] is not None and folders[i] == folders[j]):
                    expected[i] = expected[j] = min(expected[i], expected[j])
    assert found.tolist() == expected


def test_near_duplicates_are_grouped() -> None:
    sketches = np.random.default_rng(0).integers(0, 1 << 63, (5, 16), dtype=np.uint64)
    sketches[3, :8] = sketches[1, :8]
    assert group(sketches, np.zeros(5, dtype=np.uint64)).tolist() == [0, 1, 2, 1, 4]
    assert group(sketches[:0], np.zeros(0, dtype=np.uint64)).tolist() == []


def test_a_fingerprint_sees_content_shape_and_type() -> None:
    rows = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert len(fingerprint(rows)) == 32
    assert fingerprint(np.asfortranarray(rows)) == fingerprint(rows)
    others = [rows + 1, rows.reshape(6, 4), rows.view(np.int8), rows[:3]]
    assert len({fingerprint(rows), *map(fingerprint, others)}) == 5


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.8, 0.1, 0.2), (0, 0.5, 0.5), (1.1, -0.1, 0)])
def test_shares_must_add_up(fractions: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="add up to 1"):
        places([0], fractions)
