"""What a score says that its steps no longer do: noted in the store when it is built."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from rnnmusic.corpus.keys import key_of
from rnnmusic.score import Score
from rnnmusic.score.model import DEFAULT_MICROSECONDS_PER_QUARTER


class Facts(NamedTuple):
    """Facts of one piece. tempo_bpm is NaN and key -1 where they aren't known."""

    tempo_bpm: float = math.nan
    key: int = -1  # 0..11 major on C, C sharp, ..., 12..23 minor: see keys.KEY_NAMES


def facts(score: Score) -> Facts:
    """Tempo and key of a score, in some 50 microseconds for 5,000 notes."""
    end_tick = score.end_tick
    return Facts(tempo_of(score, end_tick), key_of(score, end_tick))


def tempo_of(score: Score, end_tick: int | None = None) -> float:
    """The median tempo in quarters a minute: half of the time the music is slower, half faster.

    A ritardando or a count-in doesn't move it, and it is a tempo that the score has. end_tick:
    the score's, if known.
    """
    tempos = score.tempos
    if not len(tempos):
        return 6e7 / DEFAULT_MICROSECONDS_PER_QUARTER
    if len(tempos) == 1 and tempos["tick"][0] <= 0:
        return 6e7 / float(tempos["microseconds_per_quarter"][0])
    ticks = np.maximum(tempos["tick"].astype(np.float64), 0)
    pace = tempos["microseconds_per_quarter"].astype(np.float64)
    if ticks[0] > 0:
        ticks = np.concatenate(([0.0], ticks))
        pace = np.concatenate(([float(DEFAULT_MICROSECONDS_PER_QUARTER)], pace))
    end = score.end_tick if end_tick is None else end_tick
    time = np.maximum(np.append(ticks[1:], end).clip(max=end) - ticks, 0) * pace
    if not time.any():
        return 6e7 / float(pace[0])
    slowest_first = np.argsort(-pace)
    reached = np.cumsum(time[slowest_first])
    return 6e7 / float(pace[slowest_first[np.searchsorted(reached, reached[-1] / 2)]])
