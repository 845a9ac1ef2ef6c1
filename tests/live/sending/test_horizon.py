"""Until when it is known what to play."""

from __future__ import annotations

import math

import pytest

from rnnmusic.live.exchange.shared import Shared
from rnnmusic.live.sending.horizon import Horizon
from rnnmusic.live.timing.beat import BeatClock


@pytest.fixture
def shared():
    with Shared.create() as shared:
        yield shared


@pytest.fixture
def horizon(shared) -> Horizon:
    beat = BeatClock(tempo_bpm=60, start_s=0.0)  # a quarter is a second
    return Horizon(shared.board, beat, stall_s=0.25)


def test_it_is_as_near_as_the_nearest_of_planning_hold_and_jump(shared, horizon):
    horizon.settle(8.0)
    assert shared.board.ready_quarters == 8.0
    assert horizon.stall_s == 8.25
    shared.board.hold(6.0)
    assert horizon.stall_s == 6.25
    horizon.freeze(4.0)
    horizon.freeze(5.0)
    assert (horizon.is_frozen(3.9), horizon.is_frozen(4.0)) == (False, True)
    assert horizon.stall_s == 4.25
    shared.board.lift()
    horizon.thaw()
    horizon.retract(7.0)
    horizon.retract(7.5)
    assert horizon.stall_s == 7.25
    assert shared.board.ready_quarters == 7.0


def test_nothing_is_known_before_the_first_plan(horizon):
    assert not horizon.is_ahead_of(-1e9)
    horizon.settle(1.0)
    assert horizon.is_ahead_of(0.5)
    assert not horizon.is_ahead_of(1.0)


def test_falling_behind_and_catching_up_are_each_told_once(horizon):
    horizon.settle(1.0)
    told = [horizon.has_stalled(now_s) for now_s in (0.9, 1.2, 1.25, 1.3, 9.0)]
    assert told == [None, None, True, None, None]
    assert horizon.stall_s == math.inf
    horizon.settle(9.5)
    assert [horizon.has_stalled(9.1), horizon.has_stalled(9.2)] == [False, None]
