"""The process that samples: it owns the model, and never lets the sender wait for it."""

from __future__ import annotations

import gc
import json
import math
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from rnnmusic.errors import RnnMusicError
from rnnmusic.live.directing.models import Models
from rnnmusic.live.events import Event, Extend, Heard, Moved, Ordered, Turned
from rnnmusic.live.exchange.bell import drain, ring
from rnnmusic.live.exchange.commit import MARGIN_S, CommitWindow
from rnnmusic.live.exchange.line import Line
from rnnmusic.live.exchange.shared import Shared, SharedHandle
from rnnmusic.live.exchange.wire import HeardMessage, Transport, decode
from rnnmusic.live.exchange.wire import Moved as ClockMoved
from rnnmusic.live.plan import Plan
from rnnmusic.live.session.writer import SessionWriter
from rnnmusic.live.signals import exit_at_once, leave_signals_to_the_parent

if TYPE_CHECKING:
    from rnnmusic.live.directing.director import Director
    from rnnmusic.live.directing.settings import DirectorSettings

#: How much is sampled at once: between two such pieces what happens is attended to.
GRAIN_QUARTERS = 0.125
#: Longest wait while nothing is to be done.
IDLE_S = 0.05
#: A session's lines are handed to the disk when there is so much time until the next step.
QUIET_S = 0.02


@dataclass(frozen=True)
class SamplerConfig:
    """What the sampler is told at its start. session: the folder it records its events to."""

    director: DirectorSettings
    session: str | None = None


def run_sampler(
    config: SamplerConfig, handle: SharedHandle, sender: socket.socket, parent: Connection
) -> None:
    """Sample until the performance is over, the parent says stop, or either of them is gone.

    sender: a socket whose bytes mean "look into the ring" and whose end means that the sender is
    gone. parent: JSON messages, {"do": "turn" | "order" | "stop", ...} in, {"kind": ...} out.
    """
    leave_signals_to_the_parent()
    line, exit_code = Line(parent), 0
    try:
        handle.lifeline().hold()
        with Shared.attach(handle) as shared:
            _Sampler(config, shared, sender, parent, line).run()
    except (EOFError, ConnectionError):  # whoever left, has left
        pass
    except RnnMusicError as error:
        exit_code = error.exit_code
        line.say("error", text=str(error), exit_code=exit_code)
    except Exception as error:
        exit_code = RnnMusicError.exit_code
        text = f"This is a defect of rnnmusic: {type(error).__name__}: {error}."
        line.say("error", text=text, exit_code=exit_code)
    line.close()
    exit_at_once(exit_code)  # taking torch apart would take longer than the music


