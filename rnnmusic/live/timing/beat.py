"""The beat clock: when each moment of the music sounds, through tempo changes, stops and swing."""

from __future__ import annotations

import math

from rnnmusic.errors import UsageError

LOWEST_TEMPO_BPM, HIGHEST_TEMPO_BPM = 1.0, 1000.0
STRAIGHT, HARDEST_SWING = 0.5, 0.75


class BeatClock:
    """A line from quarters to seconds, re-anchored whenever something changes, and the swing in it.

    It counts in two units that agree on every whole quarter. *Score* quarters are what music is
    written in. *Beat* quarters go by evenly: `anchor` and an external clock speak of them. Swing
    is the monotone map between the two: `warp(score) = beat`.

    Every change says when it happens, `at_s`: now, or a moment ago. The position at that moment
    stays what it was (except for `jump` and `nudge`), and the line holds for earlier times too.
    Each anchor is computed once and never summed up, so rounding doesn't accumulate.

    tempo_bpm: quarters per minute, 1 to 1000. start_s: when `start_quarters` sounds; a negative
    start is a count-in. swing: share of a quarter that its first eighth takes, 0.5 to 0.75.
    UsageError for anything else.
    """

    def __init__(
        self,
        *,
        tempo_bpm: float,
        start_s: float,
        start_quarters: float = 0.0,
        swing: float = STRAIGHT,
    ) -> None:
        self._tempo_bpm = checked_tempo(tempo_bpm)
        # Swing changes on a whole quarter, where both kinds of quarter agree whatever the share.
        self._swing = self._swing_before = checked_swing(swing)
        self._swing_from = -math.inf
        self._anchor_s = start_s
        self._anchor_beat = self._warped(start_quarters)
        self._is_running = True

    @property
    def tempo_bpm(self) -> float:
        """Quarters per minute while it runs; what it will run at again while it is stopped."""
        return self._tempo_bpm

    @property
    def swing(self) -> float:
        """Share of a quarter that its first eighth takes; at the latest from the next quarter."""
        return self._swing

    @property
    def is_running(self) -> bool:
        """Whether time goes by."""
        return self._is_running

    def due_s(self, time_quarters: float) -> float:
        """When a moment of the score sounds, swing applied; infinite while the clock stands."""
        return self.beat_due_s(self._warped(time_quarters))

    def beat_due_s(self, beat_quarters: float) -> float:
        """When a moment of the even beat comes, whatever the swing: what MIDI clock is sent by."""
        if not self._is_running:
            return math.inf
        return self._anchor_s + (beat_quarters - self._anchor_beat) * 60.0 / self._tempo_bpm

    def quarters_at(self, time_s: float) -> float:
        """The score's moment that sounds at `time_s`; the inverse of `due_s`."""
        beat = self.beat_at(time_s)
        return unwarp(beat, self._swing_before if beat < self._swing_from else self._swing)

    def beat_at(self, time_s: float) -> float:
        """Beat quarters at `time_s`: the position without swing; the inverse of `beat_due_s`."""
        if not self._is_running:
            return self._anchor_beat
        return self._anchor_beat + (time_s - self._anchor_s) * self._tempo_bpm / 60.0

    def anchor(self) -> tuple[float, float, float]:
        """(anchor_s, anchor_quarters, quarters_per_s) without swing; 0 per second if it stands."""
        speed = self._tempo_bpm / 60.0 if self._is_running else 0.0
        return self._anchor_s, self._anchor_beat, speed

    def set_tempo(self, bpm: float, at_s: float) -> None:
        """Go on at another tempo; the position at `at_s` stays. UsageError outside 1 to 1000."""
        self.align(self.beat_at(at_s), checked_tempo(bpm), at_s)

    def set_swing(self, share: float, at_s: float) -> None:
        """Swing otherwise from the next whole quarter on. UsageError outside 0.5 to 0.75."""
        checked_swing(share)
        now_beat = self.beat_at(at_s)
        if now_beat >= self._swing_from:
            self._swing_before = self._swing
        self._swing, self._swing_from = share, math.ceil(now_beat)

    def stop(self, at_s: float) -> None:
        """Stand still where it is at `at_s`."""
        self._anchor_s, self._anchor_beat = at_s, self.beat_at(at_s)
        self._is_running = False

    def resume(self, at_s: float) -> None:
        """Go on from where it stands."""
        self._anchor_s, self._anchor_beat = at_s, self.beat_at(at_s)
        self._is_running = True

    def jump(self, to_quarters: float, at_s: float) -> None:
        """Be at another moment of the score at `at_s`, running or not."""
        self._anchor_s, self._anchor_beat = at_s, self._warped(to_quarters)

    def nudge(self, quarters: float, at_s: float) -> None:
        """Shift the beat, ahead if positive: later notes sound that much earlier."""
        self._anchor_s, self._anchor_beat = at_s, self.beat_at(at_s) + quarters

    def align(self, beat_quarters: float, bpm: float, at_s: float) -> None:
        """Put the line through a point: what a follower of another clock does at every tick."""
        self._anchor_s, self._anchor_beat, self._tempo_bpm = at_s, beat_quarters, bpm

    def _warped(self, time_quarters: float) -> float:
        before = time_quarters < self._swing_from
        return warp(time_quarters, self._swing_before if before else self._swing)


def warp(score_quarters: float, swing: float) -> float:
    """Beat quarters of a moment of the score: the off-beat eighth moves from 0.5 to `swing`.

    Linear on either side of it, so that triplets and sixteenths keep their order; whole quarters
    stay. Monotone also after rounding, because 1 - swing is exact from 0.5 to 1.
    """
    if swing == STRAIGHT or not math.isfinite(score_quarters):
        return score_quarters
    whole = math.floor(score_quarters)
    part = score_quarters - whole
    if part < 0.5:
        return whole + part * (2.0 * swing)
    return whole + (swing + (part - 0.5) * (2.0 * (1.0 - swing)))


def unwarp(beat_quarters: float, swing: float) -> float:
    """The inverse of `warp`."""
    if swing == STRAIGHT or not math.isfinite(beat_quarters):
        return beat_quarters
    whole = math.floor(beat_quarters)
    part = beat_quarters - whole
    if part < swing:
        return whole + part / (2.0 * swing)
    return whole + (0.5 + (part - swing) / (2.0 * (1.0 - swing)))


def checked_tempo(bpm: float) -> float:
    """`bpm` itself, or UsageError."""
    if not LOWEST_TEMPO_BPM <= bpm <= HIGHEST_TEMPO_BPM:
        raise UsageError(f"Asked for a tempo of {bpm:g} bpm; give 1 to 1000.")
    return bpm


def checked_swing(share: float) -> float:
    """`share` itself, or UsageError."""
    if not STRAIGHT <= share <= HARDEST_SWING:
        raise UsageError(
            f"Asked for a swing of {share:g}; give 0.5 (straight) to 0.75 (dotted), "
            "the share of a quarter that its first eighth takes."
        )
    return share
