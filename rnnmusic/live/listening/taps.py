"""Taps: tap tempo on a pad, whose times are known in quarters only."""

from __future__ import annotations

from rnnmusic.live.timing.tap import TapTempo


class Taps:
    """Counts the seconds between taps by the tempo that the music had meanwhile."""

    def __init__(self) -> None:
        self._taps = TapTempo()
        self._last_quarters = 0.0
        self._last_s = 0.0

    def tap(self, played_quarters: float, tempo_bpm: float) -> float | None:
        """Take a tap at a time of the score, which has gone by at this tempo since the last one;
        return the tempo that is tapped, None while there are too few taps."""
        self._last_s += (played_quarters - self._last_quarters) * 60.0 / tempo_bpm
        self._last_quarters = played_quarters
        return self._taps.tap(self._last_s)
