"""When learning ends: enough updates, a good score, somebody's wish."""

from __future__ import annotations

import operator
from itertools import count

import pytest

from rnnmusic.learning.supervised import Limits


def numbers(limits: Limits, scores=None) -> list[int]:
    scores = iter(count()) if scores is None else iter(scores)
    return list(limits.numbers(lambda: next(scores), operator.ge))


def test_after_as_many_updates_as_it_may_make() -> None:
    assert numbers(Limits(updates=3)) == [1, 2, 3]


def test_at_a_score_that_is_as_good_as_the_target_and_asked_for_only_when_it_is_due() -> None:
    asked = []

    def score() -> float:
        asked.append(len(asked))
        return float(len(asked))

    limits = Limits(updates=100, check_every=4, target=3.0)
    assert list(limits.numbers(score, operator.ge)) == list(range(1, 13))
    assert len(asked) == 3


@pytest.mark.parametrize("after", [1, 5])
def test_when_it_is_asked_to(after: int) -> None:
    made: list[int] = []
    limits = Limits(updates=100, should_stop=lambda: len(made) >= after)
    for number in limits.numbers(lambda: 0.0, operator.ge):
        made.append(number)
    assert made == list(range(1, after + 1))


def test_when_time_is_over_after_one_update_at_least() -> None:
    assert numbers(Limits(updates=100, seconds=0.0)) == [1]
