"""The desk: what each key does to the player, what can be typed, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rnnmusic_cli.live_actions import Actions
from rnnmusic_cli.live_desk import Desk

from rnnmusic.live.steering.orders import Turn
from rnnmusic.sampling.controls import CONTROLS
from tests.cli.live_fakes import FakePlayer, a_desk


def _pressed(*keys: str) -> tuple[Desk, list[tuple[object, ...]], list[str]]:
    player, said = FakePlayer(), list[str]()
    desk = a_desk(player, said)
    for key in keys:
        desk.press(key)
    return desk, player.did, said


@pytest.mark.parametrize(
    ("keys", "did"),
    [
        ("t", [("tap",)]),
        ("r", [("rewind", 1)]),
        ("b1b2", [("branch",), ("keep", 1), ("branch",), ("keep", 2)]),
        ("  ", [("freeze",), ("resume",)]),
        ("ll", [("loop", 1), ("resume",)]),
        ("mmmm", [("mode", mode) for mode in ("respond", "duet", "harmonise", "solo")]),
        ("c", [("learn", "temperature")]),
        ("?q", []),
        ("zZ9é", []),
    ],
)
def test_a_key_is_an_order(keys: str, did: list[tuple[object, ...]]) -> None:
    assert _pressed(*keys)[1] == did


@pytest.mark.parametrize("key", ["c", "escape"])
def test_learning_can_be_left(key: str) -> None:
    player = FakePlayer()
    desk = a_desk(player)
    desk.take({"kind": "steering", "learning": "density"})
    desk.press(key)
    assert player.did == [("learn", "none")]
    desk.take({"kind": "steering", "learning": None})
    desk.press("escape")
    assert player.did == [("learn", "none")]


def test_arrows_choose_and_turn() -> None:
    desk, did, said = _pressed("right", "right", "left", "page_up", "0", "up", "left", "down")
    values = [value for _, name, value in did if name == "temperature"]
    assert len(values) == 5
    assert 1.0 < values[0] < values[1]  # type: ignore[operator]
    assert values[2] == values[0] < values[3]  # type: ignore[operator]
    assert values[4] == 1.0
    assert did[-1][1] == list(CONTROLS)[-1]
    assert desk.chosen == "temperature"
    assert said == []


def test_a_value_is_typed_corrected_and_sent() -> None:
    desk, did, said = _pressed("enter", *"0.9", "backspace", *"75", "enter")
    assert did == [("turn", "temperature", 0.75)]
    assert desk.values["temperature"] == 0.75
    _, did, said = _pressed("enter", *"much", "enter")
    assert did == []
    assert "a number from 0 to 10" in said[0]
    assert _pressed("enter", *"0.9", "escape", "t")[1] == [("tap",)]


@pytest.mark.parametrize(
    ("line", "did"),
    [
        ("rewind 4", ("rewind", 4)),
        ("loop 2 3", ("loop", 2, 3)),
        ("morph a b 0.5", ("morph", "a", "b", 0.5)),
        ("swap runs/best", ("swap", "runs/best")),
        ("key D dorian", ("turn", "key", "D dorian")),
        ("tempo 96", ("turn", "tempo", 96.0)),
    ],
)
def test_an_order_can_be_typed(line: str, did: tuple[object, ...]) -> None:
    assert _pressed(":", *line, "enter")[1] == [did]


def test_stores_morphs_and_presets_ask_for_names() -> None:
    assert _pressed("s", "a", "enter", "x", *"a b 0.25", "enter")[1] == [
        ("store", "a"),
        ("morph", "a", "b", 0.25),
    ]
    assert _pressed("p", *"steady", "enter")[1] == [("preset", "steady")]


def test_what_the_engine_says_is_believed_unless_it_is_an_echo() -> None:
    now_s = 0.0
    actions = Actions(FakePlayer(), clock=lambda: now_s)
    actions.told(density=0.5)
    assert actions.values["density"] == 0.5
    actions.do(Turn("density", 0.75))
    actions.told(density=0.5)
    assert actions.values["density"] == 0.75
    now_s = 1.0
    actions.told(density=0.5)
    assert actions.values["density"] == 0.5


def test_what_was_turned_elsewhere_is_shown() -> None:
    desk = a_desk()
    desk.take({"kind": "state", "tempo_bpm": 90.0, "swing": 0.6})
    assert desk.values["tempo"] == 90.0
    desk.take({"kind": "steering", "controls": {"key": "A minor"}, "mode": "duet"})
    assert desk.values["key"] == "A minor"
    desk.press("m")
    assert desk.mode == "harmonise"


@pytest.mark.parametrize(
    "line", ["dance", "rewind 1 2", "morph a b", "keep", "tempo fast", "mode jazz"]
)
def test_an_order_that_makes_no_sense_is_a_sentence(line: str) -> None:
    _, did, said = _pressed(":", *line, "enter")
    assert did == []
    assert len(said) == 1
    assert said[0].endswith(".")


def test_what_the_player_refuses_changes_nothing() -> None:
    desk, _, said = _pressed(":", *"program 12", "enter")
    assert said == ["There is no instrument to choose."]
    assert desk.values["program"] is None


KEYS = ["up", "down", "left", "right", "enter", "escape", "backspace", "page_up", "delete", "tab"]


@given(st.lists(st.one_of(st.sampled_from(KEYS), st.characters(categories=["L", "N", "P", "Z"]))))
def test_no_keys_break_it(keys: list[str]) -> None:
    desk, _, said = _pressed(*keys)
    assert desk.chosen in desk.controls
    assert all(sentence.endswith(".") for sentence in said)
