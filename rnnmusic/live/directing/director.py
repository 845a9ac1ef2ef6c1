"""Director: the sampler's brain. Events in, plans out, and nothing else: no clock, no chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.errors import RnnMusicError, UsageError
from rnnmusic.live.directing.conducting import Conducting
from rnnmusic.live.directing.count_in import clicks
from rnnmusic.live.directing.outgoing import REPLIES, SETTING, Outgoing
from rnnmusic.live.directing.priming import as_score
from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.directing.stage import Stage
from rnnmusic.live.directing.voices import Voice
from rnnmusic.live.events import Event, Extend, Heard, Moved, Ordered, Turned
from rnnmusic.live.listening import make_mode
from rnnmusic.live.listening.keys import Keys
from rnnmusic.live.listening.modes import Mode, Partner
from rnnmusic.live.listening.taps import Taps
from rnnmusic.live.messages import program_change
from rnnmusic.live.performing.performer import Performer
from rnnmusic.live.performing.sampled_ahead import FREEZE, LOOP
from rnnmusic.live.plan import Plan, Planned
from rnnmusic.live.steering.bindings import Binding, Source
from rnnmusic.live.steering.control_map import ControlMap
from rnnmusic.live.steering.orders import Argument, Turn, parse_action
from rnnmusic.live.steering.presets import BUILT_IN
from rnnmusic.sampling.controls import CONTROLS, NONE, Value, control_named
from rnnmusic.sampling.steering import Steering
from rnnmusic.sampling.stepper import Stepper

#: What is older can't be changed any more, whatever happens.
KEPT_QUARTERS = 64.0
#: How much of what has been taken back is sampled again before a change is answered.
AT_ONCE_QUARTERS = 0.5


class Director:
    """Decides what is played: `handle` takes what happens, in order, and returns what changes.

    A function of its settings, the generators that `load` gives by name, and the events: the same
    ones give the same plans to the bit. What a performer does wrongly changes nothing and becomes
    a notice, one sentence: `handle` doesn't raise for it.

    RnnMusicError when it can't be set up: a checkpoint that isn't there, an encoding that can't be
    steered, a prime without a note that it knows.
    """

    def __init__(self, settings: DirectorSettings, load: Callable[[str], Stepper]) -> None:
        self._settings = settings
        self._voices = settings.routing()
        self._steering = settings.steering
        self._beat = {"tempo": settings.tempo_bpm, "swing": settings.swing}
        self._taps = Taps()
        self._controls = ControlMap(settings.bindings)
        self._now_quarters = 0.0  # nothing before it can be changed any more
        self._horizon_quarters = settings.start_quarters
        self._notices: list[str] = []
        self._said: set[str] = set()  # by the performer, since something else was asked of it
        self._clock: list[tuple[str, float]] = []
        if settings.adapt or settings.adapt_cell:
            from rnnmusic.sampling.adaptation import adaptive

            load = adaptive(load, readout=settings.adapt, poles=settings.adapt_cell)
        stepper = load(settings.checkpoint)
        self._keys = Keys(*_range(stepper), [channel - 1 for channel in settings.listen_to])
        self._stage = Stage(
            self._performer(stepper),
            Outgoing(self._voices, settings.hands()),
            self._mode(settings.mode),
            settings.end_quarters,
        )
        self._conducting = Conducting(self._stage, settings.quarters_per_bar, load)
        for voice in self._voices.all:
            self._choose_program(voice, settings.start_quarters)
        delay_s = settings.hands().mean_delay_s  # as all notes have it
        for planned, rank in clicks(
            settings.count_in_bars, settings.quarters_per_bar, settings.quarters_per_beat
        ):
            self._stage.outgoing.say(planned._replace(delay_s=delay_s), rank)

    @property
    def end_quarters(self) -> float:
        """Where the performance ends; infinite for never. A jump of the clock moves it."""
        return self._stage.end_quarters

    def describe(self) -> dict[str, Any]:
        """How things stand, for a view: mode, controls, what is being learned, what was ordered."""
        activity = self._stage.performer.activity
        return {
            "mode": self._stage.mode.name,
            "is_frozen": activity == FREEZE,
            "is_looping": activity == LOOP,
            "is_adapting": self._stage.performer.is_adapting,
            "controls": self._values(),
            "learning": self._controls.learning,
            "checkpoint": self._conducting.checkpoint or self._settings.checkpoint,
        }

    def handle(self, event: Event) -> Plan:
        """What an event changes in what is planned."""
        self._notices, self._clock = [], []
        try:
            if isinstance(event, Extend):
                self._extend(event.until_quarters)
            else:
                self._change(event)
        except RnnMusicError as error:
            self._notices.append(str(error))
        return self._plan()

    # -- events ----------------------------------------------------------------------------

    def _extend(self, until: float) -> None:
        self._horizon_quarters = max(self._horizon_quarters, until)
        self._stage.extend(until)
        self._stage.outgoing.forget(self._stage.settled_quarters - KEPT_QUARTERS)

    def _change(self, event: Heard | Turned | Ordered | Moved) -> None:
        self._now_quarters = at = max(self._now_quarters, event.at_quarters)
        try:
            if isinstance(event, Heard):
                self._hear(event, at)
            elif isinstance(event, Turned):
                self._turn(event.name, event.value, at)
            elif isinstance(event, Ordered):
                self._order(event.name, event.arguments, at)
            else:
                self._move(at, event.to_quarters)
        finally:
            # Enough to play on; the rest is sampled again when it is asked for.
            self._stage.extend(min(self._horizon_quarters, self._now_quarters + AT_ONCE_QUARTERS))

    def _hear(self, event: Heard, at: float) -> None:
        learning = self._controls.learning
        action = self._controls.hear(event.message, self._values())
        if learning is not None and self._controls.learning is None:
            self._notices.append(f"That controller turns {learning} now.")
        if isinstance(action, Turn):
            self._turn(action.name, action.value, at)
        elif action is not None and action.name == "tap":
            self._tap(event.played_quarters, at)
        elif action is not None:
            self._order(action.name, action.arguments, at)
        if self._controls.claims(event.message):
            return
        touch = self._keys.hear(event.message, max(0.0, event.played_quarters), event.port)
        mode = self._stage.mode
        if not mode.hears:
            return
        mode.hear(touch, at, self._keys)
        partner = Partner(self._stage.performer.answer, self._steering.polyphony)
        replies = mode.reply(touch, at, partner)
        self._reply(replies)
        if touch.notes or replies:
            self._stage.amend((*touch.notes, *replies), at)
        self._stage.take_turns(at)

    def _turn(self, name: str, value: Value, at: float) -> None:
        self._said.clear()
        control = control_named(name)
        parsed = control.parse(value)
        if control.owner == "clock":
            self._beat[name] = float(parsed or 0.0)  # never None
            self._clock.append((name, self._beat[name]))
            return
        before, self._steering = self._steering, self._steering.turned(name, parsed)
        if self._steering == before:
            return
        stage = self._stage
        stage.performer.steering = self._audible(self._steering)
        if name == "program":
            for voice in self._voices.all:
                if voice.program is None:
                    self._choose_program(voice, at)
        elif name == "loudness":
            stage.outgoing.change_loudness(at, self._steering.loudness)
        else:
            stage.revise(at)

    def _tap(self, played: float, at: float) -> None:
        tempo_bpm = self._taps.tap(played, self._beat["tempo"])
        if tempo_bpm is not None:
            low, high = CONTROLS["tempo"].low, CONTROLS["tempo"].high
            self._turn("tempo", min(max(tempo_bpm, low), high), at)

    def _order(self, name: str, arguments: Sequence[Argument], at: float) -> None:
        self._said.clear()
        if self._conducting.knows(name):
            self._conducting.order(name, arguments, at)
            if name == "swap":
                self._notices.append(f"{arguments[0]} takes over.")
            if self._conducting.stepper is not None:
                self._keys.lowest_pitch, self._keys.highest_pitch = _range(self._conducting.stepper)
            return
        action = parse_action(name, arguments)
        if isinstance(action, Turn):
            self._turn(action.name, action.value, at)
        elif action.name == "mode":
            self._change_mode(str(action.arguments[0]), at)
        elif action.name == "preset":
            self._load_preset(str(action.arguments[0]), at)
        elif action.name == "learn":
            name = str(action.arguments[0])
            self._controls.learn(None if name in NONE else name)
        elif action.name == "bind":
            source, binding = map(str, action.arguments)
            self._controls.bind(Source.parse(source), Binding.parse(binding))
        else:
            raise UsageError("A tap counts when it is played on a pad, or given to the engine.")

    def _change_mode(self, name: str, at: float) -> None:
        mode, ends = self._mode(name), self._stage.mode.leave(at)
        self._reply(ends)
        if not mode.hears:  # that keys come up, either: the model would hear them held for ever
            ends = [*ends, *(NoteMessage(at, pitch, 0) for pitch in self._keys.held)]
        if ends:
            self._stage.amend(ends, at)
        self._stage.change_mode(mode, at)

    def _load_preset(self, name: str, at: float) -> None:
        if name not in BUILT_IN:  # a file may be another one when the performance is replayed
            raise UsageError(
                f"There is no built-in preset {name!r}; there are {', '.join(BUILT_IN)}."
            )
        for action in BUILT_IN[name].actions:
            if isinstance(action, Turn):
                self._turn(action.name, action.value, at)
            else:
                self._order(action.name, action.arguments, at)

    def _move(self, at: float, to: float) -> None:
        self._stage.jump(at, to)
        self._now_quarters = to
        self._horizon_quarters = max(self._horizon_quarters, to)

    # -- what it consists of -------------------------------------------------------------------

    def _plan(self) -> Plan:
        stage = self._stage
        for notice in stage.performer.take_notices():
            if notice not in self._said:
                self._notices.append(notice)
                self._said.add(notice)
        has_ended = stage.settled_quarters >= stage.end_quarters
        retract, messages = stage.outgoing.plan(
            stage.settled_quarters, stage.end_quarters if has_ended else None
        )
        return Plan(
            math.inf if has_ended else stage.settled_quarters,
            messages,
            retract,
            tuple(self._clock),
            tuple(self._notices),
        )

    def _audible(self, steering: Steering) -> Steering:
        """The steering without what drums don't have: keys and chords."""
        return replace(steering, key=None, chord=None) if self._voices.only_drums else steering

    def _values(self) -> dict[str, Value]:
        """What all controls are turned to."""
        return {**self._steering.to_dict(), **self._beat}

    def _reply(self, notes: list[NoteMessage]) -> None:
        self._stage.outgoing.play(notes, self._steering.loudness, REPLIES)

    def _choose_program(self, voice: Voice, at: float) -> None:
        program = self._steering.program if voice.program is None else voice.program
        if program is not None and not voice.is_drums:
            message = program_change(voice.channel, program)
            self._stage.outgoing.say(Planned(at, message, port=voice.port), SETTING)

    def _mode(self, name: str) -> Mode:
        settings = self._settings
        return make_mode(
            name,
            phrases=settings.phrases,
            harmony_voices=settings.harmony_voices,
            quarters_per_bar=settings.quarters_per_bar,
        )

    def _performer(self, stepper: Stepper) -> Performer:
        settings = self._settings
        performer = Performer(
            stepper,
            seed=settings.seed,
            steering=self._audible(self._steering),
            quarters_per_bar=settings.quarters_per_bar,
        )
        if settings.prime:
            prime = as_score(settings.prime, settings.quarters_per_bar)
            heard = stepper.encoding.encode(prime)
            performer.prime(heard.steps, heard.clock)
        return performer


def _range(stepper: Stepper) -> tuple[int, int]:
    """The lowest and the highest pitch that a model knows."""
    encoding = stepper.encoding
    return getattr(encoding, "lowest_pitch", 0), getattr(encoding, "highest_pitch", 127)
