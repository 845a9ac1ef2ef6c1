"""The process that sends: it owns ports and clock, and closes every note whoever else dies."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from time import sleep
from types import FrameType
from typing import Any

from rnnmusic.errors import RnnMusicError
from rnnmusic.live.exchange.bell import drain, ring
from rnnmusic.live.exchange.line import Line
from rnnmusic.live.exchange.shared import Shared, SharedHandle
from rnnmusic.live.ports import open_input, open_output
from rnnmusic.live.ports.protocol import OutputPort, TimeSource
from rnnmusic.live.sending.realtime import Housekeeper, ask_for_fifo, awake_cores, prepare
from rnnmusic.live.sending.sender import LATE_S, Sender, SenderSettings
from rnnmusic.live.sending.timekeeper import Timekeeper
from rnnmusic.live.session.writer import SessionWriter
from rnnmusic.live.signals import exit_at_once, leave_signals_to_the_parent
from rnnmusic.live.timing import link
from rnnmusic.live.timing.beat import STRAIGHT, BeatClock
from rnnmusic.live.timing.clock import MonotonicClock
from rnnmusic.live.timing.follow import ClockFollower

#: Messages and commands are waited for until this long before the next deadline; such a wait may
#: last a millisecond longer than it should.
NEAR_S = 0.002
#: What comes in is never left waiting longer than this, however much is to be sent.
PATIENCE_S = 0.005
#: A sleep ends so much before the deadline, since most end up to 0.1 ms too late, some 0.5.
AWAKE_S = 0.0005
#: What it takes to get from the agenda to a port; a message is reached for so much earlier.
REACH_S = 15e-6
#: Recordings are written down when there is so much time until the next deadline.
QUIET_S = 0.01
TERMINATED = 128 + signal.SIGTERM


@dataclass(frozen=True)
class SenderConfig:
    """What the sender is told at its start.

    outputs, inputs: specs as `open_output` and `open_input` take them. thru: the output that also
    plays what is heard. sync_input: the input whose MIDI clock sets the tempo; is_linked: whether
    Ableton Link does; without either, `tempo_bpm` and plans do. clock_out: the outputs that are
    sent MIDI clock. start_quarters: the first moment, negative for a count-in. lead_s: the least
    lead of outputs that play ahead. late_s: a note later than this is left out. session: the
    folder to record to. priority: of SCHED_FIFO; None: don't ask for it.
    """

    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    thru: int | None = None
    sync_input: int | None = None
    is_linked: bool = False
    clock_out: tuple[int, ...] = ()
    doubles: tuple[int, ...] = ()
    tempo_bpm: float = 120.0
    swing: float = STRAIGHT
    start_quarters: float = 0.0
    quarters_per_bar: float = 4.0
    lead_s: float = 0.0
    late_s: float = LATE_S
    session: str | None = None
    priority: int | None = 60


def run_sender(
    config: SenderConfig, handle: SharedHandle, sampler: socket.socket, parent: Connection
) -> None:
    """Send until the performance is over, the parent says stop, or another process is gone.

    sampler: a socket whose bytes mean "look into the ring" and whose end means that the sampler is
    gone. parent: JSON messages; in: {"do": "stop" | "panic" | "status"}; out: {"kind": "ready",
    "priority": ..., "outputs": [...], "inputs": [...]}, "status", "port", "stalled", "caught up",
    "clock", "notice", "error" (with "exit_code") and at the end "result". The process ends here:
    0, 143 after SIGTERM, else the error's exit code.
    """
    exit_at_once(_Process(config, handle, sampler, parent).run())


class _Process:
    def __init__(
        self,
        config: SenderConfig,
        handle: SharedHandle,
        sampler: socket.socket,
        parent: Connection,
    ) -> None:
        self._config, self._handle = config, handle
        self._sampler, self._parent = sampler, parent
        self._line = Line(parent)
        self._inbox: deque[tuple[bytes, float, int]] = deque()  # filled by the drivers' threads
        self._bell, self._rope = socket.socketpair()
        for end in (sampler, self._bell, self._rope):
            end.setblocking(False)
        self._is_leaving = self._is_orphaned = False
        self._watcher: threading.Thread | None = None
        self._exit_code = 0

    def run(self) -> int:
        leave_signals_to_the_parent()
        signal.signal(signal.SIGTERM, self._terminate)
        signal.set_wakeup_fd(self._rope.fileno(), warn_on_full_buffer=False)
        try:
            with ExitStack() as stack:
                self._play(stack)
        except RnnMusicError as error:
            self._fail(str(error), error.exit_code)
        except Exception as error:
            text = f"This is a defect of rnnmusic: {type(error).__name__}: {error}."
            self._fail(text, RnnMusicError.exit_code)
        self._line.close()
        return self._exit_code

    def _play(self, stack: ExitStack) -> None:
        config = self._config
        shared = stack.enter_context(Shared.attach(self._handle))
        self._lifeline = self._handle.lifeline()
        granted = "not asked for" if config.priority is None else ask_for_fifo(config.priority)
        outputs = [self._opened(stack, open_output, spec) for spec in config.outputs]
        clock = _clock_of(outputs)
        recorder = None
        if config.session is not None:
            recorder = SessionWriter(config.session, who="sender", start_s=clock.now())
            stack.callback(recorder.close)
        sender = self._make_sender(shared, outputs, clock, recorder)
        try:
            inputs = [
                self._opened(
                    stack,
                    partial(open_input, hears_clock=index == config.sync_input),
                    spec,
                    self._hearer(index),
                )
                for index, spec in enumerate(config.inputs)
            ]
            prepare()
            stack.enter_context(awake_cores())
            self._line.say(
                "ready",
                priority=granted,
                outputs=[port.name for port in outputs],
                inputs=[port.name for port in inputs],
            )
            self._loop(sender, clock, shared, recorder)
        finally:
            sender.close()
        self._line.say("result", **sender.tally.result(), priority=granted)

    def _opened(self, stack: ExitStack, open_port: Callable[..., Any], *given: Any) -> Any:
        port = open_port(*given)
        stack.callback(port.close)
        return port

    def _make_sender(
        self,
        shared: Shared,
        outputs: list[OutputPort],
        clock: TimeSource,
        recorder: SessionWriter | None,
    ) -> Sender:
        config = self._config
        now_s = clock.now()
        beat = BeatClock(
            tempo_bpm=config.tempo_bpm,
            start_s=now_s,
            start_quarters=config.start_quarters,
            swing=config.swing,
        )
        beat.stop(now_s)
        follower, linked, bar = None, None, config.quarters_per_bar
        if config.sync_input is not None:
            follower = ClockFollower(beat, quarters_per_bar=bar)
        elif config.is_linked:
            session = link.join(config.tempo_bpm, quarters_per_bar=bar)
            linked = link.LinkFollower(beat, session, quarters_per_bar=bar, now=clock.now)
        timekeeper = Timekeeper(
            beat,
            clock,
            shared.board,
            shared_clock=None if isinstance(clock, MonotonicClock) else MonotonicClock(),
            follower=follower,
            link=linked,
            recorder=recorder,
        )

        def report(fields: dict[str, Any]) -> None:
            self._line.say(**fields)
            if recorder is not None:
                recorder.notice(clock.now(), fields["text"])

        return Sender(
            clock,
            timekeeper,
            outputs,
            shared.board,
            shared.plans,
            shared.heard,
            SenderSettings(
                thru=config.thru,
                sync_input=config.sync_input,
                clock_out=config.clock_out,
                doubles=config.doubles,
                lead_s=config.lead_s,
                late_s=config.late_s,
            ),
            report,
            notify=partial(ring, self._sampler),
            recorder=recorder,
        )

    def _loop(
        self, sender: Sender, clock: TimeSource, shared: Shared, recorder: SessionWriter | None
    ) -> None:
        housekeeper, attended_s = Housekeeper(), clock.now()
        while not (self._is_leaving or shared.board.is_stopping):
            # The last moments before a deadline are spent in here, again and again: that is more
            # exact than any sleep, and finds code and data in the processor's cache.
            next_s = sender.advance(clock.now() + REACH_S)
            if sender.is_over:
                return
            now_s = clock.now()
            left_s = next_s - now_s
            if left_s > QUIET_S:
                if recorder is not None:
                    recorder.flush_if_due(now_s)
                housekeeper.tidy(now_s, left_s)
                left_s = next_s - clock.now()
            if left_s > NEAR_S or now_s - attended_s > PATIENCE_S:
                self._attend(sender, max(0.0, left_s - NEAR_S))
                attended_s = clock.now()
            elif self._inbox:
                self._hear(sender)
            elif left_s > AWAKE_S:
                sleep(left_s - AWAKE_S)

    def _attend(self, sender: Sender, timeout_s: float) -> None:
        """Wait for messages, commands and the end of other processes."""
        for ready in wait([self._sampler, self._parent, self._bell], timeout_s):
            if ready is self._sampler:
                if not drain(self._sampler):
                    self._is_orphaned = True
                elif self._watcher is None:  # it has taken hold of its lifeline before it spoke
                    self._watcher = threading.Thread(target=self._watch, daemon=True)
                    self._watcher.start()
            elif ready is self._bell:
                drain(self._bell)
            else:
                self._obey(sender)
        self._hear(sender)
        if self._is_orphaned and not self._is_leaving:
            self._is_leaving = True
            sender.panic()
            self._line.say("notice", text="The sampler is gone; every note was closed.")

    def _hear(self, sender: Sender) -> None:
        while self._inbox:
            sender.heard(*self._inbox.popleft())

    def _watch(self) -> None:
        """Wait for the sampler's death, in a thread of its own."""
        if self._lifeline.has_died():
            self._is_orphaned = True
            ring(self._rope)

    def _obey(self, sender: Sender) -> None:
        try:
            while self._parent.poll():
                command = json.loads(self._parent.recv_bytes())["do"]
                if command == "stop":
                    self._is_leaving = True
                elif command == "panic":
                    sender.panic()
                elif command == "status":
                    self._line.say("status", **sender.status())
        except (EOFError, OSError):  # the parent is gone
            self._is_leaving = True

    def _hearer(self, port: int) -> Callable[[bytes, float], None]:
        """What the input with this number calls, from its driver's thread."""

        def hear(message: bytes, time_s: float) -> None:
            self._inbox.append((message, time_s, port))
            ring(self._rope)

        return hear

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        self._is_leaving, self._exit_code = True, TERMINATED

    def _fail(self, text: str, exit_code: int) -> None:
        self._exit_code = exit_code
        self._line.say("error", text=text, exit_code=exit_code)


def _clock_of(outputs: list[OutputPort]) -> TimeSource:
    """The clock that an output insists on, else the machine's."""
    return next((port.clock for port in outputs if port.clock is not None), MonotonicClock())
