from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.live.exchange.shared import COUNTERS, Shared
from rnnmusic.live.sending.lateness import Lateness
from rnnmusic.live.sending.tally import Tally


@given(st.lists(st.floats(0, 400), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 1]))
def test_quantiles_are_right_to_a_bin(late_s, share):
    lateness = Lateness()
    for value in late_s:
        lateness.add(value)
    exact_s = float(np.quantile(late_s, share, method="inverted_cdf"))
    assert exact_s * (1 - 1e-9) <= lateness.quantile_s(share) <= max(exact_s * 2 ** (1 / 16), 1e-7)
    assert lateness.max_s == max(late_s)
    assert lateness.count == len(late_s)


def test_without_messages_nothing_is_late():
    assert Lateness().quantile_s(0.99) == 0.0


def test_what_is_early_is_punctual_and_what_takes_for_ever_still_counts():
    lateness = Lateness()
    for late_s in (-1.0, 0.0, 1e9):
        lateness.add(late_s)
    assert lateness.quantile_s(0.5) == 1e-7  # the first bin's edge
    assert lateness.max_s == 1e9
    assert lateness.count == 3


def test_memory_does_not_grow_with_messages():
    def size(messages: int) -> int:
        lateness = Lateness()
        for i in range(messages):
            lateness.add(math.exp(i % 20 - 15))
        return sys.getsizeof(lateness._counts)

    assert size(10) == size(20_000)


def test_a_tally_is_published_and_told():
    tally = Tally()
    for i, name in enumerate(COUNTERS):
        setattr(tally, name, i + 1)
    tally.lateness.add(20e-6)
    with Shared.create() as shared:
        tally.publish(shared.board)
        assert shared.board.counts() == {name: i + 1 for i, name in enumerate(COUNTERS)}
    result = tally.result()
    assert result["lateness_max_us"] == pytest.approx(20)
    assert result["messages"] == 1
