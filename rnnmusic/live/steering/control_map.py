"""ControlMap: which knob, wheel, pedal or pad does what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnmusic.errors import UsageError
from rnnmusic.live.messages import CONTROL_CHANGE, NOTE_OFF, NOTE_ON, PROGRAM_CHANGE
from rnnmusic.live.steering.bindings import HIGHEST_CONTROLLER, Binding, Source
from rnnmusic.live.steering.orders import Action, Turn, parse_line
from rnnmusic.sampling.controls import Value

CHANNEL_PRESSURE, PITCH_BEND = 0xD0, 0xE0
#: A fader has caught up with a value when it is this close.
CAUGHT = 1.5 / 127

#: What does what unless something else is said. The wheel at rest leaves the model's own odds;
#: volume, expression and the pedals stay what they are.
DEFAULT_BINDINGS: dict[str, str] = {
    "cc 1": "temperature from 1 to 2.5",  # modulation wheel
    "cc 74": "density",  # brightness
    "cc 71": "note_length",  # timbre
    "cc 16": "pitch_temperature",  # general purpose 1 to 4
    "cc 17": "rhythm_temperature",
    "cc 18": "repetition_penalty",
    "cc 19": "top_p",
}


class ControlMap:
    """Turns what comes in from controllers into actions. The same messages do the same.

    A source of one channel goes before one of any. UsageError for bindings that make no sense.
    """

    def __init__(self, bindings: Mapping[str, str] = DEFAULT_BINDINGS) -> None:
        self._bindings: dict[Source, Binding] = {}
        self._shares: dict[Source, float] = {}  # where each fader stands
        self._given: dict[Source, Value] = {}  # what it last turned its control to
        self._pressed: set[Source] = set()
        self._learning: str | None = None
        for source, binding in bindings.items():
            if not isinstance(binding, str):
                raise UsageError(
                    f"The binding {source!r} is {binding!r}; give it in words, such as 'density', "
                    "'tempo from 90 to 140 pickup' or 'rewind 1'."
                )
            self.bind(Source.parse(source), Binding.parse(binding))

    @property
    def learning(self) -> str | None:
        """What the next controller that moves will be bound to."""
        return self._learning

    @property
    def bindings(self) -> dict[Source, Binding]:
        """A copy of what is bound."""
        return dict(self._bindings)

    def bind(self, source: Source, binding: Binding) -> None:
        """Bind a source, in place of what it did before; UsageError where it can't do that."""
        if binding.is_switch(source):
            if source.kind == "program":
                raise UsageError(f"A program change can't do {binding.target!r}; bind a note.")
            if not binding.is_line and binding.high is None:
                raise UsageError(
                    f"{source} is a switch for {binding.target}; say what to turn it to, as in "
                    f"'{binding.target} to VALUE'."
                )
        elif any(isinstance(end, str) for end in binding.ends or ()):
            raise UsageError(
                f"{source} moves and can't do '{binding}'; go from one number to another, or "
                "bind notes."
            )
        for table in (self._shares, self._given):
            table.pop(source, None)
        self._pressed.discard(source)
        self._bindings[source] = binding

    def unbind(self, target: str) -> None:
        """Let go of every source of a control or line."""
        kept = {s: b for s, b in self._bindings.items() if b.target != target}
        self._bindings = kept

    def learn(self, target: str | None) -> None:
        """Bind the next controller that moves to a control or a line; None: leave it.

        A line also takes a note. UsageError when there is no such target.
        """
        if target is not None:
            binding = Binding(target)
            if not binding.is_line and not binding.control.has_fader:
                raise UsageError(f"No knob can turn {target}; bind pads to its values in a preset.")
        self._learning = target

    def claims(self, message: Sequence[int]) -> bool:
        """Whether a message is bound, so that it isn't music: a pad's note, for one."""
        return self._bound(message) is not None

    def hear(
        self, message: Sequence[int], current: Mapping[str, Value] | None = None
    ) -> Action | None:
        """What a MIDI message of 1 to 3 bytes does; None when that is nothing.

        current: the controls' values, for pickup and so that nothing is turned to where it is.
        """
        if self._learning is not None and not self._learn(message):
            return None
        source = self._bound(message)
        if source is None:
            return None
        binding, share = self._bindings[source], _share(message)
        if binding.is_switch(source):
            return self._switch(source, binding, share >= 0.5)
        return self._move(source, binding, share, current)

    def to_dict(self) -> dict[str, str]:
        """JSON-able, and what `ControlMap` takes."""
        return {str(source): str(binding) for source, binding in self._bindings.items()}

    def _learn(self, message: Sequence[int]) -> bool:
        target = self._learning
        source = _source(message)
        if target is None or source is None or source.kind == "program":
            return False
        binding = Binding(target)
        if source.kind == "note" and not (binding.is_line and _share(message) > 0.0):
            return False
        self.bind(source, binding)
        self._learning = None
        return True

    def _bound(self, message: Sequence[int]) -> Source | None:
        source = _source(message)
        if source is None:
            return None
        of_any = Source(source.kind, source.number)
        return next((s for s in (source, of_any) if s in self._bindings), None)

    def _switch(self, source: Source, binding: Binding, is_down: bool) -> Action | None:
        if is_down == (source in self._pressed):
            return None
        if is_down:
            self._pressed.add(source)
            if binding.is_line:
                return parse_line(binding.target)
            return Turn(binding.target, binding.control.parse(binding.high))
        self._pressed.discard(source)
        if binding.low is None:
            return None
        return Turn(binding.target, binding.control.parse(binding.low))

    def _move(
        self, source: Source, binding: Binding, share: float, current: Mapping[str, Value] | None
    ) -> Action | None:
        name, control, ends = binding.target, binding.control, binding.ends
        before, self._shares[source] = self._shares.get(source), share
        given = self._given.get(source)
        is_known = current is not None and name in current
        now = current[name] if current is not None and is_known else given
        if binding.pickup and is_known and (source not in self._given or given != now):
            at = control.share(now, ends)
            passed = before is not None and (before - at) * (share - at) <= 0.0
            if not passed and abs(share - at) > CAUGHT:
                return None
        value = control.at(share, ends)
        if (is_known or source in self._given) and value == now:
            self._given[source] = value
            return None
        self._given[source] = value
        return Turn(name, value)


def _source(message: Sequence[int]) -> Source | None:
    """What moved, channel included."""
    kind, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
    if kind == CONTROL_CHANGE and len(message) == 3 and message[1] <= HIGHEST_CONTROLLER:
        return Source("cc", message[1], channel)
    if kind in (NOTE_ON, NOTE_OFF) and len(message) == 3:
        return Source("note", message[1], channel)
    if kind == PITCH_BEND and len(message) == 3:
        return Source("bend", None, channel)
    if kind == CHANNEL_PRESSURE and len(message) == 2:
        return Source("pressure", None, channel)
    if kind == PROGRAM_CHANGE and len(message) == 2:
        return Source("program", None, channel)
    return None


def _share(message: Sequence[int]) -> float:
    """How far something has moved, 0 to 1: the middle value (64, 8192) is exactly 1/2.

    A note is 0 or 1.
    """
    kind = message[0] & 0xF0
    if kind in (NOTE_ON, NOTE_OFF):
        return 1.0 if kind == NOTE_ON and message[2] else 0.0
    if kind == PITCH_BEND:
        value, middle = message[1] + 128 * message[2], 8192
    else:
        value, middle = message[-1], 64
    if value <= middle:
        return value / (2 * middle)
    return 0.5 + (value - middle) / (2 * (middle - 1))
