"""Engine: a performance by two processes, one that samples and one that sends."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Self

from rnnmusic.errors import DeviceError, InputError, RnnMusicError, UsageError
from rnnmusic.live.crew import Member, nothing_to_import
from rnnmusic.live.directing.sampler_process import SamplerConfig, run_sampler
from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.exchange.shared import Shared
from rnnmusic.live.ports import panic
from rnnmusic.live.ports.opening import JACK, VIRTUAL
from rnnmusic.live.sending.sender_process import SenderConfig, run_sender
from rnnmusic.live.session import writer
from rnnmusic.live.steering import presets
from rnnmusic.live.steering.orders import Call
from rnnmusic.live.timing.tap import TapTempo

#: A sender that doesn't leave by then is ended by force; drivers can hang.
LEAVE_S = 4.0
#: The same when a sound file has to be rendered at the end.
RENDER_S = 600.0
#: How often `poll` asks the sender what sounds.
STATE_EVERY_S = 0.1
_ERRORS = {error.exit_code: error for error in (UsageError, InputError, DeviceError)}


@dataclass(frozen=True)
class EngineSettings:
    """A whole performance; JSON-able with `to_dict`, and written to its session.

    outputs, inputs: port specs as `open_output` and `open_input` take them; an output that no
    voice goes to plays what the first one plays. sync: whose tempo:
    "internal", "midi" (the clock of `sync_input`, else of the first input) or "link". clock_out:
    outputs of ours that get MIDI clock. thru: whether what is played is passed to the first
    output. lead_s: how long before they are due notes are handed to outputs that play ahead (JACK,
    a sound card), at least; what is handed over can't be taken back. session: a new folder to
    record to. priority: of the sender, as SCHED_FIFO has it; None: don't ask for it.
    """

    director: DirectorSettings
    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    sync: str = "internal"
    sync_input: str | None = None
    clock_out: tuple[str, ...] = ()
    thru: bool = False
    lead_s: float = 0.0
    session: str | None = None
    priority: int | None = 60

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a session keeps them."""
        return {**asdict(self), "director": self.director.to_dict()}


@dataclass(frozen=True)
class EngineReport:
    """How a performance went: counts of the sender, and why it ended.

    notes: notes begun. dropped: notes that would have come too late. stalls: how often nothing
    was planned in time. lateness_*_us: from when a message was to be handed to its port until it
    was. priority: what the system granted the sender, in words. reason: a sentence.
    """

    notes: int = 0
    messages: int = 0
    dropped: int = 0
    stalls: int = 0
    lateness_p50_us: float = 0.0
    lateness_p99_us: float = 0.0
    lateness_max_us: float = 0.0
    priority: str = ""
    reason: str = ""


