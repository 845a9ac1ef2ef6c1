from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import InputError, UsageError
from rnnmusic.recurrent.memoryless import FrameNgram


def rolls(count: int, columns: int = 3, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = rng.integers(1, 12, count)
    return [(rng.random((length, columns)) < 0.4).astype(np.uint8) for length in shapes]


def all_frames(columns: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=columns)), dtype=np.uint8)


@settings(max_examples=40, deadline=None)
@given(
    order=st.integers(0, 4),
    floor=st.sampled_from(["notes", "uniform"]),
    seed=st.integers(0, 99),
    steps=st.integers(0, 4),
)
def test_the_next_frame_has_probabilities_that_sum_to_one(
    order: int, floor: str, seed: int, steps: int
) -> None:
    model = FrameNgram(order, floor=floor).fit(rolls(6, seed=seed), rolls(3, seed=seed + 1))
    before = rolls(1, seed=seed + 2)[0][:steps]
    p = [
        math.exp(-model.nll(np.concatenate([before, [frame]]).astype(np.uint8))[-1])
        for frame in all_frames(3)
    ]
    assert sum(p) == pytest.approx(1.0, abs=1e-12)


def test_order_one_on_a_uniform_floor_is_add_p() -> None:
    train, valid = rolls(20), rolls(10, seed=1)
    model = FrameNgram(1, floor="uniform").fit(train, valid)
    frames = np.concatenate(train)
    kinds = len(np.unique(frames, axis=0))
    p = float(model.weights[0]) * kinds / 8
    for frame in all_frames(3):
        count = int((frames == frame).all(1).sum())
        expected = -math.log((count + p) / (len(frames) + 8 * p))
        assert model.nll(frame[None])[0] == pytest.approx(expected, abs=1e-12)


def test_bigrams_by_hand() -> None:
    a, b = np.array([0, 1], np.uint8), np.array([1, 0], np.uint8)
    model = FrameNgram(2).fit([np.stack([a, b, a]), np.stack([a, a])])
    # No validation: Witten and Bell's own weights of 1. Floor: a note is on in 4.5 and 1.5 of 6.
    floor_a, floor_b = (4.5 / 6) ** 2, (1.5 / 6) ** 2
    one_a, one_b = (4 + 2 * floor_a) / 7, (1 + 2 * floor_b) / 7
    expected = [
        (2 + 1 * one_a) / 3,  # begins: a twice, one kind
        (1 + 2 * one_b) / 4,  # after a: b once and a once, two kinds
        (1 + 1 * one_a) / 2,  # after b: a once
    ]
    np.testing.assert_allclose(np.exp(-model.nll(np.stack([a, b, a]))), expected, rtol=1e-12)


def test_nothing_is_seen_across_the_borders_of_pieces() -> None:
    a, b = np.array([[0, 1]], np.uint8), np.array([[1, 0]], np.uint8)
    apart, together = FrameNgram(2).fit([a, b]), FrameNgram(2).fit([np.concatenate([a, b])])
    joined = np.concatenate([a, b])
    assert apart.nll(joined)[1] > together.nll(joined)[1]
    # b begins half of the pieces apart, and none of those together.
    assert apart.nll(b)[0] < together.nll(b)[0]


def test_weights_are_chosen_on_validation() -> None:
    train, valid = rolls(30), rolls(30, seed=1)
    chosen = FrameNgram(3).fit(train, valid)
    assert chosen.pooled(valid) < FrameNgram(3).fit(train).pooled(valid)
    # On its own training pieces nothing needs smoothing.
    assert FrameNgram(3).fit(train, train).weights[-1] < 0.01


def test_higher_orders_learn_what_a_frame_alone_cannot_say() -> None:
    """A period of three frames two of which are alike: only two frames before tell what is next."""
    period = np.array([[0, 0], [1, 0], [1, 0], [0, 1]], np.uint8)
    pieces = [np.tile(np.roll(period, shift, axis=0), (6, 1)) for shift in range(4)]
    nll = [FrameNgram(order).fit(pieces, pieces).pooled(pieces) for order in range(4)]
    assert nll[3] < 0.1
    assert nll[2] > nll[3] + 0.2
    assert nll[1] > nll[2] + 0.2
    assert nll[0] >= nll[1]


def test_samples_have_the_distribution_of_the_likelihood() -> None:
    model = FrameNgram(2).fit(rolls(8, columns=2), rolls(4, columns=2, seed=1))
    rng, count = np.random.default_rng(0), 4000
    drawn = np.stack([model.sample(2, rng) for _ in range(count)])
    assert drawn.shape == (count, 2, 2)
    assert set(np.unique(drawn)) <= {0, 1}
    for first, second in itertools.product(all_frames(2), repeat=2):
        p = math.exp(-model.nll(np.stack([first, second])).sum())
        found = (drawn == np.stack([first, second])).all((1, 2)).mean()
        assert abs(found - p) < 5 * math.sqrt(p * (1 - p) / count)


def test_wrong_use_is_refused() -> None:
    with pytest.raises(UsageError, match="order"):
        FrameNgram(-1)
    with pytest.raises(UsageError, match="floor"):
        FrameNgram(floor="none")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="fit"):
        FrameNgram().sample(3, np.random.default_rng(0))
    with pytest.raises(InputError, match="none empty"):
        FrameNgram().fit([])
    with pytest.raises(InputError, match="columns"):
        FrameNgram().fit(rolls(2)).nll(np.zeros((4, 2), np.uint8))
