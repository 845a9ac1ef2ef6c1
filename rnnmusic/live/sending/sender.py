"""Sender: plays what is planned when it is due, and lets no note sound that nobody ends.

A pure core. It reads no clock but the one it is given, waits for nothing, and is driven by calls
of `advance` and `heard`: the process around it is `sender_process`, a test is a loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rnnmusic.live.exchange.ring import Ring
from rnnmusic.live.exchange.shared import Board
from rnnmusic.live.exchange.wire import (
    ClockChange,
    End,
    HeardMessage,
    Moved,
    Ready,
    Retract,
    Transport,
    decode,
    encode,
)
from rnnmusic.live.messages import SYSTEM, is_note_on
from rnnmusic.live.plan import Planned
from rnnmusic.live.ports.protocol import OutputPort, TimeSource
from rnnmusic.live.sending.agenda import Agenda, Entry
from rnnmusic.live.sending.horizon import Horizon
from rnnmusic.live.sending.minutes import Minutes
from rnnmusic.live.sending.outputs import Outputs
from rnnmusic.live.sending.tally import Tally
from rnnmusic.live.sending.timekeeper import Timekeeper
from rnnmusic.live.session.writer import SessionWriter

#: How often ports, the external clock and the common clock are looked after.
CHECK_S = 0.1
#: While the sampler holds the sender, how soon to look again should its wake-up get lost.
HELD_S = 0.001
#: A note that would come later than this is left out.
LATE_S = 0.02
#: Told what the performer should know: {"kind": ..., "text": a sentence, ...}, JSON-able.
Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class SenderSettings:
    """What a sender does besides playing what is planned.

    thru: the output that plays what is heard, too; None: none. sync_input: the input whose MIDI
    clock is followed; None: none. clock_out: the outputs that are sent MIDI clock. late_s: a note
    later than this is left out. stall_s: how long nothing may be settled before what sounds is
    ended. start_s: from the first plan to the first beat, beside the outputs' lead. lead_s: the
    least lead of outputs that play ahead. doubles: outputs that play what the first one plays;
    their notes are neither counted nor recorded.
    """

    thru: int | None = None
    sync_input: int | None = None
    clock_out: tuple[int, ...] = ()
    doubles: tuple[int, ...] = ()
    late_s: float = LATE_S
    stall_s: float = 0.25
    start_s: float = 0.05
    lead_s: float = 0.0


class Sender:
    """Takes plans from the ring, and sends each message when it is due.

    clock: what all due times are told in. time: the beat clock, standing at the first moment of
    the performance; it runs from the first settled plan on, or when the other machine starts.
    outputs: DeviceErrors of theirs are reported and survived. plans, heard_ring: from and to the
    sampler. notify(): wakes the sampler. recorder: None: nothing is recorded.

    Whoever drives it calls `close` in the end, whatever happened.
    """

    def __init__(
        self,
        clock: TimeSource,
        time: Timekeeper,
        outputs: Sequence[OutputPort],
        board: Board,
        plans: Ring,
        heard_ring: Ring,
        settings: SenderSettings,
        report: Report,
        *,
        notify: Callable[[], None] = lambda: None,
        recorder: SessionWriter | None = None,
    ) -> None:
        self._clock, self._time, self._beat, self._board = clock, time, time.beat, board
        self._plans, self._heard_ring = plans, heard_ring
        self._settings, self._report, self._notify = settings, report, notify
        self._minutes = Minutes(recorder, settings.doubles)
        self._outputs = Outputs(
            outputs,
            settings.clock_out,
            self._beat,
            self._note_sent,
            self._note_change,
            settings.lead_s,
        )
        self._agenda = Agenda(self._handover_s)
        self._horizon = Horizon(board, self._beat, settings.stall_s)
        self._end = math.inf
        self._has_begun = self._is_over = False
        self._begins_s = math.inf
        self._next_check_s = -math.inf
        self._playing: bytes | None = None  # the planned message that is being sent
        self.tally = Tally()
        board.lead_s = self._outputs.lead_s

    # What the process asks.

    @property
    def is_over(self) -> bool:
        """Whether the performance has come to its planned end."""
        return self._is_over

    @property
    def sounding(self) -> list[tuple[int, int, int]]:
        """(port, channel, pitch) of the keys that are down."""
        return self._outputs.sounding

    def status(self) -> dict[str, Any]:
        """What is going on at the moment."""
        now_s = self._clock.now()
        return {
            "quarters": self._beat.quarters_at(now_s),
            "is_running": self._is_playing_at(now_s),
            "tempo_bpm": self._beat.tempo_bpm,
            "swing": self._beat.swing,
            "sounding": self.sounding,
            "lost": self._outputs.lost,
            **self.tally.result(),
        }

    # What drives it.

    def take(self) -> None:
        """Enter what the sampler has planned."""
        while (data := self._plans.pop()) is not None:
            match decode(data):
                case Planned() as planned:
                    self._agenda.add(planned)
                    if planned.port == 0:
                        for double in self._settings.doubles:
                            self._agenda.add(planned._replace(port=double))
                case Retract(quarters):
                    self._agenda.retract(quarters)
                    self._horizon.retract(quarters)
                    if quarters <= self._end:
                        self._end = math.inf
                case Ready(quarters):
                    self._horizon.settle(quarters)
                    self._start()
                case ClockChange(name, value):
                    self._time.change(name, value, self._clock.now())
                    self._agenda.reschedule()
                case End(quarters):
                    self._end = quarters
                    self._horizon.settle(math.inf)
                case Moved():
                    self._horizon.thaw()
                case HeardMessage() | Transport():
                    raise ValueError("the sampler sent what only the sender may send")

    def advance(self, now_s: float) -> float:
        """Do all that is due; return when to call again, unless something comes in before."""
        self.take()
        self._outputs.send_ticks(now_s)
        is_held = self._send_due(now_s)
        self._watch(now_s)
        if now_s >= self._next_check_s:
            self._check(now_s)
        if self._beat.due_s(self._end) <= now_s:
            self._is_over = True
            return now_s
        next_s = now_s + HELD_S if is_held else self._agenda.next_s
        return min(
            next_s,
            self._outputs.next_tick_s,
            self._next_check_s,
            self._horizon.stall_s if self._has_begun else math.inf,
            self._beat.due_s(self._end),
        )

    def heard(self, message: bytes, time_s: float, port: int) -> None:
        """Take in a message that an input received at `time_s` of the shared clock."""
        time_s = self._time.at_s(time_s)
        if message[0] & 0xF0 == SYSTEM:
            if port == self._settings.sync_input:
                self._heed(self._time.follow(message, time_s), time_s)
            return
        quarters = self._beat.quarters_at(time_s)
        if self._settings.thru is not None:
            self._outputs[self._settings.thru].play(message, time_s)
        if is_note_on(message) and not self._is_playing_at(time_s):
            return  # no moment of the music is its own: all such notes would fall on the first beat
        self._tell(HeardMessage(quarters, message, port))
        self._minutes.heard(time_s, quarters, message, port)

    def panic(self) -> None:
        """Silence everything now; the performance goes on."""
        self._outputs.silence(self._clock.now())

    def close(self) -> None:
        """Silence everything and take leave of the recording; ports stay open."""
        self.panic()
        self._outputs.stop_clocks(self._clock.now())
        self.tally.publish(self._board)
        self.take()
        after_sent = math.nextafter(self._board.sent_quarters, math.inf)
        end = self._end if self._is_over else after_sent
        self._minutes.end(self._clock.now(), end, self._agenda.take_all())

    def _is_playing_at(self, time_s: float) -> bool:
        return self._beat.is_running and time_s >= self._begins_s

    # Sending.

    def _handover_s(self, planned: Planned) -> float:
        due_s = self._beat.due_s(planned.time_quarters) + planned.delay_s
        return due_s - self._outputs[planned.port].lead_s

    def _send_due(self, now_s: float) -> bool:
        """Send what is due, as far as it isn't held; whether something is."""
        held: list[Entry] = []
        while (entry := self._agenda.pop(now_s)) is not None:
            quarters = entry.planned.time_quarters
            if self._horizon.is_frozen(quarters) or not self._board.claim(quarters):
                held.append(entry)
            elif len(self._plans):
                # It came before we claimed: it may be the end of a hold, and retract this.
                self._put_back([entry, *held])
                held = []
                self.take()
            else:
                self._play(entry)
                now_s = max(now_s, self._clock.now())
        self._put_back(held)
        return bool(held)

    def _put_back(self, entries: list[Entry]) -> None:
        for entry in entries:
            self._agenda.put_back(entry)

    def _play(self, entry: Entry) -> None:
        planned, now_s = entry.planned, self._clock.now()
        message, port = planned.message, planned.port
        outlet, is_double = self._outputs[port], port in self._settings.doubles
        due_s = entry.time_s + outlet.lead_s
        is_beginning = is_note_on(message)
        if is_beginning and now_s - due_s > self._settings.late_s:
            outlet.skip(message)
            self.tally.dropped += not is_double
            self._minutes.dropped(now_s, planned, due_s)
            return
        self._playing, messages = message, self.tally.messages
        is_sent = outlet.play(message, due_s)
        self._playing = None
        if self.tally.messages > messages:  # not the end of a note that was left out
            self.tally.lateness.add(now_s - entry.time_s)
        self.tally.notes += is_beginning and is_sent and not is_double
        self._minutes.sent(now_s, planned, due_s)

    def _note_sent(self, port: int, message: bytes, due_s: float) -> None:
        self.tally.messages += 1
        if message is not self._playing:
            self._minutes.sent_besides(self._clock.now(), message, port, due_s)

    def _note_change(self, port: int, is_alive: bool, text: str) -> None:
        self._board.lead_s = self._outputs.lead_s
        self._report({"kind": "port", "port": port, "is_alive": is_alive, "text": text})

    # The clock.

    def _start(self) -> None:
        """Let the clock run, when something is settled and no other machine does it."""
        now_s = self._clock.now()
        may_start = not (self._has_begun or self._time.is_following)
        if may_start and self._horizon.is_ahead_of(now_s):
            begins_s = now_s + self._settings.start_s + self._outputs.lead_s
            self._time.start(begins_s)
            self._began(begins_s)

    def _began(self, at_s: float) -> None:
        self._has_begun, self._begins_s = True, at_s
        self._outputs.begin(self._beat.due_s(0.0), self._beat.tempo_bpm)
        self._agenda.reschedule()

    def _heed(self, happened: Moved | Transport | None, now_s: float) -> None:
        """Take in what another machine's clock has done to ours."""
        if isinstance(happened, Moved):
            # All that isn't sent yet is kept back until the sampler answers.
            self._outputs.release(now_s)
            first_unsent = math.nextafter(self._board.sent_quarters, math.inf)
            at_quarters = max(happened.at_quarters, first_unsent)
            self._horizon.freeze(at_quarters)
            self._tell(Moved(at_quarters, happened.to_quarters))
            self._outputs.move_clocks(happened.to_quarters, now_s)
        elif happened is not None:
            if happened.name == "stop":
                self._outputs.release(now_s)
                self._outputs.stop_clocks(now_s)
            self._tell(happened)
        if self._beat.is_running:
            self._outputs.resume_clocks()
            if not self._has_begun:
                self._began(now_s)
        self._agenda.reschedule()

    # Looking after things.

    def _watch(self, now_s: float) -> None:
        """End what sounds when the sampler has fallen behind; notice when it has caught up."""
        has_stalled = self._horizon.has_stalled(now_s) if self._has_begun else None
        if has_stalled:
            self.tally.stalls += 1
            self._outputs.release(now_s)
            self._report({"kind": "stalled", "text": "The sampler fell behind: silence."})
        elif has_stalled is False:
            self._report({"kind": "caught up", "text": "The sampler has caught up."})

    def _check(self, now_s: float) -> None:
        self._next_check_s = now_s + CHECK_S
        self._outputs.check(now_s)
        if self._time.is_lost(now_s):
            self._report({"kind": "clock", "text": "The MIDI clock that was followed is gone."})
            here = self._beat.quarters_at(now_s)
            self._heed(None if self._beat.is_running else Transport("stop", here), now_s)
        elif self._time.is_linked and self._horizon.is_ahead_of(now_s):
            self._heed(self._time.poll(), now_s)
        self.tally.publish(self._board)

    def _tell(self, record: HeardMessage | Moved | Transport) -> None:
        if not self._heard_ring.push(encode(record)):
            self.tally.unheard += 1
        self._notify()
