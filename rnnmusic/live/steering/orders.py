"""Orders: what a performer can ask for besides turning controls, in words or as OSC messages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rnnmusic.errors import UsageError
from rnnmusic.sampling.controls import CONTROLS, Value, control_named

Argument = float | int | str

#: The last argument of an order that says when: at the next bar line, or as soon as can be.
WHEN = ("bar", "now")
MODES = ("solo", "respond", "duet", "harmonise")
ADAPT = ("on", "off", "forget")


class Turn(NamedTuple):
    """Give a control a value; `value` is the control's own, parsed."""

    name: str
    value: Value


class Call(NamedTuple):
    """Carry out an order."""

    name: str
    arguments: tuple[Argument, ...] = ()


Action = Turn | Call


@dataclass(frozen=True)
class Order:
    """One order. form: its arguments as they are written; capitals are what to put in.

    takes: of each argument, "number" or "name". least: how many must be given. is_timed: one more
    argument may say when (`WHEN`). choices: what the first argument may be, if not anything.
    """

    name: str
    help: str
    form: str = ""
    takes: tuple[str, ...] = ()
    least: int = 0
    is_timed: bool = False
    choices: tuple[str, ...] = ()

    def parse(self, arguments: Sequence[Argument]) -> tuple[Argument, ...]:
        """The arguments as numbers and names; UsageError where they don't fit."""
        when = tuple(word for word in arguments[-1:] if self.is_timed and word in WHEN)
        given = arguments[: len(arguments) - len(when)]
        if not self.least <= len(given) <= len(self.takes):
            written = f"{self.name} {self.form}".strip()
            raise UsageError(f"{self.name} was given {len(given)} arguments; write `{written}`.")
        parsed = tuple(map(self._argument, self.takes, given))
        if self.choices and parsed[0] not in self.choices:
            raise UsageError(
                f"There is no {self.name} {parsed[0]!r}; there are {', '.join(self.choices)}."
            )
        return parsed + when

    def _argument(self, kind: str, argument: Argument) -> Argument:
        if kind == "name":
            return str(argument)
        try:
            number = float(argument)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise UsageError(
                f"{self.name} was given {argument!r} where a number belongs; write "
                f"`{self.name} {self.form}`."
            )
        return int(number) if number == int(number) else number


def _orders(*orders: Order) -> dict[str, Order]:
    return {order.name: order for order in orders}


_NUMBER, _NAME = ("number",), ("name",)

#: Every order by its name.
ORDERS: dict[str, Order] = _orders(
    Order("rewind", "Go back so many bars and play on from there.", "[BARS]", _NUMBER, 0, True),
    Order(
        "loop", "Repeat the last bars, so many times or until `resume`.",
        "[BARS [TIMES]]", _NUMBER * 2, 0, True,
    ),
    Order("branch", "Play another continuation from here.", is_timed=True),
    Order("keep", "Keep the first or the second continuation.", "1|2", _NUMBER, 1, True),
    Order("freeze", "Stand still: what sounds goes on sounding.", is_timed=True),
    Order("resume", "Go on after `freeze`, or leave a loop.", is_timed=True),
    Order("store", "Keep the model's state under a name.", "NAME", _NAME, 1, True),
    Order(
        "morph", "Go on from between two stored states.",
        "NAME NAME SHARE", _NAME * 2 + _NUMBER, 3, True,
    ),
    Order("swap", "Change the model.", "CHECKPOINT", _NAME, 1, True),
    Order(
        "adapt", "Follow what you play (with --adapt), stop that, or forget it.",
        "|".join(ADAPT), _NAME, 1, True, ADAPT,
    ),
    Order(
        "mode", "Change what it does with what you play.",
        "|".join(MODES), _NAME, 1, choices=MODES,
    ),
    Order("preset", "Load a preset.", "NAME|FILE.toml", _NAME, 1),
    Order("learn", "Let the next MIDI controller that moves turn this.", "CONTROL", _NAME, 1),
    Order("bind", "Let a MIDI controller, wheel or pad do this.", "SOURCE = LINE", _NAME * 2, 2),
    Order("tap", "A tap of the tempo."),
)  # fmt: skip


def parse_action(name: str, arguments: Sequence[Argument]) -> Action:
    """A control with its value, or an order with its arguments; UsageError for anything else."""
    if name in CONTROLS:
        if len(arguments) != 1:
            raise UsageError(
                f"{name} was given {len(arguments)} values; it takes {CONTROLS[name].takes}."
            )
        return Turn(name, control_named(name).parse(arguments[0]))
    if name in ORDERS:
        return Call(name, ORDERS[name].parse(arguments))
    raise UsageError(
        f"There is neither a control nor an order {name!r}; the controls are "
        f"{', '.join(CONTROLS)}, the orders {', '.join(ORDERS)}."
    )


def parse_line(line: str) -> Action:
    """The action of a line of text: "rewind 2", "key D dorian", "bind cc 74 = density"."""
    name, *words = line.split() or [""]
    if name in CONTROLS and words:
        words = [" ".join(words)]
    elif name == "bind":
        words = [side.strip() for side in " ".join(words).split("=", 1)]
    return parse_action(name, words)
