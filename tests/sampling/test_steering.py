"""Controls and the steering they make."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.sampling.controls import CONTROLS, Control, control_named
from rnnmusic.sampling.steering import Steering

FADERS = [control for control in CONTROLS.values() if control.has_fader]
KEYS = ["none", "C", "F# minor", "D dorian", "pentatonic A", "C Eb G"]
CHORDS = ["off", "Am7", "C/E", "60 64 67", "N.C."]


def values(control: Control) -> st.SearchStrategy:
    """Everything a control takes, numbers and text."""
    if control.kind == "key":
        return st.sampled_from(KEYS)
    if control.kind == "chord":
        return st.sampled_from(CHORDS)
    if control.kind == "number":
        numbers = st.floats(control.low, control.high, exclude_min=control.is_above_low)
        taken = numbers | numbers.map(repr)
    else:
        numbers = st.integers(int(control.low), int(control.high))
        taken = numbers | numbers.map(str)
    return taken | st.none() if control.optional else taken


turns = st.sampled_from(sorted(n for n, c in CONTROLS.items() if c.owner == "sampler")).flatmap(
    lambda name: st.tuples(st.just(name), values(CONTROLS[name]))
)


@given(st.lists(turns, max_size=20))
def test_any_order_of_turns_leaves_a_steering_that_says_what_was_turned(made: list) -> None:
    steering = Steering()
    for name, value in made:
        before, steering = steering, steering.turned(name, value)
        assert getattr(steering, name) == CONTROLS[name].parse(value)
        changed = {n for n, v in steering.to_dict().items() if before.to_dict()[n] != v}
        ends = {"lowest_pitch", "highest_pitch"}
        assert changed <= ({*ends} if name in ends else {name})
        assert steering.lowest_pitch <= steering.highest_pitch
    assert Steering.from_dict(json.loads(json.dumps(steering.to_dict()))) == steering


@given(st.permutations(["lowest_pitch", "highest_pitch"]), st.integers(0, 127), st.integers(0, 127))
def test_a_range_can_be_moved_one_end_at_a_time(order: list[str], a: int, b: int) -> None:
    steering = Steering(lowest_pitch=40, highest_pitch=60)
    ends = {"lowest_pitch": min(a, b), "highest_pitch": max(a, b)}
    for name in order:
        steering = steering.turned(name, ends[name])
    assert (steering.lowest_pitch, steering.highest_pitch) == (min(a, b), max(a, b))


def test_the_table_has_a_control_for_each_field_with_its_default() -> None:
    sampler = {n: c.default for n, c in CONTROLS.items() if c.owner == "sampler"}
    assert Steering().to_dict() == sampler
    assert {n for n, c in CONTROLS.items() if c.owner == "clock"} == {"tempo", "swing"}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=list(CONTROLS))
def test_every_control_takes_its_default_and_what_it_shows(control: Control) -> None:
    assert control.parse(control.default) == control.default
    assert control.parse(control.shown(control.default)) == control.default
    assert control.help.endswith(".")


@given(st.sampled_from(FADERS), st.floats(0, 1))
def test_a_fader_gives_values_that_the_control_takes_and_they_lie_there(
    control: Control, share: float
) -> None:
    value = control.at(share)
    assert control.parse(value) == value
    assert control.at(control.share(value)) == value
    if control.kind == "number":
        assert control.share(value) == pytest.approx(share, abs=2e-3)


@pytest.mark.parametrize("name", ["temperature", "density", "loudness", "note_length"])
def test_a_fader_in_the_middle_is_at_the_default(name: str) -> None:
    assert CONTROLS[name].at(0.5) == CONTROLS[name].default


@given(st.sampled_from(FADERS), st.integers(-40, 40), st.data())
def test_nudges_stay_within_what_the_control_takes(
    control: Control, count: int, data: st.DataObject
) -> None:
    value = control.parse(data.draw(values(control)))
    moved = control.nudged(value, count)
    assert control.parse(moved) == moved
    if control.choices:
        assert moved in control.choices


@pytest.mark.parametrize("control", FADERS, ids=lambda control: control.name)
def test_nudges_reach_both_ends_and_come_back(control: Control) -> None:
    up = control.nudged(control.default, 200)
    down = control.nudged(control.default, -200)
    assert up != down
    assert control.nudged(down, 200) == up


def test_a_chord_has_no_fader_and_isnt_nudged() -> None:
    chord = CONTROLS["chord"]
    assert not chord.has_fader
    assert chord.nudged("Am7", 1) == "Am7"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", "hot"),
        ("temperature", math.nan),
        ("temperature", True),
        ("temperature", None),
        ("temperature", "none"),
        ("temperature", [1.0]),
        ("top_p", 0.0),
        ("top_p", 1.5),
        ("density", 2),
        ("polyphony", 0),
        ("polyphony", 2.5),
        ("program", 128),
        ("lowest_pitch", "C12"),
        ("lowest_pitch", 60.5),
        ("key", "H#"),
        ("key", ""),
        ("key", 3),
        ("chord", "Xyz"),
        ("loudness", math.inf),
        ("tempo", 120),
        ("volume", 1),
    ],
)
def test_what_a_control_doesnt_take_is_refused_in_a_sentence(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=r"^\w.*\.$"):
        Steering().turned(name, value)  # type: ignore[arg-type]


def test_a_tempo_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="tempo was given 0; it takes a number from 10 to 400"):
        CONTROLS["tempo"].parse(0)


def test_text_is_taken_as_it_is_typed() -> None:
    steering = Steering().turned("key", "am").turned("lowest_pitch", "C3").turned("chord", "am7")
    assert (steering.key, steering.lowest_pitch, steering.chord) == ("A minor", 48, "Am7")
    assert steering.turned("key", "off").key is None


def test_a_steering_is_checked_when_it_is_made() -> None:
    with pytest.raises(UsageError, match="swap them"):
        Steering(lowest_pitch=70, highest_pitch=60)
    with pytest.raises(UsageError, match="There is no control 'volume'"):
        Steering.from_dict({"volume": 1})
    with pytest.raises(UsageError, match="There is no control"):
        control_named("volume")
