from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.live.directing.outgoing import REPLIES, SETTING, Outgoing
from rnnmusic.live.directing.voices import Voices, parse
from rnnmusic.live.messages import note_off, note_on, program_change
from rnnmusic.live.plan import Planned


def exact(time_quarters, pitch):
    return 0.0, 0


def outgoing(*voices, feel=exact):
    return Outgoing(Voices([parse(voice) for voice in voices], 0), feel)


def notes(*messages):
    return [NoteMessage(*message) for message in messages]


def on(time, pitch, velocity=64, channel=0):
    return Planned(time, note_on(channel, pitch, velocity))


def off(time, pitch, channel=0):
    return Planned(time, note_off(channel, pitch))


def test_messages_are_handed_over_once_and_when_they_are_settled():
    out = outgoing()
    out.play(notes((0.0, 60, 64), (1.0, 60, 0), (1.0, 62, 64)), 1.0)
    assert out.plan(1.0) == (None, (on(0.0, 60),))
    assert out.plan(1.0) == (None, ())
    assert out.plan(2.0) == (None, (off(1.0, 60), on(1.0, 62)))


def test_what_is_cut_is_taken_back_from_where_it_differs():
    out = outgoing()
    out.play(notes((0.0, 60, 64), (1.0, 60, 0), (1.0, 62, 64), (2.0, 62, 0)), 1.0)
    out.plan(3.0)
    out.cut(1.0)
    out.play(notes((1.0, 60, 0), (1.0, 65, 64), (2.0, 65, 0)), 1.0)
    retract, messages = out.plan(3.0)
    assert retract == 1.0
    assert messages == (off(1.0, 60), on(1.0, 65), off(2.0, 65))


def test_what_comes_out_the_same_is_left_with_the_sender():
    out = outgoing()
    played = notes((0.0, 60, 64), (1.0, 60, 0), (1.0, 62, 64), (2.0, 62, 0))
    out.play(played, 1.0)
    out.plan(3.0)
    out.cut(0.5)
    out.play(played[1:], 1.0)
    assert out.plan(3.0) == (None, ())


def test_what_is_no_longer_settled_is_taken_back():
    out = outgoing()
    out.play(notes((0.0, 60, 64), (1.0, 60, 0)), 1.0)
    out.plan(3.0)
    out.cut(0.5)
    assert out.plan(0.5) == (1.0, ())


def test_a_note_ends_where_it_began_whatever_voices_would_say_now():
    out = outgoing("lowest@2", feel=lambda time, pitch: (time / 100, 0))
    out.play(notes((0.0, 60, 64)), 1.0)
    out.play(notes((1.0, 48, 64)), 1.0)
    out.play(notes((2.0, 60, 0), (3.0, 48, 0)), 1.0)
    _, messages = out.plan(4.0)
    assert [(m.message[0], m.delay_s) for m in messages] == [
        (0x91, 0.0),
        (0x91, 0.01),
        (0x81, 0.0),
        (0x81, 0.01),
    ]


def test_loudness_changes_what_is_planned_too():
    out = outgoing()
    out.play(notes((0.0, 60, 100), (1.0, 60, 0), (1.0, 62, 100), (2.0, 62, 0)), 1.0)
    out.plan(3.0)
    out.change_loudness(0.5, 0.5)
    assert out.plan(3.0) == (1.0, (off(1.0, 60), on(1.0, 62, 50), off(2.0, 62)))


@pytest.mark.parametrize(("loudness", "velocity"), [(0.0, 1), (4.0, 127)])
def test_velocities_stay_legal(loudness, velocity):
    out = outgoing(feel=lambda time, pitch: (0.0, 5 if velocity > 1 else -5))
    out.play(notes((0.0, 60, 100)), loudness)
    assert out.plan(1.0)[1] == (on(0.0, 60, velocity),)


def test_replies_stay_when_what_was_sampled_is_cut():
    out = outgoing()
    out.play(notes((1.0, 60, 64)), 1.0)
    out.play(notes((1.0, 72, 64)), 1.0, REPLIES)
    out.cut(0.5)
    assert out.plan(2.0) == (None, (on(1.0, 72),))


def test_replies_are_not_delayed():
    out = outgoing(feel=lambda time, pitch: (0.01, 7))
    out.play(notes((1.0, 72, 64)), 1.0, REPLIES)
    assert out.plan(2.0) == (None, (on(1.0, 72),))


def test_a_note_of_no_length_is_none():
    out = outgoing()
    out.play(notes((1.0, 72, 64)), 1.0, REPLIES)
    out.plan(2.0)
    out.play(notes((1.0, 72, 0)), 1.0, REPLIES)
    assert out.plan(2.0) == (1.0, ())


def test_at_one_moment_settings_come_first_then_ends_then_begins():
    out = outgoing()
    out.play(notes((0.0, 60, 64), (1.0, 60, 0), (1.0, 60, 64)), 1.0)
    out.plan(2.0)
    out.say(Planned(1.0, program_change(0, 5)), SETTING)
    retract, messages = out.plan(2.0)
    assert retract == 1.0
    assert [m.message[0] & 0xF0 for m in messages] == [0xC0, 0x80, 0x90]


def test_at_the_end_everything_ends():
    out = outgoing("60@3")
    out.play(notes((0.0, 60, 64), (0.5, 62, 64), (5.0, 62, 0)), 1.0)
    _, messages = out.plan(math.inf, 4.0)
    assert messages[2:] == (off(4.0, 60, 2), off(4.0, 62))
    assert out.plan(math.inf, 4.0) == (None, ())


def test_what_is_forgotten_still_ends():
    out = outgoing()
    out.play(notes((0.0, 60, 64)), 1.0)
    out.plan(1.0)
    out.forget(0.5)
    out.play(notes((2.0, 60, 0)), 1.0)
    assert out.plan(3.0) == (None, (off(2.0, 60),))


moments = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.25, 0.5]), st.sampled_from([60, 61]), st.sampled_from([0, 9])
    ),
    max_size=6,
)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("play"), moments, st.sampled_from([0, REPLIES])),
            st.tuples(st.just("cut"), st.sampled_from([0.0, 0.1, 0.25, 0.5])),
            st.tuples(
                st.just("loudness"), st.sampled_from([0.0, 0.25]), st.sampled_from([0.5, 1.0])
            ),
        ),
        max_size=20,
    )
)
def test_the_sender_has_what_it_should_whatever_was_done(steps):
    """Plans, one after the other, against one plan of it all at the end."""

    def perform(is_planned_often):
        out, sender, now, ends = outgoing(), [], 0.0, {0: 0.0, REPLIES: 0.0}

        def plan(ready):
            retract, messages = out.plan(ready)
            if retract is not None:
                assert retract >= now
                sender[:] = [m for m in sender if m.time_quarters < retract]
            sender.extend(messages)

        for kind, *what in steps:
            if kind == "play":
                wanted, part = what
                time = max(now, ends[part])
                played = []
                for wait, pitch, velocity in wanted:
                    time += wait
                    played.append(NoteMessage(time, pitch, velocity))
                out.play(sorted(played, key=lambda n: (n.time_quarters, n.velocity > 0)), 1.0, part)
                ends[part] = time
            else:
                now += what[0]
                ends = {part: max(end, now) for part, end in ends.items()}
                if kind == "cut":
                    out.cut(now)
                    ends[0] = now
                else:
                    out.change_loudness(now, what[1])
            if is_planned_often:
                plan(now + 0.5)
        plan(math.inf)
        return sorted(sender, key=lambda m: m.time_quarters)

    often, once = perform(True), perform(False)
    assert sorted(often) == sorted(once)
