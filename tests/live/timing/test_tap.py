"""Tap tempo: right after three taps, forgiving of bad ones, quick to see another tempo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.live.timing.tap import TapTempo


def tapped(*times_s: float) -> TapTempo:
    taps = TapTempo()
    for time_s in times_s:
        taps.tap(time_s)
    return taps


def test_it_takes_three_taps() -> None:
    taps = TapTempo()
    assert taps.tempo_bpm is None
    assert [taps.tap(t) for t in (5.0, 5.5)] == [None, None]
    assert taps.tap(6.0) == 120.0


@given(st.floats(25, 400), st.integers(3, 20), st.floats(0, 1e6))
def test_even_taps_give_their_tempo(bpm: float, count: int, start_s: float) -> None:
    times_s = [start_s + i * 60 / bpm for i in range(count)]
    taps = tapped(*times_s)
    assert taps.tempo_bpm == pytest.approx(bpm, rel=1e-6)


def test_unsteady_hands_are_averaged() -> None:
    errors = []
    for seed in range(200):
        times_s = np.arange(8) * 0.5 + np.random.default_rng(seed).normal(scale=0.015, size=8)
        taps = tapped(*times_s)
        assert taps.tempo_bpm is not None
        errors.append(taps.tempo_bpm - 120)
    assert np.std(errors) < 0.8


def test_one_bad_tap_and_a_missed_one_do_no_harm() -> None:
    assert tapped(0, 0.5, 1.0, 1.56, 2.0, 2.5).tempo_bpm == pytest.approx(120, rel=0.01)
    assert tapped(0, 0.5, 1.0, 2.0, 2.5, 3.0).tempo_bpm == pytest.approx(120)
    assert tapped(0, 0.5, 1.0, 1.25, 1.5, 2.0).tempo_bpm == pytest.approx(120)
    assert tapped(0, 0.5, 1.0, 1.03, 1.5, 2.0).tempo_bpm == pytest.approx(120)  # a bounce


def test_a_pause_begins_anew() -> None:
    taps = tapped(0, 0.5, 1.0, 1.5)
    assert taps.tap(5.0) is None
    assert taps.tap(5.75) is None
    assert taps.tap(6.5) == pytest.approx(80)


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.4, 2.0])
def test_another_tempo_is_seen_within_four_taps(factor: float) -> None:
    times_s = list(np.arange(8) * 0.5)
    for _ in range(4):
        times_s.append(times_s[-1] + 0.5 * factor)
    assert tapped(*times_s).tempo_bpm == pytest.approx(120 / factor, rel=1e-6)


@given(st.lists(st.floats(0, 4), max_size=60))
def test_no_taps_give_a_tempo_that_a_clock_refuses(waits_s: list[float]) -> None:
    taps, now_s = TapTempo(), 0.0
    for wait_s in waits_s:
        now_s += wait_s
        tempo_bpm = taps.tap(now_s)
        assert tempo_bpm is None or 1 <= tempo_bpm <= 1000
