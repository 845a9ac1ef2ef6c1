"""The controls of a performance: what each is called, takes and does, for every way to turn it.

One table serves the command line's help, the keyboard, MIDI controllers, OSC and presets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from rnnmusic.errors import UsageError
from rnnmusic.sampling.scales import parse_chord, parse_key, parse_pitch

Value = float | int | str | None
Scaling = Literal["linear", "exponential", "steps"]
#: What a performer types to have none of something.
NONE = ("none", "off", "any", "-")
#: A nudge is this share of a fader's way.
NUDGE = 1 / 32


@dataclass(frozen=True)
class Control:
    """One thing that can be turned.

    kind: "number", "whole" number, "pitch" (a MIDI number or a name such as C4), "key" or "chord".
    low, high: what it takes, both included unless `is_above_low`. optional: whether None (text:
    "none", "off") is a value. fader: the two ends of a knob or fader, which may span less than
    the control takes; scaling: how its way lies between them. choices: what a knob steps through,
    when it doesn't go by numbers. owner: who carries it out, the sampler or the beat clock.
    """

    name: str
    kind: Literal["number", "whole", "pitch", "key", "chord"]
    default: Value
    help: str
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    fader: tuple[float, float] | None = None
    scaling: Scaling = "linear"
    choices: tuple[Value, ...] = ()
    is_above_low: bool = False
    optional: bool = False
    owner: Literal["sampler", "clock"] = "sampler"

    @property
    def ends(self) -> tuple[float, float]:
        """The two ends of a fader."""
        return self.fader or (self.low, self.high)

    @property
    def has_fader(self) -> bool:
        """Whether a knob or fader can turn it; a chord can only be named."""
        return bool(self.choices) or self.kind in ("number", "whole", "pitch")

    @property
    def takes(self) -> str:
        """What it takes, in words: "a number from 0 to 10"."""
        none = ", or none" if self.optional else ""
        if self.kind == "key":
            return "a key or scale such as C, Am, D dorian" + none
        if self.kind == "chord":
            return "a chord such as Am7, C/E, 'C4 E4 G4'" + none
        noun = {"number": "a number", "whole": "a whole number", "pitch": "a pitch"}[self.kind]
        if self.is_above_low:
            return f"{noun} above {self.low:g} and at most {self.high:g}{none}"
        return f"{noun} from {self.low:g} to {self.high:g}{none}"

    def parse(self, value: Any) -> Value:
        """The control's value of a number or of what was typed; UsageError for what it isn't."""
        text = value.strip() if isinstance(value, str) else None
        if value is None or (text is not None and text.lower() in NONE):
            if self.optional:
                return None
            raise self._refusal(value)
        if self.kind in ("key", "chord"):
            if text is None:
                raise self._refusal(value)
            harmony = parse_key(text) if self.kind == "key" else parse_chord(text)
            return harmony.name if harmony else None
        if self.kind == "pitch" and text is not None:
            number: float = parse_pitch(text)
        else:
            number = self._number(value)
        if self.kind != "number":
            if number != round(number):
                raise self._refusal(value)
            return round(number)
        return float(number)

    def at(self, share: float, ends: tuple[Value, Value] | None = None) -> Value:
        """The value at a share, 0 to 1, of a fader's way, from one of `ends` to the other."""
        share = min(1.0, max(0.0, share))
        if ends is None and self.choices:
            return self.choices[min(int(share * len(self.choices)), len(self.choices) - 1)]
        low, high = self._ends(ends)
        if self.scaling == "exponential" and low > 0.0 and high > 0.0:
            number = low * (high / low) ** share
        else:
            number = low + (high - low) * share
        # Four digits are finer than a 14-bit controller and can be read.
        return float(f"{number:.4g}") if self.kind == "number" else round(number)

    def share(self, value: Value, ends: tuple[Value, Value] | None = None) -> float:
        """Where a value lies on the fader, 0 to 1: the inverse of `at`, clipped to its ends."""
        if ends is None and self.choices:
            place = self.choices.index(value) if value in self.choices else 0
            return (place + 0.5) / len(self.choices)
        low, high = self._ends(ends)
        number = float(value) if isinstance(value, (int, float)) else low
        if low == high:
            return 0.0
        if self.scaling == "exponential" and low > 0.0 and high > 0.0:
            share = math.log(max(number, 1e-9) / low) / math.log(high / low)
        else:
            share = (number - low) / (high - low)
        return min(1.0, max(0.0, share))

    def nudged(self, value: Value, count: int) -> Value:
        """The value so many small steps up, or down: keys of a terminal."""
        if self.choices:
            place = self.choices.index(value) if value in self.choices else 0
            return self.choices[min(max(place + count, 0), len(self.choices) - 1)]
        if not self.has_fader:
            return value
        if self.kind != "number" and isinstance(value, (int, float)):
            return min(max(round(value) + count, round(self.low)), round(self.high))
        return self.at(round(self.share(value) / NUDGE + count) * NUDGE)

    def shown(self, value: Value) -> str:
        """The value as text that `parse` reads back."""
        if value is None:
            return "none"
        return f"{value:g}" if isinstance(value, float) else str(value)

    def _ends(self, ends: tuple[Value, Value] | None) -> tuple[float, float]:
        if ends is None:
            return self.ends
        return self._number(ends[0]), self._number(ends[1])

    def _number(self, value: Any) -> float:
        """A finite number in range."""
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        low_enough = number > self.low if self.is_above_low else number >= self.low
        if not (low_enough and number <= self.high):
            raise self._refusal(value)
        return number

    def _refusal(self, value: Any) -> UsageError:
        return UsageError(f"{self.name} was given {value!r}; it takes {self.takes}.")


