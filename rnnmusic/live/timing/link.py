"""Ableton Link: a beat clock steered by the session that the programs of a local network share.

Through aalink, which is free software under the GPL: an extra that nobody needs, never imported
unless Link is asked for.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from rnnmusic.errors import DeviceError
from rnnmusic.live.timing.beat import HIGHEST_TEMPO_BPM, LOWEST_TEMPO_BPM, BeatClock, checked_tempo

#: A peer that is switched on at once may impose its tempo on the session; after this it asks.
SETTLE_S = 0.5
#: A look at the beat that takes longer was interrupted, and tells the past.
_QUICK_S = 2e-4
_LOOKS = 4
#: How far a start may be from where the clock is before it counts as a jump, in quarters.
_NO_JUMP = 1 / 12

#: How far from the session's beat, in quarters, no change of tempo between two polls leads.
_ELSEWHERE = 0.5


class Link(Protocol):
    """What following needs of `aalink.Link`."""

    tempo: float
    quantum: float
    enabled: bool
    playing: bool
    start_stop_sync_enabled: bool

    @property
    def beat(self) -> float:
        """Quarters of the shared timeline, now."""
        ...

    @property
    def num_peers(self) -> int:
        """How many others take part."""
        ...


def join(tempo_bpm: float, *, quarters_per_bar: float = 4.0) -> Link:
    """Take part in the network's Link session; alone in it, `tempo_bpm` is its tempo.

    Takes half a second. DeviceError without aalink, or where it can't open its sockets.
    """
    try:
        aalink = import_module("aalink")
    except ImportError:
        raise DeviceError(
            "Ableton Link was asked for but aalink isn't installed; "
            'run pip install "rnnmusic[link]" or play by the internal clock.'
        ) from None

    async def begin() -> Link:
        link: Link = aalink.Link(tempo_bpm)  # wants a running loop, for callbacks that we don't use
        return link

    try:
        link = asyncio.run(begin())
        link.quantum = quarters_per_bar
        link.start_stop_sync_enabled = True
        time.sleep(SETTLE_S)
        link.enabled = True
    except (RuntimeError, OSError) as error:
        raise DeviceError(
            f"Ableton Link can't be joined: {error}; check the network or play by the internal "
            "clock."
        ) from error
    return link


class LinkFollower:
    """Steers a BeatClock by Link; poll it some ten times a second.

    Link keeps the peers' clocks together by itself and its timeline has no jitter, so the beat
    clock is put on it at every poll. The bar lines of the performance fall on those of the
    session; positions only grow, so it begins within the bar: give it a clock that stands a bar
    before the first beat to count in. Link knows no song position and can't be lost: without
    peers its own timeline goes on.

    clock: stands still until the first poll. now: the beat clock's time. obeys_transport: run and
    stand as the session does (its start and stop), else run from the first poll on.
    """

    def __init__(
        self,
        clock: BeatClock,
        link: Link,
        *,
        quarters_per_bar: float = 4.0,
        obeys_transport: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._link, self._now = clock, link, now
        self._quarters_per_bar = quarters_per_bar
        self._obeys_transport = obeys_transport
        self._offset = 0.0  # of our beat from the session's
        self._is_playing = False
        self._error_s = 0.0

    @property
    def tempo_bpm(self) -> float:
        """The session's tempo."""
        return self._link.tempo

    @property
    def phase_error_s(self) -> float:
        """How far our beat was ahead of the session's at the last poll."""
        return self._error_s

    @property
    def peers(self) -> int:
        """How many others take part."""
        return self._link.num_peers

    @property
    def is_playing(self) -> bool:
        """Whether the beat clock follows the session."""
        return self._is_playing

    def set_tempo(self, bpm: float) -> None:
        """Change the tempo of the session, for everyone. UsageError outside 1 to 1000."""
        self._link.tempo = checked_tempo(bpm)

    def poll(self) -> float | None:
        """Put the beat clock on the session's beat.

        Return where in the score it has jumped to, if it has.
        """
        at_s, beat = self._look()
        if self._obeys_transport and not self._link.playing:
            if self._is_playing:
                self._clock.stop(at_s)
            self._is_playing = False
            return None
        here = self._clock.beat_at(at_s)
        tempo_bpm = min(max(self._link.tempo, LOWEST_TEMPO_BPM), HIGHEST_TEMPO_BPM)
        if not self._is_playing or self._is_elsewhere(here, beat):
            bar = self._quarters_per_bar
            self._offset = bar * math.ceil((here - beat) / bar - 1e-9)
            self._error_s = 0.0
        else:
            self._error_s = (here - beat - self._offset) * 60.0 / tempo_bpm
        there = beat + self._offset
        self._clock.align(there, tempo_bpm, at_s)
        if not self._is_playing:
            self._clock.resume(at_s)
        self._is_playing = True
        return self._clock.quarters_at(at_s) if there > here + _NO_JUMP else None

    def _is_elsewhere(self, here: float, beat: float) -> bool:
        """Whether the session's timeline is another: beats were set anew, or sessions joined."""
        return abs(here - beat - self._offset) > _ELSEWHERE

    def _look(self) -> tuple[float, float]:
        """The time and the session's beat at that time; the quickest of a few looks."""
        best = (math.inf, 0.0, 0.0)
        for _ in range(_LOOKS):
            before_s = self._now()
            beat = self._link.beat
            after_s = self._now()
            best = min(best, (after_s - before_s, (before_s + after_s) / 2, beat))
            if best[0] < _QUICK_S:
                break
        return best[1], best[2]
