"""Bindings: a knob, wheel, pedal or pad, and what it does, as presets write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from rnnmusic.errors import UsageError
from rnnmusic.live.steering.orders import parse_line
from rnnmusic.sampling.controls import CONTROLS, Control, Value, control_named

Kind = Literal["cc", "note", "bend", "pressure", "program"]
#: Controllers from 120 on are channel mode messages: all sound off, all notes off.
HIGHEST_CONTROLLER = 119

_WORDS = re.compile(r"(cc|note|bend|pressure|program)(?: (\d{1,4}))?(?: channel (\d{1,4}))?")
_TURNED = re.compile(
    r"(?P<control>\w+)(?: from (?P<low>.+?))?(?: to (?P<high>.+?))?(?P<pickup> pickup)?"
)
_WRITE = "write `cc 74`, `note 36`, `bend`, `pressure` or `program`, perhaps with `channel 2`"


@dataclass(frozen=True)
class Source:
    """What moves. number: of the controller or note. channel: 1 to 16, None for any."""

    kind: Kind
    number: int | None = None
    channel: int | None = None

    def __str__(self) -> str:
        number = "" if self.number is None else f" {self.number}"
        channel = "" if self.channel is None else f" channel {self.channel}"
        return f"{self.kind}{number}{channel}"

    @classmethod
    def parse(cls, text: str) -> Source:
        """The source of "cc 74", "note 36 channel 10", "bend"; UsageError for anything else."""
        match = _WORDS.fullmatch(" ".join(text.lower().split()))
        if not match or (match[1] in ("cc", "note")) != (match[2] is not None):
            raise UsageError(f"Can't bind {text!r}; {_WRITE}.")
        kind, number, channel = match.groups()
        if kind == "cc" and int(number) > HIGHEST_CONTROLLER:
            raise UsageError(
                f"The binding {text!r} asks for controller {number}; there are 0 to "
                f"{HIGHEST_CONTROLLER}, and 120 to 127 end notes."
            )
        if kind == "note" and int(number) > 127:
            raise UsageError(f"The binding {text!r} asks for note {number}; there are 0 to 127.")
        if channel is not None and not 1 <= int(channel) <= 16:
            raise UsageError(f"The binding {text!r} asks for channel {channel}; there are 1 to 16.")
        return cls(
            cast(Kind, kind),
            None if number is None else int(number),
            None if channel is None else int(channel),
        )


@dataclass(frozen=True)
class Binding:
    """What a source does. target: a control's name, or a line in words ("rewind 1", "chord Am7").

    On a control with a fader, a controller, wheel or pressure moves from `low` to `high`, by
    default over the fader's own way. Notes, and everything bound to a line or to a control
    without a fader, are switches: pressed (a controller: 64 and up) they carry out the line or
    turn the control to `high`; let go, they turn it to `low` where that is given. pickup: a
    fader does nothing until it passes the control's present value.
    """

    target: str
    low: Value = None  # the word "none" for a control's None
    high: Value = None
    pickup: bool = False

    def __post_init__(self) -> None:
        if self.is_line:
            parse_line(self.target)
            return
        for end in ("low", "high"):
            value = getattr(self, end)
            if value is not None:
                parsed = self.control.parse(value)
                object.__setattr__(self, end, "none" if parsed is None else parsed)

    def __str__(self) -> str:
        ends = (
            (word, end) for word, end in (("from", self.low), ("to", self.high)) if end is not None
        )
        words = [f"{word} {self.control.shown(end)}" for word, end in ends]
        return " ".join([self.target, *words, *(["pickup"] if self.pickup else [])])

    @classmethod
    def parse(cls, text: str) -> Binding:
        """The binding of "density", "tempo from 90 to 140 pickup", "chord to Am7", "rewind 1".

        UsageError for anything else.
        """
        target = " ".join(text.split())
        match = _TURNED.fullmatch(target)
        if match and match["control"] in CONTROLS:
            return cls(match["control"], match["low"], match["high"], bool(match["pickup"]))
        return cls(target)

    @property
    def is_line(self) -> bool:
        """Whether it carries out a line rather than turning a control."""
        return self.target not in CONTROLS

    @property
    def control(self) -> Control:
        """The control that is turned."""
        return control_named(self.target)

    @property
    def ends(self) -> tuple[Value, Value] | None:
        """Ends other than the fader's own."""
        if self.low is None and self.high is None:
            return None
        low, high = self.control.ends
        return (low if self.low is None else self.low, high if self.high is None else self.high)

    def is_switch(self, source: Source) -> bool:
        """Whether the source only presses and lets go."""
        return self.is_line or source.kind == "note" or not self.control.has_fader
