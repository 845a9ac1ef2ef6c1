"""Following MIDI clock: a beat clock steered by another machine's ticks.

MIDI 1.0 (Complete Detailed Specification, "System Real Time Messages"): 24 clocks (F8) a quarter;
start (FA) and continue (FB) come before the clock they speak of, so the first clock after a start
is position 0; stop (FC); song position (F2) in sixteenths.
"""

from __future__ import annotations

import math
from typing import Literal

from rnnmusic.live.messages import TICKS_PER_QUARTER
from rnnmusic.live.timing.beat import HIGHEST_TEMPO_BPM, LOWEST_TEMPO_BPM, BeatClock
from rnnmusic.live.timing.ticks import TickFilter

_TICKS_PER_SIXTEENTH = TICKS_PER_QUARTER // 4
#: A start that lands within so many ticks of where the clock is moves nothing.
_NO_JUMP_TICKS = 2


class ClockFollower:
    """Steers a BeatClock by another machine's MIDI clock.

    Between ticks the beat clock's line leads from each smoothed tick (`TickFilter`) to where the
    next is expected, so the phase is continuous. A missing tick is noticed and a doubled one
    ignored.

    Positions in the performance only grow: a start or a song position is played from the next
    moment that has the same place in the bar. All times are seconds of the beat clock's clock.

    clock: stands still until a start or continue comes. quarters_per_bar: of the performance.
    when_lost: what to do when no tick has come for `lost_after_ticks`: "stop", or "run" on at the
    last tempo.
    """

    def __init__(
        self,
        clock: BeatClock,
        *,
        quarters_per_bar: float = 4.0,
        when_lost: Literal["stop", "run"] = "stop",
        lost_after_ticks: int = 12,
    ) -> None:
        self._clock = clock
        self._quarters_per_bar = quarters_per_bar
        self._when_lost, self._lost_after_ticks = when_lost, lost_after_ticks
        self._filter = TickFilter(60.0 / (TICKS_PER_QUARTER * clock.tempo_bpm))
        self._next = 0  # number of the tick to come, by the other machine's count
        self._offset = 0.0  # beat quarters of our tick 0
        self._is_playing = self._is_lost = False
        self._is_armed = False  # the next tick is the first of a start or continue
        self._is_relocated = True  # and its position is another than ours

    @property
    def tempo_bpm(self) -> float:
        """The other machine's tempo, smoothed."""
        return 60.0 / (TICKS_PER_QUARTER * self._filter.period_s)

    @property
    def phase_error_s(self) -> float:
        """How much later than expected the last tick came: jitter, or a tempo on the move."""
        return self._filter.error_s

    @property
    def jitter_s(self) -> float:
        """Standard deviation of the ticks' arrival times, estimated."""
        return self._filter.jitter_s

    @property
    def is_playing(self) -> bool:
        """Whether the other machine plays: it has started and not stopped."""
        return self._is_playing

    @property
    def is_lost(self) -> bool:
        """Whether ticks have failed to come."""
        return self._is_lost

    def start(self, time_s: float) -> None:
        """FA: the next tick is position 0."""
        self.position(0)
        self._arm()

    def continue_(self, time_s: float) -> None:
        """FB: the next tick goes on where the last stop or song position was."""
        self._arm()

    def stop(self, time_s: float) -> None:
        """FC: stand still at once."""
        self._is_playing = self._is_armed = False
        if self._clock.is_running:
            self._clock.stop(time_s)

    def position(self, sixteenths: int) -> None:
        """F2: where the next start or continue begins; while playing, where the next tick is."""
        self._next = sixteenths * _TICKS_PER_SIXTEENTH
        self._is_relocated = True

    def tick(self, time_s: float) -> float | None:
        """F8 came at `time_s`. Return where in the score the clock has jumped to, if it has."""
        if self._is_lost:
            return self._found(time_s)
        if self._is_armed:
            self._filter.first(time_s)
            return self._begin(time_s)
        steps = self._filter.tick(time_s)
        if not self._is_playing:
            return None
        if self._is_relocated:
            return self._begin(time_s)
        if steps is not None:
            self._next += steps
            self._steer()
        return None

    def check(self, now_s: float) -> bool:
        """Whether the ticks have just been lost; call it now and then, a few times a second."""
        silent_s = now_s - self._filter.last_s
        limit_s = self._lost_after_ticks * self._filter.period_s
        if self._is_lost or not self._is_playing or self._is_armed or silent_s <= limit_s:
            return False
        self._is_lost = True
        if self._when_lost == "stop":
            self._clock.stop(now_s)
        else:
            self._clock.set_tempo(self.tempo_bpm, now_s)
        return True

    def _arm(self) -> None:
        self._is_playing = self._is_armed = True
        self._is_lost = False

    def _begin(self, time_s: float) -> float | None:
        """The tick that has just come is number `_next`: put the clock there."""
        here, at_s = self._clock.beat_at(time_s), self._filter.now_s
        if self._is_relocated:
            self._offset = self._ahead(here) - self._next / TICKS_PER_QUARTER
        there = self._next / TICKS_PER_QUARTER + self._offset
        self._is_armed = self._is_relocated = False
        self._next += 1
        self._steer()
        if not self._clock.is_running:
            self._clock.resume(at_s)
        has_jumped = there > here + _NO_JUMP_TICKS / TICKS_PER_QUARTER
        return self._clock.quarters_at(at_s) if has_jumped else None

    def _ahead(self, here: float) -> float:
        """The first moment not before `here` with the bar position of tick `_next`.

        A sixteenth back is taken for here: song positions are rounded down to one.
        """
        there = self._next / TICKS_PER_QUARTER
        bar = self._quarters_per_bar
        earliest = here - _TICKS_PER_SIXTEENTH / TICKS_PER_QUARTER
        return there + bar * math.ceil((earliest - there) / bar)

    def _steer(self) -> None:
        ticks = self._filter
        there = (self._next - 1) / TICKS_PER_QUARTER + self._offset
        seconds = max(ticks.next_s - ticks.now_s, ticks.period_s / 4)
        bpm = 60.0 / (TICKS_PER_QUARTER * seconds)
        self._clock.align(there, min(max(bpm, LOWEST_TEMPO_BPM), HIGHEST_TEMPO_BPM), ticks.now_s)

    def _found(self, time_s: float) -> float | None:
        """Ticks come again: as many as would have come meanwhile are believed to be missing."""
        self._is_lost = False
        missing = round((time_s - self._filter.next_s) / self._filter.period_s)
        self._filter.first(time_s)
        if not self._is_playing:
            return None
        self._next += max(0, missing)
        # Run on, the clock is close by and only its phase is set; stopped, it has to catch up.
        self._is_relocated |= self._when_lost == "stop"
        return self._begin(time_s)
