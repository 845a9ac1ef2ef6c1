"""Following MIDI clock: phase within a millisecond after two beats, whatever the clock does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnnmusic.live.timing.beat import BeatClock
from rnnmusic.live.timing.follow import ClockFollower
from rnnmusic.live.timing.ticks import TickFilter

Times = NDArray[np.float64]
TWO_BEATS = 48


def followed(tempo_bpm: float = 120.0, **settings: object) -> tuple[BeatClock, ClockFollower]:
    clock = BeatClock(tempo_bpm=tempo_bpm, start_s=0.0)
    clock.stop(0.0)
    return clock, ClockFollower(clock, **settings)  # type: ignore[arg-type]


def steady(tempo_bpm: float, ticks: int, start_s: float = 10.0) -> Times:
    return start_s + np.arange(ticks) * 60 / (24 * tempo_bpm)


def changing(tempi_bpm: Sequence[float] | Times, start_s: float = 10.0) -> Times:
    """Ticks at one tempo after another, one for each tick."""
    return start_s + np.concatenate([[0.0], np.cumsum(60 / (24 * np.asarray(tempi_bpm)))])


def arrivals(times_s: Times, jitter_s: float, seed: int) -> Times:
    jitter = np.random.default_rng(seed).normal(scale=jitter_s, size=len(times_s))
    return np.maximum.accumulate(times_s + jitter)


def phase_errors_s(times_s: Times, jitter_s: float, seed: int, guess_bpm: float = 120.0) -> Times:
    """How far the clock is off where each tick truly is, just before the tick comes (seconds)."""
    clock, follower = followed(guess_bpm)
    follower.start(times_s[0] - 0.01)
    errors = []
    heard = arrivals(times_s, jitter_s, seed)
    for i, (true_s, heard_s) in enumerate(zip(times_s, heard, strict=True)):
        errors.append(clock.due_s(i / 24) - true_s if i else 0.0)
        follower.tick(heard_s)
    return np.asarray(errors)


@settings(max_examples=60, deadline=None)
@given(st.floats(20, 400), st.floats(30, 300))
def test_a_clean_clock_is_met_exactly_after_two_beats(tempo_bpm: float, guess_bpm: float) -> None:
    errors_s = phase_errors_s(steady(tempo_bpm, 200), 0.0, 0, guess_bpm)
    assert np.abs(errors_s[TWO_BEATS:]).max() < 3e-4


@pytest.mark.parametrize(
    ("jitter_s", "p99_ms", "most_ms"), [(2e-4, 0.25, 0.4), (5e-4, 0.5, 0.8), (1e-3, 0.8, 1.3)]
)
def test_a_jittery_clock_is_met_within_a_millisecond(
    jitter_s: float, p99_ms: float, most_ms: float
) -> None:
    rng = np.random.default_rng(1)
    errors_s = [
        phase_errors_s(steady(rng.uniform(40, 240), 144), jitter_s, seed, rng.uniform(60, 200))
        for seed in range(60)
    ]
    after_two = np.abs(np.concatenate([e[TWO_BEATS : TWO_BEATS + 24] for e in errors_s])) * 1e3
    assert np.percentile(after_two, 99) < p99_ms
    assert after_two.max() < most_ms
    later = np.abs(np.concatenate([e[96:] for e in errors_s])) * 1e3
    assert np.percentile(later, 99) < p99_ms


@pytest.mark.parametrize("jitter_s", [0.0, 1e-3])
@pytest.mark.parametrize(
    ("before", "after"), [(120, 124), (120, 150), (120, 90), (150, 80), (90, 190)]
)
def test_a_step_of_tempo_is_followed_within_two_beats(
    before: float, after: float, jitter_s: float
) -> None:
    times_s = changing([before] * 240 + [after] * 240)
    errors_s = np.array([phase_errors_s(times_s, jitter_s, seed, before) for seed in range(20)])
    rms_ms = np.sqrt(np.mean(errors_s**2, axis=0)) * 1e3
    assert rms_ms[240 + TWO_BEATS :].max() < 0.7
    if not jitter_s:
        assert rms_ms[244:].max() < 1e-3  # three ticks


@pytest.mark.parametrize(
    ("last", "beats", "limit_ms"), [(60, 8, 7.0), (130, 8, 3.0), (160, 8, 5.0)]
)
def test_ramps_of_tempo_are_followed(last: float, beats: int, limit_ms: float) -> None:
    ramp = np.linspace(120, last, 24 * beats)
    times_s = changing(np.concatenate([np.full(240, 120), ramp, np.full(200, last)]))
    for jitter_s in (0.0, 1e-3):
        errors_s = np.array([phase_errors_s(times_s, jitter_s, seed) for seed in range(10)])
        during, after = (
            errors_s[:, 240 : 240 + len(ramp)],
            errors_s[:, 240 + len(ramp) + TWO_BEATS :],
        )
        assert np.percentile(np.abs(during), 99) * 1e3 < limit_ms
        assert np.percentile(np.abs(after), 99) * 1e3 < 1.0


def test_the_phase_is_continuous_and_never_runs_back() -> None:
    tempi = 120 + 30 * np.sin(np.arange(2000) / 200)
    clock, follower = followed()
    follower.start(9.9)
    last = -1.0
    for i, heard_s in enumerate(arrivals(changing(tempi), 1e-3, 3).tolist()):
        before = clock.quarters_at(heard_s)
        follower.tick(heard_s)
        after = clock.quarters_at(heard_s)
        assert i < TWO_BEATS or after == pytest.approx(before, abs=2e-3)  # 1 ms
        assert i < TWO_BEATS or after > last
        last = before


def test_the_first_tick_after_a_start_is_position_zero() -> None:
    clock, follower = followed()
    follower.start(5.0)
    assert not clock.is_running
    assert clock.quarters_at(100.0) == 0.0
    assert follower.tick(10.0) is None  # it was at 0 already: no jump
    assert clock.is_running
    assert clock.quarters_at(10.0) == 0.0
    for tick in range(1, 49):
        follower.tick(10.0 + tick * 0.02)
    assert clock.quarters_at(10.96) == pytest.approx(2.0)
    assert follower.tempo_bpm == pytest.approx(125.0)


def test_ticks_before_a_start_teach_the_tempo() -> None:
    clock, follower = followed(120.0)
    for tick in range(24):
        follower.tick(10.0 + tick * 0.03)
    assert not clock.is_running
    follower.start(10.0 + 23.5 * 0.03)
    follower.tick(10.0 + 24 * 0.03)
    assert clock.tempo_bpm == pytest.approx(60 / 24 / 0.03, rel=1e-3)
    assert clock.due_s(1.0) == pytest.approx(10.0 + 48 * 0.03, abs=1e-4)


def test_a_machine_that_begins_its_ticks_anew_at_the_start_keeps_the_tempo() -> None:
    clock, follower = followed(120.0)
    for tick in range(24):
        follower.tick(10.0 + tick * 0.03)
    follower.start(10.7)
    follower.tick(10.705)  # half a tick off those before
    assert clock.quarters_at(10.705) == 0.0
    assert clock.tempo_bpm == pytest.approx(60 / 24 / 0.03, rel=1e-3)
    for tick in range(1, 48):
        follower.tick(10.705 + tick * 0.03)
    assert clock.due_s(2.0) == pytest.approx(10.705 + 48 * 0.03, abs=1e-4)


def test_stop_is_obeyed_at_once_and_continue_goes_on_at_the_next_tick() -> None:
    clock, follower = followed()
    follower.start(10.0)
    for tick in range(49):
        follower.tick(10.0 + tick * 0.02)
    follower.stop(10.967)
    stood = clock.quarters_at(10.967)
    assert stood == pytest.approx((48 + 0.35) / 24, abs=1e-6)
    assert clock.quarters_at(99.0) == stood
    assert not clock.is_running
    assert not follower.is_playing
    for tick in range(49, 100):  # a machine that ticks on while it stands
        assert follower.tick(10.0 + tick * 0.02) is None
    assert clock.quarters_at(99.0) == stood
    follower.continue_(11.99)
    assert follower.tick(12.0) is None
    assert clock.quarters_at(12.0) == pytest.approx(49 / 24, abs=1e-6)
    for tick in range(1, 24):
        follower.tick(12.0 + tick * 0.02)
    assert clock.quarters_at(12.46) == pytest.approx(72 / 24, abs=1e-4)


def test_a_song_position_is_played_from_the_next_such_place_in_the_bar() -> None:
    clock, follower = followed(quarters_per_bar=4.0)
    follower.position(4 * 16 + 10)  # bar 5, the third beat and a half
    follower.continue_(9.9)
    assert follower.tick(10.0) == 2.5
    for tick in range(1, 24):
        follower.tick(10.0 + tick * 0.02)
    follower.stop(10.47)
    follower.position(14)  # where it stopped (3.47), rounded down to a sixteenth: no jump
    follower.continue_(11.0)
    assert follower.tick(11.0) is None
    assert clock.quarters_at(11.0) == pytest.approx(3.5)
    follower.stop(11.01)
    follower.start(12.0)
    assert follower.tick(12.0) == pytest.approx(4.0)
    assert clock.quarters_at(12.0) == pytest.approx(4.0)


def test_a_start_while_it_plays_begins_the_next_bar() -> None:
    clock, follower = followed(quarters_per_bar=3.0)
    follower.start(10.0)
    for tick in range(24 * 4 + 1):
        follower.tick(10.0 + tick * 0.02)
    follower.start(11.93)
    assert follower.tick(11.94) == pytest.approx(6.0)
    assert clock.is_running


@pytest.mark.parametrize("jitter_s", [0.0, 5e-4])
def test_missing_and_doubled_ticks_are_survived(jitter_s: float) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        clock, follower = followed()
        follower.start(9.9)
        times_s = steady(rng.uniform(60, 200), 600)
        heard = arrivals(times_s, jitter_s, seed)
        lost = -99
        for i, heard_s in enumerate(heard.tolist()):
            chance = rng.random() if i > 60 else 1.0
            if chance < 0.02 and i - lost > 4:
                lost = i
                continue
            follower.tick(heard_s)
            if 0.05 < chance < 0.07:
                follower.tick(heard_s + 3e-4)
        assert clock.due_s(600 / 24) == pytest.approx(
            times_s[0] + 600 * (times_s[1] - times_s[0]), abs=max(2e-4, 2 * jitter_s)
        )


def test_half_the_tempo_is_not_taken_for_missing_ticks() -> None:
    times_s = changing([140] * 240 + [70] * 100)
    errors_s = phase_errors_s(times_s, 0.0, 0, 140)
    assert np.abs(errors_s[244:]).max() < 1e-6


def test_one_late_tick_hardly_moves_the_beat() -> None:
    clock, follower = followed()
    follower.start(9.9)
    for tick in range(200):
        follower.tick(10.0 + tick * 0.02 + (0.009 if tick == 150 else 0.0))
        if tick >= 150:
            assert clock.due_s((tick + 1) / 24) == pytest.approx(10.02 + tick * 0.02, abs=3e-4)


def test_a_lost_clock_stands_still_if_asked_to() -> None:
    clock, follower = followed(when_lost="stop", lost_after_ticks=12)
    follower.start(9.9)
    for tick in range(97):
        follower.tick(10.0 + tick * 0.02)
    assert not follower.check(12.1)
    assert follower.check(12.2)  # more than 12 ticks of 20 ms after 11.92
    assert follower.is_lost
    assert not follower.check(12.3)
    assert not clock.is_running
    stood = clock.quarters_at(20.0)
    assert stood == pytest.approx((12.2 - 10) / 0.48, abs=1e-3)
    # The ticks come back after 200 in all: the beats are where they would have been.
    moved_to = follower.tick(10.0 + 200 * 0.02)
    assert moved_to == pytest.approx(200 / 24)
    assert not follower.is_lost
    assert clock.quarters_at(14.0) == pytest.approx(200 / 24, abs=1e-3)


def test_a_lost_clock_runs_on_if_asked_to() -> None:
    clock, follower = followed(when_lost="run")
    follower.start(9.9)
    for tick in range(97):
        follower.tick(10.0 + tick * 0.02)
    assert follower.check(12.5)
    assert clock.is_running
    assert clock.quarters_at(14.8) == pytest.approx(10.0, abs=1e-3)
    assert follower.tick(14.802) is None
    for tick in range(1, 48):
        follower.tick(14.802 + tick * 0.02)
    assert clock.due_s(12.0) == pytest.approx(14.802 + 0.96, abs=1e-3)


def test_a_stop_while_the_clock_is_lost_holds() -> None:
    clock, follower = followed(when_lost="run")
    follower.start(9.9)
    for tick in range(50):
        follower.tick(10.0 + tick * 0.02)
    follower.check(12.0)
    follower.stop(12.1)
    assert follower.tick(12.2) is None
    assert not clock.is_running
    follower.continue_(12.3)
    follower.tick(12.4)
    assert clock.is_running
    assert not follower.is_lost


def test_the_jitter_is_measured() -> None:
    for jitter_s in (2e-4, 1e-3, 3e-3):
        ticks = TickFilter(0.02)
        for heard_s in arrivals(steady(120.0, 2000), jitter_s, 5):
            ticks.tick(heard_s)
        assert ticks.jitter_s == pytest.approx(jitter_s, rel=0.3)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ttttttttsScpkl"), st.floats(0, 3)), max_size=200))
def test_nothing_that_comes_breaks_it(messages: list[tuple[str, float]]) -> None:
    clock, follower = followed(when_lost="stop")
    now_s = 1.0
    actions: dict[str, Callable[[], object]] = {
        "t": lambda: follower.tick(now_s),
        "s": lambda: follower.start(now_s),
        "S": lambda: follower.stop(now_s),
        "c": lambda: follower.continue_(now_s),
        "p": lambda: follower.position(int(now_s * 7) % 16384),
        "k": lambda: follower.check(now_s),
        "l": lambda: clock.set_tempo(100.0, now_s),
    }
    for name, wait_s in messages:
        now_s += wait_s / 50 if name == "t" else wait_s
        actions[name]()
        assert np.isfinite(clock.anchor()).all()
        assert 1 <= clock.tempo_bpm <= 1000.001
        assert 0.99 <= follower.tempo_bpm <= 1000.001
        assert follower.is_playing or not clock.is_running
