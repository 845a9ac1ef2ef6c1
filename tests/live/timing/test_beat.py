"""The beat clock: exact, continuous, monotone, and still when stopped."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.live.timing.beat import BeatClock, unwarp, warp

TEMPI = st.floats(1.0, 1000.0)
SWINGS = st.floats(0.5, 0.75)
MOMENTS = st.floats(-64.0, 1e5)
SECONDS = st.floats(0.0, 1e6)


def test_quarters_are_due_at_the_tempo() -> None:
    clock = BeatClock(tempo_bpm=120.0, start_s=10.0)
    assert [clock.due_s(q) for q in (-4, 0, 1, 2.5)] == [8.0, 10.0, 10.5, 11.25]
    assert clock.quarters_at(11.25) == 2.5
    assert clock.anchor() == (10.0, 0.0, 2.0)


def test_a_count_in_is_negative_time() -> None:
    clock = BeatClock(tempo_bpm=60.0, start_s=100.0, start_quarters=-4.0)
    assert clock.quarters_at(100.0) == -4.0
    assert clock.due_s(0.0) == 104.0


@given(TEMPI, SECONDS, SWINGS, MOMENTS)
def test_due_s_and_quarters_at_are_inverse(
    tempo_bpm: float, start_s: float, swing: float, moment: float
) -> None:
    clock = BeatClock(tempo_bpm=tempo_bpm, start_s=start_s, swing=swing)
    due_s = clock.due_s(moment)
    # What a float64 of seconds can tell apart, in quarters; swing stretches it twice at most.
    resolution = 4 * (math.ulp(due_s) + math.ulp(start_s)) * tempo_bpm / 60 + 8 * math.ulp(moment)
    assert clock.quarters_at(due_s) == pytest.approx(moment, rel=0, abs=resolution + 1e-15)


@given(SWINGS, MOMENTS, st.floats(0.0, 2.0))
def test_swing_keeps_the_order_and_the_whole_quarters(
    swing: float, moment: float, more: float
) -> None:
    assert warp(moment, swing) <= warp(moment + more, swing)
    assert unwarp(moment, swing) <= unwarp(moment + more, swing)
    assert warp(math.floor(moment), swing) == math.floor(moment)
    assert unwarp(warp(moment, swing), swing) == pytest.approx(moment, rel=1e-14, abs=1e-14)


@pytest.mark.parametrize(("swing", "late"), [(0.5, 0.5), (2 / 3, 2 / 3), (0.75, 0.75)])
def test_swing_moves_the_off_beat_to_its_share(swing: float, late: float) -> None:
    clock = BeatClock(tempo_bpm=60.0, start_s=0.0, swing=swing)
    assert clock.due_s(7.5) == pytest.approx(7 + late, rel=1e-15)


@given(TEMPI, TEMPI, SWINGS, MOMENTS)
def test_a_change_of_tempo_keeps_the_phase(before: float, after: float, swing: float, q: float):
    clock = BeatClock(tempo_bpm=before, start_s=5.0, swing=swing)
    now_s = clock.due_s(q)
    position = clock.quarters_at(now_s)
    clock.set_tempo(after, now_s)
    assert clock.tempo_bpm == after
    assert clock.quarters_at(now_s) == position
    assert clock.quarters_at(now_s + 60 / after) == pytest.approx(position + 1, abs=1e-6)


@given(st.lists(SWINGS, min_size=1, max_size=5), st.floats(0.0, 8.0))
def test_swing_changes_on_the_next_quarter_without_a_jump(shares: list[float], now: float) -> None:
    clock = BeatClock(tempo_bpm=60.0, start_s=0.0, swing=0.6)
    position = clock.quarters_at(now)
    for share in shares:
        clock.set_swing(share, now)
    assert clock.swing == shares[-1]
    assert clock.quarters_at(now) == position
    line = math.ceil(now)
    assert now == line or clock.due_s(line - 0.5) == pytest.approx(line - 1 + 0.6)
    assert clock.due_s(line) == line
    assert clock.due_s(line + 0.5) == pytest.approx(line + shares[-1])


def test_a_second_swing_takes_over_after_the_first() -> None:
    clock = BeatClock(tempo_bpm=60.0, start_s=0.0)
    clock.set_swing(0.6, 0.2)
    clock.set_swing(0.7, 1.2)
    assert [clock.due_s(q) for q in (1.5, 2.5)] == pytest.approx([1.6, 2.7])


def test_stopped_time_stands_and_nothing_is_due() -> None:
    clock = BeatClock(tempo_bpm=120.0, start_s=0.0)
    clock.stop(1.0)
    assert not clock.is_running
    assert clock.quarters_at(1.0) == clock.quarters_at(1e6) == 2.0
    assert clock.due_s(0.0) == clock.due_s(5.0) == math.inf
    assert clock.anchor() == (1.0, 2.0, 0.0)
    clock.set_tempo(60.0, 3.0)
    clock.set_swing(2 / 3, 3.0)
    assert clock.quarters_at(4.0) == 2.0
    clock.resume(10.0)
    assert clock.is_running
    assert [clock.due_s(q) for q in (2.0, 3.0, 3.5)] == pytest.approx([10, 11, 11 + 2 / 3])


def test_jump_and_nudge() -> None:
    clock = BeatClock(tempo_bpm=60.0, start_s=0.0, swing=0.75)
    clock.jump(40.5, at_s=3.25)
    assert clock.quarters_at(3.25) == 40.5
    assert clock.due_s(41.0) == pytest.approx(3.5)
    clock.nudge(0.25, at_s=3.5)
    assert clock.due_s(42.0) == pytest.approx(4.25)
    clock.stop(5.0)
    clock.jump(7.0, at_s=6.0)
    assert clock.quarters_at(9.0) == 7.0


@pytest.mark.parametrize("tempo_bpm", [0.0, -5.0, 0.99, 1000.1, math.inf, math.nan])
def test_a_tempo_out_of_range_is_refused(tempo_bpm: float) -> None:
    with pytest.raises(UsageError, match="give 1 to 1000"):
        BeatClock(tempo_bpm=tempo_bpm, start_s=0.0)
    clock = BeatClock(tempo_bpm=100.0, start_s=0.0)
    with pytest.raises(UsageError, match="give 1 to 1000"):
        clock.set_tempo(tempo_bpm, 1.0)
    assert clock.anchor() == (0.0, 0.0, 100.0 / 60)


@pytest.mark.parametrize("share", [0.49, 0.76, math.nan])
def test_a_swing_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match=r"0\.5 \(straight\) to 0\.75"):
        BeatClock(tempo_bpm=100.0, start_s=0.0, swing=share)
    clock = BeatClock(tempo_bpm=100.0, start_s=0.0)
    with pytest.raises(UsageError):
        clock.set_swing(share, 0.0)
    assert clock.swing == 0.5


@given(SWINGS)
def test_the_end_of_time_is_never_due(swing: float) -> None:
    assert BeatClock(tempo_bpm=99.0, start_s=0.0, swing=swing).due_s(math.inf) == math.inf


def test_an_hour_of_a_million_events_drifts_less_than_a_microsecond() -> None:
    tempo_bpm = 137.3
    start_s = 123_456.789
    clock = BeatClock(tempo_bpm=tempo_bpm, start_s=start_s)
    events, worst_s = 1_000_000, 0.0
    quarters = 3600.0 * tempo_bpm / 60
    for i in range(0, events + 1, 97):
        moment = i * quarters / events
        exact = Fraction(start_s) + Fraction(moment) * 60 / Fraction(tempo_bpm)
        worst_s = max(worst_s, abs(float(Fraction(clock.due_s(moment)) - exact)))
    assert worst_s < 1e-6


def test_many_changes_of_tempo_do_not_drift() -> None:
    clock = BeatClock(tempo_bpm=120.0, start_s=0.0)
    exact, last_s, tempo_bpm = Fraction(0), Fraction(0), Fraction(120)
    for i in range(1, 50_001):
        now_s = i * 0.072  # an hour in all
        exact += (Fraction(now_s) - last_s) * tempo_bpm / 60
        # Denominators would grow without end; 2**-80 is far below what is asked.
        exact, last_s = Fraction(round(exact * 2**80), 2**80), Fraction(now_s)
        tempo_bpm = Fraction(90 + i % 61)
        clock.set_tempo(float(tempo_bpm), now_s)
    assert abs(float(Fraction(clock.quarters_at(3600.0)) - exact)) < 1e-6


class Reference:
    """The same clock as a list of exact segments, for the stateful test."""

    def __init__(self, tempo: int) -> None:
        self.position, self.at, self.tempo, self.running = Fraction(0), Fraction(0), tempo, True

    def move(self, to: Fraction) -> None:
        if self.running:
            self.position += (to - self.at) * self.tempo / 60
        self.at = to


@settings(max_examples=80)
@given(
    st.lists(
        st.tuples(
            st.fractions(0, 10, max_denominator=1000),
            st.sampled_from(["tempo", "stop", "resume", "jump", "nudge"]),
            st.integers(1, 1000),
        ),
        max_size=20,
    )
)
def test_any_changes_agree_with_exact_arithmetic(
    changes: list[tuple[Fraction, str, int]],
) -> None:
    clock, exact, now = BeatClock(tempo_bpm=120.0, start_s=0.0), Reference(120), Fraction(0)
    for wait, what, value in changes:
        now += wait
        exact.move(now)
        now_s = float(now)
        if what == "tempo":
            clock.set_tempo(value, now_s)
            exact.tempo = value
        elif what == "stop":
            clock.stop(now_s)
            exact.running = False
        elif what == "resume":
            clock.resume(now_s)
            exact.running = True
        elif what == "jump":
            clock.jump(value, now_s)
            exact.position = Fraction(value)
        else:
            clock.nudge(value / 1000, now_s)
            exact.position += Fraction(value, 1000)
        assert clock.quarters_at(now_s) == pytest.approx(float(exact.position), abs=1e-9)
        later_s = clock.due_s(float(exact.position) + 1)
        if exact.running:
            assert later_s == pytest.approx(now_s + 60 / exact.tempo, abs=1e-8)
        else:
            assert later_s == math.inf
