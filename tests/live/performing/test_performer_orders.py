"""Rewind, loop, branch, freeze, morph, swap, jump and answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnnmusic.live.performing.performer import Performer
from rnnmusic.sampling.steering import Steering
from tests.live.performing.steppers import (
    NOTES,
    PLAIN_ROLL,
    ROLL,
    FakeModel,
    Stream,
    heard_by,
    off,
    on,
)

encodings = pytest.mark.parametrize(
    "encoding", [ROLL, PLAIN_ROLL, NOTES], ids=["roll", "plain roll", "notes"]
)


def playing(encoding, *, seed=11, until=12.0, bar=2.0):
    performer = Performer(FakeModel(encoding), seed=seed, quarters_per_bar=bar)
    stream = Stream(performer)
    stream.extend(until)
    return performer, stream


def onsets(messages, begin, end):
    """Pitches by the time after `begin` at which they are struck."""
    return {
        (round(m.time_quarters - begin, 9), m.pitch)
        for m in messages
        if m.velocity and begin <= m.time_quarters < end
    }


@encodings
def test_rewinding_again_repeats_the_music(encoding):
    performer, stream = playing(encoding)
    then = onsets(stream.messages, 6.0, 9.0)
    performer.rewind(2, 10.0, again=True)
    stream.take_back(10.0)
    stream.extend(14.0)
    # What only went on at the bar line is struck there.
    assert then <= onsets(stream.messages, 10.0, 13.0)
    assert all(t == 0.0 for t, _ in onsets(stream.messages, 10.0, 13.0) - then)
    stream.notes()


@encodings
def test_rewinding_takes_the_state_back_and_another_take(encoding):
    performer, stream = playing(encoding)
    state = performer._past.first_step(6.0).before.state
    then = onsets(stream.messages, 6.0, 9.0)
    performer.rewind(2, 10.0)
    stream.take_back(10.0)
    stream.extend(14.0)
    assert performer._past.first_step(10.0).before.state == state
    assert then != onsets(stream.messages, 10.0, 13.0)
    stream.notes()


def test_rewinding_further_than_the_past_goes_as_far_as_it_can():
    performer, _ = playing(ROLL, until=5.0)
    performer.rewind(9, 4.0)
    performer.extend(6.0)
    assert performer.take_notices() == ("The past reaches back 2 bars; it goes there.",)
    assert performer._past.first_step(4.0).before.state == FakeModel(ROLL).initial()
    early, _ = playing(ROLL, until=2.0)
    early.rewind(1, 1.0)
    early.extend(3.0)
    assert "no bar to go back to" in early.take_notices()[0]


@encodings
def test_loops_repeat_our_messages_and_then_it_goes_on(encoding):
    performer, stream = playing(encoding)
    heard = performer._past.first_step(8.0).before.state
    before = onsets(stream.messages, 4.0, 8.0)
    stream_after = [m for m in stream.messages if m.time_quarters >= 8.0]
    performer.loop(2, 8.0, 3)
    stream.take_back(8.0)
    stream.extend(30.0)
    for number in range(3):
        begin = 8.0 + 4.0 * number
        assert onsets(stream.messages, begin, begin + 4.0) == before
    assert performer._past.first_step(20.0).before.state == heard
    # With the same dice, the music goes on where it would have.
    went_on = onsets(stream_after, 8.0, 10.0)
    assert went_on <= onsets(stream.messages, 20.0, 22.0)
    stream.notes()


@encodings
def test_a_loop_goes_on_until_resume(encoding):
    performer, stream = playing(encoding)
    performer.loop(1, 8.0)
    stream.take_back(8.0)
    stream.extend(29.0)
    pass_ = onsets(stream.messages, 8.0, 10.0)
    assert onsets(stream.messages, 26.0, 28.0) == pass_
    performer.resume(28.5)
    stream.take_back(28.5)
    stream.extend(34.0)
    assert performer._past.first_step(28.5) is not None
    stream.notes()


@encodings
def test_changes_within_a_loop_leave_it_as_it_is(encoding):
    performer, stream = playing(encoding)
    performer.loop(1, 8.0, 4)
    stream.take_back(8.0)
    stream.extend(15.9)
    looped = list(stream.messages)
    performer.steering = Steering(density=1.0)
    stream.ask("revise", 11.3)
    stream.extend(12.5)
    stream.ask("amend", 11.9, [on(9.5, 65), on(11.0, 66), off(11.2, 66)])
    stream.extend(15.9)
    assert [m for m in stream.messages if m.time_quarters < 15.9] == [
        m for m in looped if m.time_quarters < 15.9
    ]
    stream.extend(20.0)
    stream.notes()


def test_an_order_for_later_waits_when_something_changes_before_it():
    performer, stream = playing(ROLL)
    performer.loop(1, 14.0, 1)
    stream.extend(13.0)
    stream.ask("revise", 12.3)
    stream.extend(16.0)
    assert onsets(stream.messages, 14.0, 16.0) == onsets(stream.messages, 12.0, 14.0)
    stream.ask("revise", 13.3)  # the loop was begun, and is undone
    performer.resume(13.6)  # and dropped
    stream.take_back(13.6)
    stream.extend(18.0)
    assert performer._past.first_step(14.0).time_quarters == 14.0
    stream.notes()


@encodings
def test_a_branch_is_another_continuation_and_a_is_kept_as_it_would_have_been(encoding):
    performer, stream = playing(encoding, until=16.0)
    a = onsets(stream.messages, 8.0, 11.0)
    performer.branch(8.0)
    stream.take_back(8.0)
    stream.extend(13.0)
    assert onsets(stream.messages, 8.0, 11.0) != a
    performer.keep("a", 12.0)
    stream.take_back(12.0)
    stream.extend(18.0)
    assert a <= onsets(stream.messages, 12.0, 15.0)
    stream.notes()


def test_keeping_a_in_mid_bar_goes_on_in_mid_bar():
    performer, stream = playing(ROLL, until=16.0)
    a = onsets(stream.messages, 8.5, 11.0)
    performer.branch(8.0)
    stream.take_back(8.0)
    stream.extend(13.0)
    performer.keep("a", 12.5)
    stream.take_back(12.5)
    stream.extend(18.0)
    assert a <= onsets(stream.messages, 12.5, 15.0)


@encodings
def test_keeping_b_changes_nothing(encoding):
    kept, _ = playing(encoding)
    other, _ = playing(encoding)
    for performer in (kept, other):
        performer.branch(8.0)
        performer.extend(11.0)
    kept.keep("b", 10.0)
    other.revise(10.0)
    assert kept.extend(15.0) == other.extend(15.0)
    kept.keep("b", 15.0)
    kept.extend(17.0)
    assert "no branch" in kept.take_notices()[0]


@encodings
def test_freezing_holds_what_sounds(encoding):
    performer, stream = playing(encoding)
    heard = performer.store("then", 8.1)
    performer.freeze(8.1)
    stream.take_back(8.1)
    held = {note[2] for note in stream.notes() if note[1] is None}
    assert stream.extend(13.0) == []
    assert set(performer.sounding) == held
    performer.resume(12.1)
    stream.take_back(12.1)
    stream.extend(15.0)
    assert performer._past.first_step(12.1).before.state == performer._stored["then"].state
    assert heard is None
    assert [m for m in stream.messages if m.time_quarters >= 12.1]
    stream.notes()


@encodings
def test_morphs_between_stored_states(encoding):
    performer, stream = playing(encoding)
    states = {}
    for name, at in (("early", 4.0), ("late", 9.0)):
        performer.store(name, at)
        states[name] = performer._past.first_step(at).before.state
    for share, name in ((0.2, "early"), (0.8, "late")):
        performer.morph("early", "late", share, 10.0)
        stream.take_back(10.0)
        stream.extend(13.0)
        assert performer._past.first_step(10.0).before.state == states[name]
    stream.notes()


@pytest.mark.parametrize("first", [ROLL, PLAIN_ROLL, NOTES])
@pytest.mark.parametrize("second", [ROLL, PLAIN_ROLL, NOTES])
def test_a_model_swapped_in_has_heard_the_last_bars(first, second):
    performer, stream = playing(first, until=13.0)
    performer.amend([on(11.0, 70), off(11.5, 70)], 12.0)
    before = [m for m in stream.messages if m.time_quarters < 12.0]
    stream.ask("swap", 12.0, FakeModel(second))
    stream.extend(15.0)
    heard = heard_by(performer)
    if second.is_binary:
        frames = 4 * 2 * second.steps_per_quarter
        column = (70 - 60) * second.columns_per_pitch
        sounding = [bool(sum(row[column : column + 2])) for row in heard[:frames]]
        at = 7 * second.steps_per_quarter  # the heard bars begin at 4.0
        assert sounding[at]
        assert len(heard) >= frames
    else:
        strikes = [m for m in before if m.velocity and m.time_quarters >= 4.0]
        assert abs(sum(1 for row in heard) - len(strikes)) <= 30
        onset = np.cumsum([second.shift_values[row[0]] for row in heard]) / 4
        assert (7.0, 10) in {(t, row[1]) for t, row in zip(onset, heard, strict=True)}
    assert performer._place.flow.encoding == second
    stream.ask("revise", 11.0)  # before it: the first model plays up to it again
    stream.extend(15.0)
    assert performer._place.flow.encoding == second
    stream.notes()


@encodings
def test_jumps_with_the_clock(encoding):
    performer, stream = playing(encoding)
    performer.jump(9.3, 16.0)
    stream.take_back(9.3)
    new = stream.extend(20.0)
    assert all(message.time_quarters >= 16.0 for message in new)
    assert [m for m in new if m.velocity]
    stream.notes()
    if encoding.clock_sizes:
        clock = performer._past.first_step(16.0)
        assert clock.time_quarters == 16.0


@encodings
def test_answers_with_other_pitches_and_stands_still(encoding):
    performer, _ = playing(encoding)
    place = performer._place
    answers = {performer.answer((60, 64), at) for at in np.arange(0, 15, 0.25)}
    assert len(answers) > 3
    assert all(not {60, 64} & set(answer) for answer in answers)
    assert all(60 <= pitch <= 71 for answer in answers for pitch in answer)
    assert performer._place is place
    performer.steering = Steering(lowest_pitch=60, highest_pitch=60)
    assert performer.answer((60,), 3.0) == ()
    performer.steering = Steering(lowest_pitch=100)
    assert performer.answer((60,), 3.0) == ()
    assert performer.answer((30,), 3.0) == ()


def test_rests_for_ever_and_is_cut_short():
    performer, stream = playing(NOTES)
    performer.rest(9.0, math.inf)
    stream.take_back(9.0)
    assert performer.extend(50.0)[-1:] == [] or performer.sounding == ()
    performer.rest(40.0, 41.0)
    new = performer.extend(45.0)
    assert new
    assert new[0].time_quarters >= 41.0
