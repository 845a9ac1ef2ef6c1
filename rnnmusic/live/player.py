"""The simple live player: one loop that samples ahead when it has time and sends when it is due."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.errors import UsageError
from rnnmusic.live.clock import BeatClock, Clock, MonotonicClock, Stop
from rnnmusic.live.composer import Composer, StepSource
from rnnmusic.live.ledger import Ledger
from rnnmusic.live.messages import note_off, note_on, program_change
from rnnmusic.live.ports.protocol import OutputPort

#: A message later than this puts off all that follows; less is left as it is and only counted.
TOLERANCE_S = 0.02


@dataclass(frozen=True)
class Report:
    """How a performance went.

    notes: notes begun. bars: bars played to their end. late: how often the music had to be put
    off because the model wasn't ready. lateness_*_ms: when messages left after they were due.
    """

    notes: int
    bars: int
    late: int
    lateness_p50_ms: float
    lateness_p99_ms: float
    lateness_max_ms: float


def play(
    source: StepSource,
    port: OutputPort,
    *,
    tempo_bpm: float,
    bars: int | None = None,
    stop: Stop | None = None,
    channel: int = 0,
    program: int | None = None,
    on_bar: Callable[[int], None] | None = None,
    clock: Clock | None = None,
    lookahead_quarters: float = 1.0,
) -> Report:
    """Play what `source` draws until `bars` bars are over, `stop` is set or something fails.

    Every message has an absolute deadline, so the tempo doesn't drift. Steps are drawn up to
    `lookahead_quarters` ahead, while nothing is due. When a message is more than 20 ms late, all
    that follows is put off by as much: there is a pause, never a burst. on_bar(n), n = 1, 2, ...,
    is called at each bar line and must be quick. Every way out, errors too, ends all notes,
    lifts the pedal and silences the channel; the port stays open and belongs to the caller.

    UsageError for a tempo, channel, program or number of bars out of range; DeviceError when the
    port goes away.
    """
    _check(tempo_bpm, bars, channel, program)
    performance = _Performance(
        source, port, bars, stop or Stop(), channel, on_bar, clock or MonotonicClock()
    )
    try:
        performance.run(tempo_bpm, program, lookahead_quarters)
    finally:
        performance.silence()
    return performance.report()


class _Performance:
    def __init__(
        self,
        source: StepSource,
        port: OutputPort,
        bars: int | None,
        stop: Stop,
        channel: int,
        on_bar: Callable[[int], None] | None,
        clock: Clock,
    ) -> None:
        self._port, self._stop, self._clock = port, stop, clock
        self._channel, self._on_bar = channel, on_bar
        self._quarters_per_bar = source.quarters_per_bar
        self._bars = float("inf") if bars is None else bars
        self._composer = Composer(source, self._bars * self._quarters_per_bar)
        self._ledger = Ledger()
        self._lateness_s = array("d")
        self._notes = self._late = self._bar = 0
        self._step_s = 0.0  # what a step takes, on a running average

    def run(self, tempo_bpm: float, program: int | None, lookahead_quarters: float) -> None:
        composer, clock, stop = self._composer, self._clock, self._stop
        while composer.ready_quarters < lookahead_quarters and not stop.is_set():
            self._compose()
        beat = BeatClock(clock.now(), tempo_bpm)
        self._port.begin(beat.start_s, tempo_bpm)
        if program is not None:
            self._send(program_change(self._channel, program), beat.start_s)
        while not stop.is_set():
            now_s = clock.now()
            # Up to ready_quarters the future is known; beyond it only the bar line is.
            moment = min(composer.next_quarters, self._bar * self._quarters_per_bar)
            is_known = moment <= composer.ready_quarters
            due_s = beat.due_s(moment) if is_known else float("inf")
            refill_s = beat.due_s(composer.ready_quarters - lookahead_quarters)
            if due_s <= now_s:
                self._note_lateness(now_s - due_s, beat)
                if self._perform(moment, beat):
                    return
            elif refill_s <= now_s and due_s - now_s > 2 * self._step_s:
                self._compose()
            else:
                clock.wait_until(min(due_s, refill_s) if refill_s > now_s else due_s, stop)

    def silence(self) -> None:
        """End every note and leave the channel quiet."""
        now_s = self._clock.now()
        for message in self._ledger.close():
            self._port.send(message, now_s)

    def report(self) -> Report:
        lateness_ms = np.asarray(self._lateness_s or [0.0]) * 1e3
        p50, p99 = np.percentile(lateness_ms, [50, 99])
        return Report(
            notes=self._notes,
            bars=max(0, self._bar - 1),
            late=self._late,
            lateness_p50_ms=float(p50),
            lateness_p99_ms=float(p99),
            lateness_max_ms=float(lateness_ms.max()),
        )

    def _compose(self) -> None:
        began_s = self._clock.now()
        self._composer.step()
        self._step_s += (self._clock.now() - began_s - self._step_s) / 8

    def _note_lateness(self, late_s: float, beat: BeatClock) -> None:
        self._lateness_s.append(late_s)
        if late_s > TOLERANCE_S:
            self._late += 1
            beat.delay(late_s)

    def _perform(self, moment: float, beat: BeatClock) -> bool:
        """Do what is due next; notes come before a bar line. Return whether that was the end."""
        if self._composer.next_quarters <= moment:
            self._play(self._composer.pop(), beat)
            return False
        self._bar += 1
        if self._bar > self._bars:
            return True
        if self._on_bar is not None:
            self._on_bar(self._bar)
        return False

    def _play(self, note: NoteMessage, beat: BeatClock) -> None:
        if note.velocity:
            self._notes += 1
            message = note_on(self._channel, note.pitch, note.velocity)
        else:
            message = note_off(self._channel, note.pitch)
        self._send(message, beat.due_s(note.time_quarters))

    def _send(self, message: bytes, time_s: float) -> None:
        for admitted in self._ledger.admit(message):
            self._port.send(admitted, time_s)


def _check(tempo_bpm: float, bars: int | None, channel: int, program: int | None) -> None:
    if not 1 <= tempo_bpm <= 1000:
        raise UsageError(f"Asked for a tempo of {tempo_bpm} bpm; give 1 to 1000.")
    if bars is not None and bars < 1:
        raise UsageError(f"Asked for {bars} bars; give at least 1, or none to play on and on.")
    if not 0 <= channel <= 15:
        raise UsageError(f"Asked for MIDI channel {channel}; channels are 0 to 15 here.")
    if program is not None and not 0 <= program <= 127:
        raise UsageError(f"Asked for program {program}; General MIDI has 0 to 127.")
