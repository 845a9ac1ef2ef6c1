"""Swing as it is written, and hands that stray the same way every time."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.live.timing.feel import Hands, parse_swing

NOTES = [(i / 12, 36 + i * 7 % 60, i % 16) for i in range(4000)]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("50", 0.5), ("66 %", 0.66), ("66.7%", 0.667), ("0.6", 0.6), (" 0.75 ", 0.75),
        ("straight", 0.5), ("Triplet", 2 / 3), ("2:1", 2 / 3), ("1:1", 0.5), ("3:1", 0.75),
        ("dotted", 0.75),
    ],
)  # fmt: skip
def test_swing_is_read(text: str, share: float) -> None:
    assert parse_swing(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "x", "%", "2:", "1:0:1", "0:0", "a:b", "--"])
def test_what_is_no_swing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="as a swing; give"):
        parse_swing(text)


@pytest.mark.parametrize("text", ["49", "76 %", "0.4", "1:2", "5:1", "nan", "inf", "-60"])
def test_a_swing_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"0\.5 \(straight\) to 0\.75"):
        parse_swing(text)


def test_a_note_strays_the_same_way_whatever_came_before() -> None:
    hands = Hands(7, 0.005, 6.0)
    forwards = [hands(*note) for note in NOTES]
    backwards = [Hands(7, 0.005, 6.0)(*note) for note in reversed(NOTES)]
    assert forwards == backwards[::-1]


def test_it_strays_the_same_way_in_another_process() -> None:
    script = (
        "from rnnmusic.live.timing.feel import Hands\nprint(Hands(7, 0.005, 6.0)(1 / 3, 60, 2))"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == repr(Hands(7, 0.005, 6.0)(1 / 3, 60, 2))
    assert run.stdout.strip() == "(0.016246719360351564, 2)"  # on every platform


def test_the_spread_is_what_was_asked_for() -> None:
    hands = Hands(1, 0.005, 8.0)
    delays_s, offsets = np.array([hands(*note) for note in NOTES]).T
    assert delays_s.min() >= 0
    assert delays_s.max() <= 0.030
    assert delays_s.mean() == pytest.approx(hands.mean_delay_s, rel=0.03)
    assert delays_s.std() == pytest.approx(0.005, rel=0.05)
    assert offsets.mean() == pytest.approx(0, abs=0.4)
    assert offsets.std() == pytest.approx(8.0, rel=0.05)
    # Bell-shaped: two thirds within one deviation; time and velocity have nothing in common.
    assert np.mean(np.abs(delays_s - 0.015) < 0.005) == pytest.approx(0.667, abs=0.03)
    assert abs(np.corrcoef(delays_s, offsets)[0, 1]) < 0.05
    assert abs(np.corrcoef(delays_s[1:], delays_s[:-1])[0, 1]) < 0.05


@given(st.integers(0, 2**63 - 1), st.floats(0, 1e6), st.integers(0, 127), st.integers(0, 15))
def test_every_seed_time_pitch_and_channel_matters(
    seed: int, time_quarters: float, pitch: int, channel: int
) -> None:
    one = Hands(seed, 0.01, 0.0)(time_quarters, pitch, channel)
    assert one != Hands(seed + 1, 0.01, 0.0)(time_quarters, pitch, channel)
    assert one != Hands(seed, 0.01, 0.0)(time_quarters + 0.25, pitch, channel)
    assert one != Hands(seed, 0.01, 0.0)(time_quarters, pitch ^ 1, channel)
    assert one != Hands(seed, 0.01, 0.0)(time_quarters, pitch, channel ^ 1)
    assert Hands(seed)(time_quarters, pitch, channel) == (0.0, 0)


@pytest.mark.parametrize("amounts", [(-0.001, 0), (0.06, 0), (0, -1), (0, 41), (float("nan"), 0)])
def test_amounts_out_of_range_are_refused(amounts: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="can't be"):
        Hands(0, *amounts)