def _factor(name: str, of_what: str) -> Control:
    text = f"Multiplies the temperature of {of_what}."
    return Control(name, "number", 1.0, text, 0.0, 10.0, "x", (0.25, 4.0), "exponential")


_TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_KEYS = (None, *(f"{t} major" for t in _TONICS), *(f"{t} minor" for t in _TONICS))


def _controls(*controls: Control) -> dict[str, Control]:
    return {control.name: control for control in controls}


#: Every control by its name.
CONTROLS: dict[str, Control] = _controls(
    Control(
        "temperature", "number", 1.0,
        "How freely it draws: 0 takes the likeliest, 1 the model's own odds, more is wilder.",
        0.0, 10.0, "", (0.25, 4.0), "exponential",
    ),
    _factor("pitch_temperature", "which notes begin"),
    _factor("rhythm_temperature", "when notes begin (events) or go on (rolls)"),
    _factor("velocity_temperature", "how loud each note is, where the model says so"),
    Control(
        "top_p", "number", 1.0,
        "Keeps only the likeliest values of each choice that reach this probability together.",
        0.0, 1.0, "", (0.5, 1.0), is_above_low=True,
    ),
    Control("density", "number", 0.0, "Fewer (-1) or more (1) notes than it would.", -1.0, 1.0),
    Control("note_length", "number", 0.0, "Shorter (-1) or longer (1) notes.", -1.0, 1.0),
    Control("lowest_pitch", "pitch", 0, "No note below this.", 0, 127, fader=(24, 108)),
    Control("highest_pitch", "pitch", 127, "No note above this.", 0, 127, fader=(24, 108)),
    Control(
        "key", "key", None, "Only notes of this key or scale.",
        scaling="steps", choices=_KEYS, optional=True,
    ),
    Control("chord", "chord", None, "Only notes of this chord.", scaling="steps", optional=True),
    Control(
        "polyphony", "whole", None, "At most so many notes at once.", 1, 128,
        scaling="steps", choices=(*range(1, 17), None), optional=True,
    ),
    Control(
        "repetition_penalty", "number", 0.0,
        "Taken off the log-odds of a pitch for each time it was among the latest notes.",
        0.0, 5.0, "nats", (0.0, 2.0),
    ),
    Control("loudness", "number", 1.0, "Multiplies velocities.", 0.0, 4.0, "x", (0.0, 2.0)),
    Control(
        "program", "whole", None, "The instrument: a General MIDI program, from 0.", 0, 127,
        scaling="steps", choices=tuple(range(128)), optional=True,
    ),
    Control(
        "tempo", "number", 120.0, "The beat's tempo.", 10.0, 400.0, "quarters a minute",
        (40.0, 240.0), "exponential", owner="clock",
    ),
    Control(
        "swing", "number", 0.5,
        "Where the second of two eighths falls in their quarter: 0.5 even, 0.67 a triplet's.",
        0.5, 0.75, owner="clock",
    ),
)  # fmt: skip


def control_named(name: str) -> Control:
    """The control of this name; UsageError that names them all when there is none."""
    control = CONTROLS.get(name)
    if control is None:
        raise UsageError(f"There is no control {name!r}; there are {', '.join(CONTROLS)}.")
    return control
