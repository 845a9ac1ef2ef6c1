from __future__ import annotations

import pytest

from rnnmusic.live.listening.taps import Taps


def test_taps_are_counted_in_seconds_though_the_tempo_changes_with_them():
    taps, tempo, played = Taps(), 60.0, 4.0
    for _ in range(8):  # a tap each 0.4 s
        tapped = taps.tap(played, tempo)
        tempo = tempo if tapped is None else tapped
        played += 0.4 * tempo / 60.0
    assert tempo == pytest.approx(150.0)


def test_few_taps_mean_nothing():
    taps = Taps()
    assert taps.tap(0.0, 120.0) is None
    assert taps.tap(1.0, 120.0) is None
