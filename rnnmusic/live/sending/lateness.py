"""Lateness: how late messages leave, counted in little memory however many there are."""

from __future__ import annotations

import math

#: The first bin holds everything up to this; each further one reaches 2**(1/16) times as far.
_FIRST_S = 1e-7
_BINS_PER_DOUBLING = 16
_BINS = 32 * _BINS_PER_DOUBLING  # up to 430 s


class Lateness:
    """A histogram of seconds on a logarithmic scale: quantiles to 4.4 %, the maximum exactly."""

    def __init__(self) -> None:
        self._counts = [0] * (_BINS + 1)
        self.count = 0
        self.max_s = 0.0

    def add(self, late_s: float) -> None:
        """Count one message; one that is early counts as punctual."""
        late_s = max(late_s, 0.0)
        self.count += 1
        self.max_s = max(self.max_s, late_s)
        if late_s <= _FIRST_S:
            self._counts[0] += 1
            return
        position = math.ceil(math.log2(late_s / _FIRST_S) * _BINS_PER_DOUBLING)
        self._counts[min(position, _BINS)] += 1

    def quantile_s(self, share: float) -> float:
        """What this share of the messages is not later than, rounded up to its bin; 0 if none."""
        wanted = share * self.count
        seen = 0
        for position, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                edge_s: float = _FIRST_S * 2.0 ** (position / _BINS_PER_DOUBLING)
                return min(edge_s, self.max_s)
        return 0.0