class Engine:
    """Plays until its end, `stop` or a failure; a context manager that stops it.

    Its calls return at once: they are messages to the two processes. What these have to say comes
    from `poll` as dictionaries with a "kind".
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._taps = TapTempo()
        self._shared: Shared | None = None
        self._crew: dict[str, Member] = {}
        self._state_asked_s = -math.inf
        self._early: list[dict[str, Any]] = []  # said before anyone could ask
        self._outputs: tuple[str, ...] = ()
        self._result: dict[str, Any] = {}
        self._reason = ""

    @property
    def is_running(self) -> bool:
        """Whether the sender still plays."""
        return "sender" in self._crew and not self._crew["sender"].is_gone

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the ports that it plays to are called; none before it has started."""
        return self._outputs

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of "sender" and "sampler" while they are there."""
        return {name: member.process.pid or 0 for name, member in self._crew.items()}

    def start(self) -> None:
        """Start both processes; return when the first notes are planned.

        An RnnMusicError of the kind that stopped it, with everything taken down again: no such
        port, no such checkpoint, a folder that holds something already.
        """
        settings = self._settings
        if settings.director.output_count > len(settings.outputs):
            raise UsageError(
                f"A voice goes to output {settings.director.output_count}, and there are "
                f"{len(settings.outputs)}; give one --out for each."
            )
        if settings.session is not None:
            writer.create(settings.session, settings.to_dict())
        self._shared = Shared.create()
        handle = self._shared.handle
        sampler_end, sender_end = socket.socketpair()
        try:
            with sampler_end, sender_end, nothing_to_import():
                self._crew["sender"] = Member(
                    "sender", run_sender, self._sender_config(), handle, sender_end
                )
                self._crew["sampler"] = Member(
                    "sampler",
                    run_sampler,
                    SamplerConfig(settings.director, settings.session),
                    handle,
                    sampler_end,
                )
            self._await_ready()
            self._shared.hide()
        except BaseException:
            self.stop()
            raise

    def turn(self, name: str, value: float | int | str | None) -> None:
        """Give a control a value; what is wrong with it comes back as a notice."""
        self._tell("sampler", do="turn", name=name, value=value)

    def order(self, name: str, *arguments: float | int | str) -> None:
        """Give a command, one of `orders.ORDERS`; InputError for a preset that isn't one.

        A preset is taken apart here: a session remembers what was in its file, not the file.
        """
        if name != "preset":
            self._tell("sampler", do="order", name=name, arguments=list(arguments))
            return
        for action in presets.load(str(arguments[0])).actions:
            if isinstance(action, Call):
                self.order(action.name, *action.arguments)
            else:
                self.turn(action.name, action.value)

    def tap(self) -> None:
        """A tap of the tempo, now."""
        tempo_bpm = self._taps.tap(time.monotonic())
        if tempo_bpm is not None:
            self.turn("tempo", tempo_bpm)

    def panic(self) -> None:
        """Silence everything that sounds; the performance goes on."""
        self._tell("sender", do="panic")

    def poll(self, timeout_s: float = 0.0) -> list[dict[str, Any]]:
        """What the processes have said since, waited for so long."""
        now_s = time.monotonic()
        if now_s - self._state_asked_s >= STATE_EVERY_S:
            self._state_asked_s = now_s
            self._tell("sender", do="status")
        messages, self._early = self._early, []
        lines = [member.line for member in self._crew.values() if not member.is_gone]
        for line in wait(lines, timeout_s) if lines else ():
            member = next(m for m in self._crew.values() if m.line is line)
            said = member.receive()
            self._heed(member, said)
            messages += [_state(m) if m["kind"] == "status" else m for m in said]
        return messages

    def stop(self, reason: str = "") -> EngineReport:
        """End it: every note closed, both processes gone; how it went. May be called again."""
        self._reason = self._reason or reason
        shared, self._shared = self._shared, None
        if shared is not None:
            with shared:
                shared.board.stop()
                for name in self._crew:
                    self._tell(name, do="stop")
                for member in sorted(self._crew.values(), key=lambda m: m.name == "sampler"):
                    self._heed(member, member.see_off(self._patience_s(member)))
            self._look_after_outputs()
        return self.report()

    def report(self) -> EngineReport:
        """How it went, as far as the sender has told."""
        known = {field.name for field in fields(EngineReport)}
        told = {name: value for name, value in self._result.items() if name in known}
        return EngineReport(**told, reason=self._reason)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _sender_config(self) -> SenderConfig:
        settings, director = self._settings, self._settings.director
        outputs = list(dict.fromkeys((*settings.outputs, *settings.clock_out)))
        inputs = list(settings.inputs)
        played = {voice.port for voice in director.routing().all}
        sync_input = None
        if settings.sync == "midi":
            if settings.sync_input is not None and settings.sync_input not in inputs:
                inputs.append(settings.sync_input)
            if not inputs:
                raise UsageError(
                    "There is no input whose MIDI clock could be followed; give one with --in."
                )
            sync_input = 0 if settings.sync_input is None else inputs.index(settings.sync_input)
        return SenderConfig(
            outputs=tuple(outputs),
            inputs=tuple(inputs),
            thru=0 if settings.thru else None,
            sync_input=sync_input,
            is_linked=settings.sync == "link",
            clock_out=tuple(outputs.index(spec) for spec in settings.clock_out),
            doubles=tuple(n for n in range(1, len(settings.outputs)) if n not in played),
            tempo_bpm=director.tempo_bpm,
            swing=director.swing,
            start_quarters=director.start_quarters,
            quarters_per_bar=director.quarters_per_bar,
            lead_s=settings.lead_s,
            session=settings.session,
            priority=settings.priority,
        )

    def _await_ready(self) -> None:
        waiting, said = {"sender", "sampler"}, []
        while waiting:
            said += (heard := self.poll(0.1))
            for message in heard:
                if message["kind"] == "ready":
                    waiting.discard(message["from"])
                    self._crew[message["from"]].is_ready = True
                elif message["kind"] == "error":
                    raise _ERRORS.get(message.get("exit_code", 1), RnnMusicError)(message["text"])
            for member in self._crew.values():
                if member.is_gone and member.name in waiting:
                    raise RnnMusicError(f"The {member.name} ended before it could begin.")
        self._early = [message for message in said if message["kind"] != "state"]

    def _heed(self, member: Member, messages: list[dict[str, Any]]) -> None:
        """Keep what tells how the performance ended."""
        for message in messages:
            message["from"] = member.name
            if message["kind"] == "result":
                self._result = message
            elif message["kind"] == "ready" and member.name == "sender":
                self._outputs = tuple(message["outputs"])
            elif message["kind"] == "error":
                self._reason = self._reason or message["text"]
        if member.is_gone and not self._result and not self._reason:
            self._reason = f"The {member.name} is gone."

    def _patience_s(self, member: Member) -> float:
        """How long a process may take to leave."""
        if member.name == "sampler" and not member.is_ready:
            return 0.0  # it is busy loading its model, and has nothing to close
        renders = any(spec.lower().endswith(".wav") for spec in self._settings.outputs)
        return RENDER_S if renders else LEAVE_S

    def _look_after_outputs(self) -> None:
        """Do what a sender that was killed couldn't: end what it has left sounding."""
        sampler, sender = self._crew.get("sampler"), self._crew.get("sender")
        if sampler is not None and sampler.killer and not sampler.was_forced:
            self._reason = f"The sampler was ended by {sampler.killer}; every note was closed."
        if sender is None or not sender.is_ready or (killer := sender.killer) is None:
            return
        self._reason = f"The sender was ended by {killer}, so its outputs were silenced after it."
        if left := _silence(self._settings.outputs):
            self._reason = (
                f"The sender was ended by {killer}, and {', '.join(left)} can't be silenced from "
                "here: what plays there may still sound."
            )

    def _tell(self, whom: str, **command: Any) -> None:
        if whom in self._crew:
            self._crew[whom].send(command)


def _state(status: dict[str, Any]) -> dict[str, Any]:
    """What the sender says of itself, as a view wants it: pitches sounding, whatever the port."""
    return {
        **status,
        "kind": "state",
        "sounding": sorted({pitch for _, _, pitch in status["sounding"]}),
    }


def _silence(outputs: Sequence[str]) -> list[str]:
    """Silence outputs from outside; return those that can't be reached so."""
    left = []
    for spec in outputs:
        try:
            panic(spec)
        except UsageError:  # nothing can sound there, or on a port that went with its process
            if spec == JACK or spec.startswith(f"{VIRTUAL}:"):
                left.append(spec)
        except RnnMusicError:
            left.append(spec)
    return left
