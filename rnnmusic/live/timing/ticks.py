"""When a clock's ticks really are, from when they arrive."""

from __future__ import annotations

import math

from rnnmusic.live.messages import TICKS_PER_QUARTER
from rnnmusic.live.timing.beat import HIGHEST_TEMPO_BPM, LOWEST_TEMPO_BPM

_SHORTEST_S = 60.0 / (TICKS_PER_QUARTER * HIGHEST_TEMPO_BPM)
_LONGEST_S = 60.0 / (TICKS_PER_QUARTER * LOWEST_TEMPO_BPM)

#: How much a tempo wanders by itself: standard deviation of a period's change, of the period.
_WANDER = 1e-4
#: How far off a tempo may be that nobody has heard yet, of the period.
_UNKNOWN_TEMPO = 0.3
#: Jitter of arrival: believed at first, and the limits of what is measured, over how many ticks.
_FIRST_JITTER_S, _LEAST_JITTER_S, _MOST_JITTER_S = 1e-3, 5e-5, 8e-3
_JITTER_MEMORY_TICKS = 48
#: Two ticks in a row so many standard deviations off, to one side, are another tempo; one is an
#: outlier, and counts as if it were `_OUTLIER` off.
_SURPRISE, _OUTLIER = 4.0, 3.0
#: A mean innovation beyond this many standard deviations is a tempo on the move; how much that
#: may change the period within a tick, of the jitter.
_BIAS, _BIAS_MEMORY_TICKS, _BIAS_GAIN = 0.6, 12, 0.3
#: Parts of a period: a tick so soon after another is its double; one so close to a whole number
#: of periods late comes after missing ones; only told where ticks are expected so exactly.
_DOUBLE, _MISSING, _SURE = 0.25, 0.25, 0.125
#: Ticks after which it is settled that some were missing and the tempo wasn't slower.
_REGRET_TICKS = 3