class _Sampler:
    def __init__(
        self,
        config: SamplerConfig,
        shared: Shared,
        sender: socket.socket,
        parent: Connection,
        line: Line,
    ) -> None:
        self._settings, self._shared, self._board = config.director, shared, shared.board
        self._sender, self._parent, self._line = sender, parent, line
        sender.setblocking(False)
        self._window = CommitWindow(shared.board, shared.plans, partial(ring, sender))
        self._writer: SessionWriter | None = None
        self._problem: str | None = None
        if config.session is not None:
            self._writer = SessionWriter(config.session, who="sampler")
        self._models = Models(self._note_model)
        self._ready_quarters = -math.inf
        self._has_ended = False
        self._described: dict[str, Any] = {}
        self._answer_s = 0.0  # what an answer takes, on a running average

    def run(self) -> None:
        self._director = self._make_director()
        start = self._settings.start_quarters
        self._ready_quarters = start
        while self._ready_quarters < start + self._settings.lookahead_quarters:
            self._extend()
        # Garbage is sought in what the music makes only: going through all of torch takes 0.2 s.
        gc.collect()
        gc.freeze()
        self._line.say("ready", compiled=self._models.is_compiled)
        try:
            while not self._board.is_stopping and self._serve():
                pass
        finally:
            if self._writer is not None:
                self._writer.close()

    def _make_director(self) -> Director:
        from rnnmusic.live.directing.director import Director

        return Director(self._settings, self._models.load)

    def _serve(self) -> bool:
        """Do what is to be done next, or wait for it; False when there is nobody to serve."""
        while (data := self._shared.heard.pop()) is not None:
            self._hear(decode(data))
        while self._parent.poll():
            self._obey(json.loads(self._parent.recv_bytes()))
        for follow_up in self._models.arrived():
            follow_up()
        left_s = self._time_left_s()
        if left_s <= 0:
            self._extend()
            return True
        if self._writer is not None and left_s > QUIET_S:
            self._look_after(self._writer)
        for ready in wait([self._sender, self._parent, self._models.bell], min(left_s, IDLE_S)):
            if ready is self._sender and not drain(self._sender):
                return False
            if ready is self._models.bell:
                drain(self._models.bell)
        return True

    def _time_left_s(self) -> float:
        """Until the next step has to be sampled; infinite when all is."""
        _, _, quarters_per_s, _ = self._board.clock()
        handed_over = self._board.quarters_at(time.monotonic() + self._board.lead_s)
        ahead = self._ready_quarters - self._settings.lookahead_quarters - handed_over
        if ahead < 0:
            return 0.0
        return ahead / quarters_per_s if quarters_per_s else math.inf

    def _extend(self) -> None:
        self._handle_plain(Extend(self._ready_quarters + GRAIN_QUARTERS))

    def _hear(self, record: Any) -> None:
        match record:
            case HeardMessage(played_quarters, message, port):
                self._handle(lambda at: Heard(at, played_quarters, tuple(message), port))
            case ClockMoved(at_quarters, to_quarters):
                self._handle_plain(Moved(at_quarters, to_quarters), answers=record)
            case Transport(name, _):
                self._line.say("transport", name=name)

    def _obey(self, command: dict[str, Any]) -> None:
        if command["do"] == "turn":
            self._handle(lambda at: Turned(at, command["name"], command["value"]))
        elif command["do"] == "order":
            name, arguments = command["name"], tuple(command["arguments"])

            def order() -> None:
                self._handle(lambda at: Ordered(at, name, arguments))

            if name == "swap" and arguments:
                self._models.fetch(str(arguments[0]), order, lambda error: self._tell(str(error)))
            else:
                order()

    def _handle(self, make: Callable[[float], Event]) -> None:
        """Handle something that happens now: hold the sender at the boundary meanwhile."""
        began_s = time.monotonic()
        at_quarters = self._window.hold(began_s, max(MARGIN_S, 1.5 * self._answer_s))
        # Should this fail, the hold stays: nothing is sent that the recorded event has taken back.
        self._handle_plain(make(at_quarters))
        self._answer_s += (time.monotonic() - began_s - self._answer_s) / 8

    def _handle_plain(self, event: Event, answers: ClockMoved | None = None) -> None:
        if self._writer is not None:
            self._writer.event(event)
        plan = self._director.handle(event)
        self._ready_quarters = plan.ready_quarters
        self._window.commit(plan, answers)
        self._report(plan)

    def _report(self, plan: Plan) -> None:
        for text in plan.notices:
            self._tell(text)
        described = self._director.describe()
        if described != self._described:
            self._described = described
            self._line.say("steering", **described)
        if math.isinf(plan.ready_quarters) and not self._has_ended:
            self._has_ended = True
            self._window.end(self._director.end_quarters)

    def _tell(self, text: str) -> None:
        """Say a sentence to the performer, and note that it was said."""
        self._line.say("notice", text=text)
        if self._writer is not None:
            self._writer.notice(time.monotonic(), text)

    def _note_model(self, name: str, digest: str) -> None:
        if self._writer is not None:
            self._writer.model(name, digest)

    def _look_after(self, writer: SessionWriter) -> None:
        """Let the recording get to the disk; say once when the disk refuses it."""
        writer.flush_if_due(time.monotonic())
        if writer.problem != self._problem:
            self._problem = writer.problem
            self._line.say("notice", text=self._problem)
