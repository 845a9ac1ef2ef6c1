"""Controllers, wheels and pads bound to controls and orders."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.live.steering.bindings import Binding, Source
from rnnmusic.live.steering.control_map import ControlMap
from rnnmusic.live.steering.orders import Call, Turn
from rnnmusic.sampling.controls import CONTROLS

FADERS = sorted(name for name, control in CONTROLS.items() if control.has_fader)
messages = st.one_of(
    st.tuples(st.integers(0x80, 0xBF), st.integers(0, 127), st.integers(0, 127)),
    st.tuples(st.integers(0xC0, 0xDF), st.integers(0, 127)),
    st.tuples(st.integers(0xE0, 0xEF), st.integers(0, 127), st.integers(0, 127)),
    st.tuples(st.integers(0xF0, 0xFF)),
)


def cc(number: int, value: int, channel: int = 1) -> bytes:
    return bytes((0xB0 | (channel - 1), number, value))


def note(pitch: int, velocity: int = 100) -> bytes:
    return bytes((0x90, pitch, velocity))


def test_a_controller_moves_over_the_faders_way_with_its_middle_in_the_middle() -> None:
    controls = ControlMap({"cc 74": "density"})
    assert controls.hear(cc(74, 0)) == Turn("density", -1.0)
    assert controls.hear(cc(74, 64)) == Turn("density", 0.0)
    assert controls.hear(cc(74, 127)) == Turn("density", 1.0)
    assert controls.hear(cc(75, 127)) is None


@given(st.sampled_from(FADERS), st.integers(0, 127))
def test_whatever_a_controller_says_the_control_takes(name: str, value: int) -> None:
    turn = ControlMap({"cc 20": name}).hear(cc(20, value))
    assert isinstance(turn, Turn)
    assert CONTROLS[name].parse(turn.value) == turn.value


@given(st.integers(0, 127))
def test_a_program_change_chooses_that_program(program: int) -> None:
    controls = ControlMap({"program": "program"})
    assert controls.hear(bytes((0xC0, program))) == Turn("program", program)


def test_a_wheel_is_read_with_all_its_bits_and_rests_in_the_middle() -> None:
    controls = ControlMap({"bend": "temperature"})
    assert controls.hear(bytes((0xE3, 0, 64))) == Turn("temperature", 1.0)
    assert controls.hear(bytes((0xE3, 127, 127))) == Turn("temperature", 4.0)
    assert controls.hear(bytes((0xE3, 0, 0))) == Turn("temperature", 0.25)


def test_ends_can_be_given_and_reversed() -> None:
    controls = ControlMap({"pressure": "density from 0.5 to -0.5"})
    assert controls.hear(bytes((0xD0, 0))) == Turn("density", 0.5)
    assert controls.hear(bytes((0xD0, 127))) == Turn("density", -0.5)


def test_a_source_of_one_channel_goes_before_one_of_any() -> None:
    controls = ControlMap({"cc 1": "density", "cc 1 channel 2": "note_length"})
    assert controls.hear(cc(1, 127, channel=2)) == Turn("note_length", 1.0)
    assert controls.hear(cc(1, 127, channel=3)) == Turn("density", 1.0)


def test_pads_turn_a_control_to_a_value_and_back_where_that_is_said() -> None:
    controls = ControlMap(
        {
            "note 36": "chord to am7",
            "note 37": "chord none",
            "note 38": "temperature from 1 to 3",
        }
    )
    assert controls.hear(note(36)) == Turn("chord", "Am7")
    assert controls.hear(note(36, 0)) is None
    assert controls.hear(note(37)) == Turn("chord", None)
    assert controls.hear(note(38, 1)) == Turn("temperature", 3.0)
    assert controls.hear(note(38)) is None  # it is down already
    assert controls.hear(bytes((0x80, 38, 64))) == Turn("temperature", 1.0)
    assert controls.hear(note(38)) == Turn("temperature", 3.0)


def test_a_pedal_gives_an_order_each_time_it_goes_down() -> None:
    controls = ControlMap({"cc 67": "rewind 2"})
    values = (0, 30, 64, 127, 80, 10, 127)
    heard = [controls.hear(cc(67, value)) for value in values]
    call = Call("rewind", (2,))
    assert heard == [None, None, call, None, None, None, call]


def test_what_is_bound_isnt_music() -> None:
    controls = ControlMap({"note 36 channel 10": "freeze"})
    assert controls.claims(bytes((0x99, 36, 100)))
    assert controls.claims(bytes((0x89, 36, 0)))
    assert not controls.claims(bytes((0x90, 36, 100)))
    assert not controls.claims(b"\xf8")


def test_nothing_is_turned_to_where_it_is() -> None:
    controls = ControlMap({"cc 20": "polyphony", "cc 74": "density"})
    assert controls.hear(cc(20, 0)) == Turn("polyphony", 1)
    assert controls.hear(cc(20, 1)) is None  # still 1
    assert controls.hear(cc(20, 127)) == Turn("polyphony", None)
    assert controls.hear(cc(74, 64), {"density": 0.0}) is None
    assert controls.hear(cc(74, 64), {"density": 0.5}) == Turn("density", 0.0)


def test_a_fader_that_picks_up_waits_until_it_passes_the_value() -> None:
    controls = ControlMap({"cc 7": "density pickup"})
    values = {"density": 0.0}

    def move(value: int) -> object:
        turn = controls.hear(cc(7, value), values)
        if turn is not None:
            values["density"] = turn.value
        return turn

    assert [move(value) for value in (0, 20, 50)] == [None, None, None]
    assert move(70) is not None  # passed 64
    assert move(10) is not None  # and goes on
    values["density"] = 1.0  # turned elsewhere
    assert move(11) is None
    assert move(127) is None  # there, where it is already
    assert move(100) is not None


def test_learning_binds_what_moves_next() -> None:
    controls = ControlMap({"cc 20": "density"})
    controls.learn("top_p")
    assert controls.learning == "top_p"
    assert controls.hear(note(60)) is None  # playing goes on
    assert controls.hear(b"\xf8") is None
    assert controls.hear(cc(123, 0)) is None
    assert controls.hear(cc(20, 127, channel=4)) == Turn("top_p", 1.0)
    assert controls.learning is None
    assert controls.hear(cc(20, 127, channel=1)) == Turn("density", 1.0)
    controls.learn("freeze")
    assert controls.hear(note(60)) == Call("freeze")
    controls.learn("density")
    controls.learn(None)
    assert controls.hear(cc(99, 1)) is None


def test_while_learning_nothing_else_moves() -> None:
    controls = ControlMap({"note 36": "freeze", "program": "program"})
    controls.learn("density")
    assert controls.hear(note(36)) is None
    assert controls.hear(bytes((0xC0, 3))) is None
    assert controls.learning == "density"


def test_letting_go_of_a_control() -> None:
    controls = ControlMap()
    controls.unbind("temperature")
    assert controls.hear(cc(1, 100)) is None
    assert controls.hear(cc(74, 100)) is not None


def test_the_default_bindings_leave_volume_expression_and_pedals_alone() -> None:
    controls = ControlMap()
    for number in (0, 7, 10, 11, 32, 64, 66, 67):
        assert not controls.claims(cc(number, 100))
    assert controls.hear(cc(1, 0)) == Turn("temperature", 1.0)  # the wheel at rest


@given(st.lists(messages, max_size=30))
def test_any_messages_do_the_same_after_a_round_through_json(heard: list[tuple[int, ...]]) -> None:
    bindings = {
        "cc 1": "temperature from 1 to 2 pickup",
        "note 36 channel 10": "chord from none to Am7",
        "note 37": "rewind 2",
        "note 39": "chord Am7",
        "bend": "density",
        "pressure channel 3": "lowest_pitch",
        "program": "program",
        "cc 2": "tempo",
    }
    first = ControlMap(bindings)
    assert first.to_dict() == bindings
    second = ControlMap(json.loads(json.dumps(first.to_dict())))
    for message in heard:
        assert first.hear(message) == second.hear(message)


@pytest.mark.parametrize(
    ("source", "entry", "sentence"),
    [
        ("cc 128", "density", "asks for controller 128; there are 0 to 119"),
        ("cc 123", "density", "asks for controller 123"),
        ("cc", "density", "Can't bind 'cc'; write `cc 74`"),
        ("knob 3", "density", "Can't bind 'knob 3'"),
        ("bend 3", "density", "Can't bind 'bend 3'"),
        ("note 128", "freeze", "asks for note 128"),
        ("cc 1 channel 17", "density", "asks for channel 17"),
        ("cc 1 channel 0", "density", "asks for channel 0"),
        ("cc 1", "volume", "neither a control nor an order 'volume'"),
        ("cc 1", "rewind much", "where a number belongs"),
        ("cc 1", 7, "The binding 'cc 1' is 7; give it in words"),
        ("cc 1", "density to 2", "density was given '2'"),
        ("cc 1", "density till 2", "density was given 'till 2'"),
        ("cc 1", "freeze to 1", "freeze was given 2 arguments"),
        ("cc 1", "chord", "say what to turn it to"),
        ("cc 1", "key from C to D", "moves and can't do 'key from C major to D major'"),
        ("cc 1", "polyphony from none to 4", "from one number to another"),
        ("note 36", "density", "say what to turn it to"),
        ("program", "freeze", "A program change can't"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    source: str, entry: str, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        ControlMap({source: entry})


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        ("density", Binding("density")),
        ("tempo  from 90 to 140 pickup", Binding("tempo", 90.0, 140.0, True)),
        ("lowest_pitch to C4", Binding("lowest_pitch", None, 60)),
        ("key from C to F# minor", Binding("key", "C major", "F# minor")),
        ("chord from none to 60 64 67", Binding("chord", "none", "60 64 67")),
        ("chord Am7", Binding("chord Am7")),
        ("rewind 2 now", Binding("rewind 2 now")),
    ],
)
def test_bindings_in_words(text: str, binding: Binding) -> None:
    assert Binding.parse(text) == binding
    assert Binding.parse(str(binding)) == binding


def test_only_what_a_knob_can_turn_is_learnt() -> None:
    with pytest.raises(UsageError, match="No knob can turn chord"):
        ControlMap().learn("chord")
    with pytest.raises(UsageError, match="'volume'"):
        ControlMap().learn("volume")


def test_a_binding_can_be_made_while_playing() -> None:
    controls = ControlMap({})
    controls.bind(Source.parse("CC  5   Channel 2"), Binding("density"))
    assert {str(source) for source in controls.bindings} == {"cc 5 channel 2"}
