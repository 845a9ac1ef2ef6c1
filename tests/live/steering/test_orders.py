"""Orders and actions in words."""

from __future__ import annotations

import pytest

from rnnmusic.errors import UsageError
from rnnmusic.live.steering.orders import ORDERS, Action, Call, Turn, parse_action, parse_line


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("rewind", Call("rewind")),
        ("rewind 2", Call("rewind", (2,))),
        ("rewind 0.5", Call("rewind", (0.5,))),
        ("loop 1 4", Call("loop", (1, 4))),
        ("morph a b 0.25", Call("morph", ("a", "b", 0.25))),
        ("rewind 2 now", Call("rewind", (2, "now"))),
        ("freeze bar", Call("freeze", ("bar",))),
        ("bind cc 74 channel 2 = density", Call("bind", ("cc 74 channel 2", "density"))),
        ("store 1", Call("store", ("1",))),
        ("mode duet", Call("mode", ("duet",))),
        ("preset quiet", Call("preset", ("quiet",))),
        ("temperature 0.9", Turn("temperature", 0.9)),
        ("key D dorian", Turn("key", "D dorian")),
        ("chord none", Turn("chord", None)),
        ("chord C4 E4 G4", Turn("chord", "C4 E4 G4")),
        ("tempo 96", Turn("tempo", 96.0)),
    ],
)
def test_lines(line: str, action: Action) -> None:
    assert parse_line(line) == action


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "neither a control nor an order ''"),
        ("jump 3", "neither a control nor an order 'jump'"),
        ("rewind far", "'far' where a number belongs"),
        ("rewind nan", "where a number belongs"),
        ("rewind 1 2", "write `rewind"),
        ("rewind now 2", r"write `rewind \[BARS\]`"),
        ("rewind now now", "'now' where a number belongs"),
        ("mode now", "There is no mode 'now'"),
        ("bind cc 74", "write `bind SOURCE = LINE`"),
        ("keep", "keep was given 0 arguments"),
        ("mode sleep", "There is no mode 'sleep'"),
        ("temperature", "temperature was given 0 values"),
        ("temperature hot", "it takes a number from 0 to 10"),
        ("tempo 0", "it takes a number from 10 to 400"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(line: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_line(line)


def test_arguments_may_be_numbers_already() -> None:
    assert parse_action("rewind", [2.0]) == Call("rewind", (2,))
    assert parse_action("density", [1]) == Turn("density", 1.0)


def test_every_order_says_what_it_does() -> None:
    for name, order in ORDERS.items():
        assert order.name == name
        assert order.help.endswith(".")
        assert bool(order.form) == bool(order.takes)
