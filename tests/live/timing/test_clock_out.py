"""Clock out: every tick once, transport in front of its tick, and a follower agrees."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.live.timing.beat import BeatClock
from rnnmusic.live.timing.clock_out import ClockTicks, Due
from rnnmusic.live.timing.follow import ClockFollower

TICK, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"


def test_a_start_comes_half_a_tick_before_tick_zero() -> None:
    ticks = ClockTicks()
    assert ticks.next_quarters == -0.5 / 24
    assert ticks.take(0.0) == [Due(-0.5 / 24, START), Due(0.0, TICK)]
    assert ticks.next_quarters == 1 / 24
    assert ticks.take(0.0) == []
    assert ticks.take(1.0) == [Due(i / 24, TICK) for i in range(1, 25)]


def test_ticks_of_a_count_in_come_before_the_start() -> None:
    ticks = ClockTicks(-4.0)
    due = ticks.take(0.5)
    assert [d.message for d in due] == [TICK] * 96 + [START] + [TICK] * 13
    assert due[97] == Due(0.0, TICK)


def test_a_clock_that_begins_elsewhere_says_where() -> None:
    due = ClockTicks(2.6).take(3.0)
    assert [d.message for d in due] == [TICK] * 3 + [b"\xf2\x0b\x00", CONTINUE] + [TICK] * 7
    assert due[5] == Due(2.75, TICK)


def test_stop_and_continue() -> None:
    ticks = ClockTicks()
    ticks.take(1.01)
    assert ticks.stop() == [STOP]
    assert ticks.stop() == []
    assert ticks.take(1.03) == []
    assert ticks.next_quarters == math.inf
    ticks.resume()
    assert ticks.take(1.05) == [Due(24.5 / 24, CONTINUE), Due(25 / 24, TICK)]


def test_a_jump_says_where_it_goes_on() -> None:
    ticks = ClockTicks()
    ticks.take(1.0)
    assert ticks.jump(300.0) == [STOP]
    assert [d.message for d in ticks.take(300.0)] == [b"\xf2\x30\x09", CONTINUE, TICK]
    assert ticks.jump(0.0) == [STOP]
    assert ticks.take(0.0)[0].message == START


@given(st.lists(st.floats(0, 1), max_size=50), st.floats(-4, 40))
def test_every_tick_comes_once_however_it_is_asked(steps: list[float], start: float) -> None:
    ticks, now = ClockTicks(start), start
    due = ticks.take(start)
    for step in steps:
        now += step
        expected = ticks.next_quarters
        taken = ticks.take(now)
        assert not taken or taken[0].beat_quarters == expected
        due += taken
    assert due == ClockTicks(start).take(now)
    moments = [d.beat_quarters for d in due if d.message == TICK]
    assert moments == [(math.ceil(start * 24) + i) / 24 for i in range(len(moments))]


def test_a_follower_of_it_plays_the_same_beat() -> None:
    leader = BeatClock(tempo_bpm=97.0, start_s=50.0, start_quarters=-4.0, swing=0.66)
    ticks = ClockTicks(-4.0)
    clock = BeatClock(tempo_bpm=120.0, start_s=0.0, swing=0.66)
    clock.stop(0.0)
    follower = ClockFollower(clock)
    act = {
        TICK[0]: follower.tick,
        START[0]: follower.start,
        CONTINUE[0]: follower.continue_,
        STOP[0]: follower.stop,
    }
    now_s = 50.0
    while now_s < 80.0:
        now_s += 0.0005
        if 65.0 <= now_s < 65.0005:
            leader.stop(now_s)
            for message in ticks.stop():
                act[message[0]](now_s)
        if 67.0 <= now_s < 67.0005:
            leader.resume(now_s)
            ticks.resume()
        for due, message in ticks.take(leader.beat_at(now_s)):
            act[message[0]](leader.beat_due_s(due))
    assert abs(clock.quarters_at(80.0) - leader.quarters_at(80.0)) < 1e-6
    assert abs(clock.tempo_bpm - 97.0) < 1e-3