class TickFilter:
    """A Kalman filter of the time and period of ticks that arrive with jitter.

    Its state is when the next tick is expected, and the period; the period wanders as white noise
    makes it. Settled, it is the delay-locked loop of F. Adriaensen ("Using a DLL to filter time",
    Linux Audio Conference 2005), whose bandwidth follows from the jitter that is measured on the
    way; until then its gains are those of a least-squares line through the ticks so far. A tempo
    on the move shows as innovations to one side and raises the noise of the period; two large
    ones in a row restart the filter (Bar-Shalom, Li and Kirubarajan, "Estimation with Applications
    to Tracking and Navigation", 2001, chapter 11).

    now_s, next_s: smoothed times of the last tick and the next. period_s: of one tick. last_s:
    arrival of the last. error_s: how much later than expected it came. jitter_s: standard
    deviation of arrivals. All minus infinity or zero before the first tick, but for the period.
    """

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self.now_s = self.next_s = self.last_s = -math.inf
        self.error_s = 0.0
        self._before_s = -math.inf  # arrival of the tick before the last
        self._noise = _FIRST_JITTER_S**2  # variance of arrival times
        # Covariance of (next_s, period_s).
        self._var_next = self._covariance = 0.0
        self._var_period = (_UNKNOWN_TEMPO * period_s) ** 2
        self._bias = 0.0  # mean innovation, in standard deviations
        self._surprise = 0  # the last tick came much too early (-1) or late (1)
        self._missing = self._since_missing = 0  # ticks believed to be missing, and how long ago

    @property
    def jitter_s(self) -> float:
        """Standard deviation of arrival times, as measured so far."""
        return math.sqrt(self._noise)

    def first(self, time_s: float) -> None:
        """Take a tick whose number is known: after a start, or when ticks come again.

        Where it fits those before, they go on; else the tempo is kept, less sure of itself, and
        the phase is new.
        """
        deviation_s = math.sqrt(self._var_next + self._noise)
        if abs(time_s - self.next_s) < _SURPRISE * deviation_s and self.last_s > -math.inf:
            self.tick(time_s)
            return
        is_heard = self._before_s > -math.inf
        self.now_s = self.last_s = time_s
        self._before_s = -math.inf
        self.next_s = time_s + self.period_s
        if is_heard:
            self._var_period += (0.02 * self.period_s) ** 2
        self._covariance = self._var_period
        self._var_next = self._noise + self._var_period
        self._bias = self.error_s = 0.0
        self._surprise = self._missing = 0

    def tick(self, time_s: float) -> int | None:
        """Take the next tick; return how far the count of ticks goes on, None for a double.

        1; more if ticks are missing before it; 0 or less if it shows that those believed to be
        missing before one of the last few were not: the tempo is slower.
        """
        if self.last_s == -math.inf:
            self.first(time_s)
            return 1
        error_s = time_s - self.next_s
        if self._is_double(time_s, error_s):
            return None
        in_doubt = self._missing and self._since_missing < _REGRET_TICKS
        if in_doubt and error_s > 0.5 * self.period_s:
            steps = 1 - self._missing
            self._restart(time_s)
            return steps
        missing = self._count_missing(error_s)
        self._since_missing += 1
        if missing:
            self._missing, self._since_missing = missing, 0
            self._skip(missing)
            error_s = time_s - self.next_s
        self._correct(time_s, error_s)
        return 1 + missing

    @property
    def _is_countable(self) -> bool:
        """Whether tempo and ticks are sure enough to tell a missing tick from a late one."""
        is_known = self._var_period < (0.05 * self.period_s) ** 2
        return is_known and self._var_next + self._noise < (_SURE * self.period_s) ** 2

    def _is_double(self, time_s: float, error_s: float) -> bool:
        is_close = time_s - self.last_s < _DOUBLE * self.period_s
        return is_close and error_s < -0.5 * self.period_s and self._is_countable

    def _count_missing(self, error_s: float) -> int:
        """How many ticks are missing before one that is late; 0 while the tempo is in doubt."""
        if self._surprise or not self._is_countable:
            return 0
        periods = max(0, round(error_s / self.period_s))
        return periods if abs(error_s - periods * self.period_s) < _MISSING * self.period_s else 0

    def _skip(self, ticks: int) -> None:
        self.next_s += ticks * self.period_s
        self._var_next += ticks * (2 * self._covariance + ticks * self._var_period)
        self._covariance += ticks * self._var_period

    def _correct(self, time_s: float, error_s: float) -> None:
        """One cycle of the filter."""
        variance = self._var_next + self._noise
        deviation_s = math.sqrt(variance)
        surprise = error_s / deviation_s
        side = int(math.copysign(1, surprise)) if abs(surprise) > _SURPRISE else 0
        if side and side == self._surprise and self._before_s > -math.inf:
            self._restart(time_s)
            return
        self._surprise = side
        surprise = min(max(surprise, -_OUTLIER), _OUTLIER)
        innovation_s = surprise * deviation_s
        gain, gain_period = self._var_next / variance, self._covariance / variance
        wander_s = self._wander_s(surprise)
        self._measure_noise(innovation_s, variance)

        self.now_s, self.error_s = self.next_s, error_s
        self._before_s, self.last_s = self.last_s, time_s
        self._set_period(self.period_s + gain_period * innovation_s)
        self.next_s += gain * innovation_s + self.period_s
        var_period = self._var_period - gain_period * self._covariance
        covariance = (1 - gain) * self._covariance
        var_now = (1 - gain) * self._var_next
        # A tick further, with white noise in the period's slope meanwhile.
        self._var_next = var_now + 2 * covariance + var_period + wander_s**2 / 4
        self._covariance = covariance + var_period + wander_s**2 / 2
        self._var_period = var_period + wander_s**2

    def _wander_s(self, surprise: float) -> float:
        """How far the period may have wandered: further while ticks err to one side."""
        self._bias += (surprise - self._bias) / _BIAS_MEMORY_TICKS
        moving_s = _BIAS_GAIN * max(0.0, abs(self._bias) - _BIAS) * math.sqrt(self._noise)
        return math.hypot(_WANDER * self.period_s, moving_s)

    def _measure_noise(self, innovation_s: float, variance: float) -> None:
        """Learn from what an innovation says of the jitter, less what the filter's doubt says."""
        share = (self._noise / variance) ** 2 / _JITTER_MEMORY_TICKS
        seen = innovation_s**2 - self._var_next
        noise = self._noise + share * (seen - self._noise)
        self._noise = min(max(noise, _LEAST_JITTER_S**2), _MOST_JITTER_S**2)

    def _restart(self, time_s: float) -> None:
        """Believe the last two intervals and nothing before them."""
        self._set_period((time_s - self._before_s) / 2)
        self.error_s = time_s - self.next_s
        self.now_s, self.next_s = time_s, time_s + self.period_s
        self._before_s, self.last_s = self.last_s, time_s
        # Of the line through the ends of two intervals, a tick beyond.
        self._var_period = self._noise / 2
        self._covariance = self._noise
        self._var_next = 2.5 * self._noise
        self._bias = 0.0
        self._surprise = self._missing = 0

    def _set_period(self, period_s: float) -> None:
        self.period_s = min(max(period_s, _SHORTEST_S), _LONGEST_S)
