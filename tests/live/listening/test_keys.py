from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.live.listening.keys import Keys


def on(pitch, velocity=64, channel=0):
    return (0x90 | channel, pitch, velocity)


def off(pitch, channel=0):
    return (0x80 | channel, pitch, 0)


def pedal(value, channel=0):
    return (0xB0 | channel, 64, value)


def test_a_key_is_heard_from_its_strike_to_its_release():
    keys = Keys(0, 127)
    touch = keys.hear(on(60), 1.5)
    assert touch.begins
    assert touch.notes == (NoteMessage(1.5, 60, 64),) == (touch.struck,)
    assert keys.is_down
    touch = keys.hear(off(60), 2.0)
    assert touch.lets_go
    assert touch.notes == (NoteMessage(2.0, 60, 0),)
    assert touch.ended == (60,)
    assert not keys.is_down


def test_a_note_on_of_velocity_0_is_a_release():
    keys = Keys(0, 127)
    keys.hear(on(60), 0.0)
    assert keys.hear(on(60, 0), 1.0).ended == (60,)


def test_the_model_hears_the_hands_and_the_sound_lasts_as_long_as_the_pedal():
    keys = Keys(0, 127)
    keys.hear(pedal(127), 0.0)
    keys.hear(on(60), 0.0)
    touch = keys.hear(off(60), 1.0)
    assert touch.notes == (NoteMessage(1.0, 60, 0),)
    assert touch.ended == ()
    assert keys.hear(pedal(0), 2.0).ended == (60,)
    assert not keys.hear(pedal(0), 2.0).lets_go


def test_a_pedal_belongs_to_its_channel():
    keys = Keys(0, 127)
    keys.hear(pedal(127, channel=1), 0.0)
    keys.hear(on(60), 0.0)
    assert keys.hear(off(60), 1.0).ended == (60,)


def test_a_key_struck_again_under_the_pedal_ends_once():
    keys = Keys(0, 127)
    keys.hear(pedal(127), 0.0)
    keys.hear(on(60), 0.0)
    keys.hear(off(60), 1.0)
    keys.hear(on(60), 2.0)
    assert keys.hear(pedal(0), 3.0).ended == ()
    assert keys.hear(off(60), 4.0).ended == (60,)


def test_two_instruments_on_one_key_are_one_to_the_model():
    keys = Keys(0, 127)
    keys.hear(on(60), 0.0, port=0)
    touch = keys.hear(on(60), 1.0, port=1)
    assert touch.notes == (NoteMessage(1.0, 60, 0), NoteMessage(1.0, 60, 64))
    assert keys.hear(off(60), 2.0, port=0).notes == ()
    assert keys.hear(off(60), 3.0, port=1).notes == (NoteMessage(3.0, 60, 0),)


def test_pitches_fold_by_octaves_into_the_models_range():
    keys = Keys(60, 71)
    assert [keys.fold(pitch) for pitch in (0, 59, 60, 71, 72, 127)] == [60, 71, 60, 71, 60, 67]
    assert Keys(60, 63).fold(70) is None
    assert keys.hear(on(48), 0.0).struck.pitch == 60
    assert Keys(60, 63).hear(on(70), 0.0).begins


def test_drums_are_played_but_have_no_pitch():
    touch = Keys(0, 127).hear(on(38, channel=9), 0.0)
    assert touch.begins
    assert touch.notes == ()
    assert touch.struck is None


def test_only_the_channels_asked_for_are_heard():
    keys = Keys(0, 127, [2])
    assert not keys.hear(on(60), 0.0).begins
    assert keys.hear(on(60, channel=2), 0.0).begins


def test_all_notes_off_lets_go_of_one_channel():
    keys = Keys(0, 127)
    keys.hear(pedal(127), 0.0)
    keys.hear(on(60), 0.0)
    keys.hear(on(64), 0.0)
    keys.hear(off(64), 0.5)
    keys.hear(on(67, channel=1), 0.0)
    touch = keys.hear((0xB0, 123, 0), 1.0)
    assert touch.notes == (NoteMessage(1.0, 60, 0),)
    assert touch.ended == (60, 64)
    assert keys.is_down


messages = st.lists(
    st.tuples(
        st.sampled_from([0x80, 0x81, 0x90, 0x91, 0xB0, 0xB1, 0x99, 0xE0]),
        st.sampled_from([40, 52, 60, 64, 72, 123]),
        st.sampled_from([0, 1, 100]),
        st.sampled_from([0, 1]),
    )
)


@given(messages)
def test_what_the_model_hears_is_always_one_off_for_each_on(played):
    keys, down, sounding = Keys(55, 70), set(), set()
    for time, (status, number, value, port) in enumerate(played):
        touch = keys.hear((status, number, value), float(time), port)
        for note in touch.notes:
            if note.velocity:
                assert note.pitch not in down
                down.add(note.pitch)
            else:
                down.remove(note.pitch)
        if touch.struck:
            sounding.add(touch.struck.pitch)
        sounding.difference_update(touch.ended)
        assert down <= sounding
        assert keys.is_down == bool(down)
    for port in (0, 1):
        for channel in (0, 1):
            for number in (120, 123):
                touch = keys.hear((0xB0 | channel, number, 0), 99.0, port)
                down.difference_update(note.pitch for note in touch.notes)
                sounding.difference_update(touch.ended)
    assert not down
    assert not sounding
