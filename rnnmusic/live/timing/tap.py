"""Tap tempo: a tempo from a few taps, forgiving of missed and unsteady ones."""

from __future__ import annotations

import math
from collections import deque
from itertools import combinations
from statistics import median

from rnnmusic.live.timing.beat import HIGHEST_TEMPO_BPM, LOWEST_TEMPO_BPM

_SHORTEST_S, _LONGEST_S = 60.0 / HIGHEST_TEMPO_BPM, 60.0 / LOWEST_TEMPO_BPM

#: Taps that are remembered, and how many it takes before they mean anything.
_MEMORY, _FEWEST = 8, 3
#: A tap so soon after another is the same finger bouncing (600 bpm); after so long a pause
#: another tempo begins.
_BOUNCE_S, _PAUSE_S = 0.1, 3.0
#: How far a tap may be from a beat, of a beat, and how many taps may have been missed before it.
_STRAY, _MOST_MISSED = 0.2, 3


class TapTempo:
    """Fits a line through the last eight taps: the median of the slopes between any two.

    The estimator of H. Theil ("A rank-invariant method of linear and polynomial regression
    analysis", 1950) and P. K. Sen (1968): two wild taps of eight don't move it far. A missed tap
    leaves a gap of two beats and a tap between beats is left out; two of those close together, or
    a pause of 3 s, begin anew.
    """

    def __init__(self) -> None:
        self._taps: deque[tuple[int, float]] = deque(maxlen=_MEMORY)  # (beat, seconds)
        self._last_s = -math.inf  # any tap, also one left out
        self._oddity = 0  # 2 for every odd tap, 1 less for every even one
        self._period_s: float | None = None

    @property
    def tempo_bpm(self) -> float | None:
        """Beats per minute; None before the third tap."""
        return None if self._period_s is None else 60.0 / self._period_s

    def tap(self, time_s: float) -> float | None:
        """Take a tap; return the tempo in beats per minute, None while there are too few."""
        before_s, self._last_s = self._last_s, time_s
        if time_s - before_s < _BOUNCE_S:
            return self.tempo_bpm
        if time_s - before_s > _PAUSE_S:
            self._begin(time_s)
        elif self._period_s is None:
            self._taps.append((self._taps[-1][0] + 1, time_s))
        elif not self._continue(time_s, (time_s - before_s) / self._period_s, self._period_s):
            self._begin(before_s, time_s)
        if len(self._taps) >= _FEWEST:
            slopes = [(s1 - s0) / (b1 - b0) for (b0, s0), (b1, s1) in combinations(self._taps, 2)]
            self._period_s = min(max(median(slopes), _SHORTEST_S), _LONGEST_S)
        return self.tempo_bpm

    def _begin(self, *times_s: float) -> None:
        self._taps.clear()
        self._taps.extend(enumerate(times_s))
        self._oddity, self._period_s = 0, None

    def _continue(self, time_s: float, since_last: float, period_s: float) -> bool:
        """Take a tap, so many periods after any other; return False if it has another tempo."""
        beat, last_s = self._taps[-1]
        periods = (time_s - last_s) / period_s
        beats = round(periods)
        fits = 1 <= beats <= 1 + _MOST_MISSED and abs(periods - beats) < _STRAY
        is_even = fits and round(since_last) <= 1
        self._oddity = max(0, self._oddity - 1) if is_even else self._oddity + 2
        if self._oddity >= 3:
            return False
        if fits:
            self._taps.append((beat + beats, time_s))
        return True
