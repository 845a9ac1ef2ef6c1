"""What the model hears of others: just what it would if all had been encoded together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnnmusic.live.performing.performer import Performer
from rnnmusic.sampling.steering import Steering
from rnnmusic.score import NOTE, Score, Track, sort_notes
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

TPQ = 480

rolls = pytest.mark.parametrize("encoding", [ROLL, PLAIN_ROLL], ids=["roll", "plain roll"])
encodings = pytest.mark.parametrize(
    "encoding", [ROLL, PLAIN_ROLL, NOTES], ids=["roll", "plain roll", "notes"]
)

# Beginning, length, pitch, velocity of what another player plays, and when we get to know of it.
other_notes = st.lists(
    st.tuples(st.floats(0, 9), st.floats(0.01, 3), st.integers(60, 71), st.integers(1, 127)),
    max_size=8,
)


def steps_of(encoding, notes) -> list[tuple[int, ...]]:
    """The merged score encoded; the encoding's own bar line is at time 0 here."""
    rows = [(round(s * TPQ), round(e * TPQ), p, v) for s, e, p, v in notes]
    score = Score(
        ticks_per_quarter=TPQ, tracks=(Track(notes=sort_notes(np.array(rows, dtype=NOTE))),)
    )
    return [tuple(row) for row in encoding.encode(score).steps.tolist()]


def snapped(time: float) -> float:
    """The tick that stands for a time, in quarters."""
    return round(time * TPQ) / TPQ


@encodings
@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 2**32),
    others=other_notes,
    portions=st.lists(st.floats(0.2, 3.0), min_size=3, max_size=8),
)
@example(seed=0, others=[(1.5, 1.0, 60, 1)], portions=[1.0, 1.45703125, 1.033203125])
def test_hears_the_merged_music_as_if_it_had_been_encoded_together(
    encoding, seed, others, portions
):
    # A first note makes the piece begin at time 0, whatever is drawn.
    others = [(0.0, 0.5, 60, 64), *others]
    messages = []
    for start, length, pitch, velocity in others:
        messages += [on(snapped(start), pitch, velocity), off(snapped(start + length), pitch)]
    messages.sort(key=lambda m: (m.time_quarters, m.velocity > 0))
    performer = Performer(WellFormed(encoding), seed=seed)
    stream = Stream(performer)
    now = 0.0
    for portion in [*portions, 20.0]:
        now = min(now + portion, 12.1)
        stream.extend(now + 1)
        known = [m for m in messages if m.time_quarters < now]
        messages = [m for m in messages if m.time_quarters >= now]
        boundary = snapped(now + 0.01)
        stream.ask("amend", boundary, known)
    heard = heard_by(performer)

    last = math.ceil(boundary * encoding.steps_per_quarter - 1e-6)
    ours = [
        (start, last / encoding.steps_per_quarter if end is None else end, pitch, velocity)
        for start, end, pitch, velocity in own_notes(performer, encoding, boundary)
    ]
    # What was sent is what the steps say, and nothing else.
    played = [(s, e, p) for s, e, p, _ in stream.notes()]
    assert [(s, p) for s, _, p in played] == sorted((s, p) for s, _, p, _ in ours)
    assert {note for note in played if note[1] is not None} <= {note[:3] for note in ours}
    theirs = [(snapped(s), snapped(s + n), p, v) for s, n, p, v in others]
    expected = steps_of(encoding, [*ours, *theirs])
    length = min(len(expected), len(heard))
    assert heard[:length] == expected[:length]
    if encoding.is_binary:
        assert len(heard) == last
    else:
        assert len(heard) == len(expected)


class WellFormed(FakeModel):
    """A model whose steps are as `encode` would write them: it holds only what sounds, and plays
    no chords."""

    def draw(self, hidden, shaping, uniforms):
        step = super().draw(hidden, shaping, uniforms)
        if self.encoding.is_binary:
            if self.encoding.columns_per_pitch == 2:
                before = hidden[2::2] | hidden[3::2]
                step[0::2] |= step[1::2] & ~before
                step[1::2] &= ~step[0::2]
            return step
        step[0] = max(step[0], 1)
        step[2] = 0  # a step long
        return step


def own_notes(performer, encoding, boundary):
    """Our notes as the steps of the past say."""
    decoder = encoding.live_decoder()
    begun, found = {}, []
    for moment in performer._past.since(-1.0):
        if moment.own is None:
            continue
        if encoding.is_binary:
            messages = decoder.push(moment.own)
        else:
            _, pitch, duration, velocity = moment.own.tolist()
            start = moment.time_quarters
            end = start + encoding.duration_values[duration] / encoding.steps_per_quarter
            found.append((start, end, pitch + 60, int(encoding.velocities(velocity))))
            continue
        for message in messages:
            if message.pitch in begun:
                start = begun.pop(message.pitch)
                found.append((start, message.time_quarters, message.pitch, 80))
            if message.velocity:
                begun[message.pitch] = message.time_quarters
    return [*found, *((start, None, pitch, 80) for pitch, start in begun.items())]


@encodings
def test_hears_others_without_playing_their_notes(encoding):
    """What they hold is no note of ours, and what was sent stays."""
    performer = Performer(FakeModel(encoding), seed=4)
    stream = Stream(performer)
    stream.extend(3.0)
    performer.steering = Steering(lowest_pitch=60, highest_pitch=65)
    sent = [m for m in stream.messages if m.time_quarters < 2.6]
    stream.ask("amend", 2.6, [on(1.4, 70), on(2.5, 71, 99)])
    assert stream.messages == sent
    new = stream.extend(8.0)
    assert all(message.pitch <= 65 for message in new if message.velocity)
    stream.notes()


def test_a_held_note_goes_on_in_every_frame_until_its_off_comes():
    performer = Performer(FakeModel(ROLL, script=[]), seed=4)
    performer.extend(2.0)
    performer.amend([on(1.0, 65)], 1.1)
    performer.extend(2.0)
    frames = [np.flatnonzero(step).tolist() for step in heard_by(performer)]
    assert frames == [[], [], [], [], [10], [11], [11], [11]]
    performer.amend([off(1.4, 65)], 1.9)
    performer.extend(2.0)
    frames = [np.flatnonzero(step).tolist() for step in heard_by(performer)]
    assert frames[:8] == [[], [], [], [], [10], [11], [], []]


def test_a_held_note_event_is_given_a_length_that_grows():
    performer = Performer(FakeModel(NOTES, script=[]), seed=4)
    performer.rest(0.0, math.inf)
    lengths = []
    for now in (1.1, 1.9, 2.5, 4.5):
        performer.amend([on(1.0, 65)] if now == 1.1 else [], now)
        performer.extend(now + 1)
        ((_, pitch, duration, _),) = heard_by(performer)
        assert pitch == 5
        lengths.append(int(NOTES.duration_values[duration]))
    performer.amend([off(4.75, 65)], 5.0)
    ((_, _, duration, _),) = heard_by(performer)
    assert lengths == [4, 4, 8, 16]
    assert NOTES.duration_values[duration] == 15
    performer.extend(9.0)


def test_nothing_new_heard_is_as_revising():
    for encoding in (ROLL, NOTES):
        one, other = (Performer(FakeModel(encoding), seed=6) for _ in range(2))
        for performer in (one, other):
            performer.extend(3.0)
        one.revise(2.2)
        other.amend([off(2.0, 64)], 2.2)
        assert one.extend(9.0) == other.extend(9.0)


@encodings
def test_rests_while_it_hears(encoding):
    performer = Performer(FakeModel(encoding), seed=9)
    stream = Stream(performer)
    stream.extend(4.0)
    performer.rest(2.1, 6.0)
    stream.take_back(2.1)
    stream.extend(4.0)
    assert all(m.time_quarters == 2.1 and not m.velocity for m in stream.messages[-1:])
    heard = len(heard_by(performer))
    stream.ask("amend", 3.0, [on(2.5, 61), off(2.75, 61)])
    stream.extend(5.9)
    assert len(heard_by(performer)) > heard
    assert not [m for m in stream.messages if 2.1 < m.time_quarters < 6.0]
    stream.extend(12.0)
    assert [m for m in stream.messages if m.time_quarters >= 6.0]
    stream.notes()


def test_rests_until_it_is_told_to_resume():
    performer = Performer(FakeModel(ROLL), seed=9)
    performer.rest(0.0, math.inf)
    assert performer.extend(7.0) == []
    performer.resume(6.0)
    assert {m.time_quarters >= 6.0 for m in performer.extend(12.0)} == {True}


def test_notes_of_others_are_known_to_the_draw():
    """A frame is drawn given what others strike and hold in it, and none of that is ours."""
    shapings = []

    class Watched(FakeModel):
        def draw(self, hidden, shaping, uniforms):
            shapings.append(shaping)
            return super().draw(hidden, shaping, uniforms)

    performer = Performer(Watched(ROLL), seed=1, steering=Steering(polyphony=2))
    performer.extend(1.0)
    shapings.clear()
    performer.amend([on(0.6, 61), on(0.95, 64)], 0.9)  # 64 falls on the frame at 1.0
    performer.extend(1.5)
    first, second = shapings
    assert first.bias[2 * 4] == np.inf
    assert first.bias[2 * 1 + 1] == np.inf
    assert first.most == 4
    assert second.bias[2 * 4 + 1] == np.inf


@rolls
def test_primed_as_if_it_had_played_that(encoding):
    rng = np.random.default_rng(0)
    bar = 4 * encoding.steps_per_quarter
    steps = (rng.random((bar - 2, encoding.width)) < 0.2).astype(np.uint8)
    clock = np.array([encoding.clock_at(n) for n in range(len(steps))], dtype=np.uint8)
    for given_clock in (None, clock):
        performer = Performer(FakeModel(encoding), seed=1)
        performer.prime(steps, given_clock)
        assert performer.ready_quarters == 0.0
        heard = heard_by(performer)
        assert heard[: len(steps)] == [tuple(row) for row in steps.tolist()]
        assert len(heard) == bar  # the model has ended the bar, unheard
        performer.extend(0.1)
        assert performer._place.state[1][1] == tuple(encoding.clock_at(0).tolist())


def test_primed_with_notes():
    performer = Performer(FakeModel(NOTES), seed=1)
    steps = np.array([[4, 0, 3, 0], [4, 1, 3, 0]], dtype=np.uint8)
    performer.prime(steps, np.empty((2, 0), dtype=np.uint8))
    heard = heard_by(performer)
    assert heard[:2] == [tuple(row) for row in steps.tolist()]
    stream = Stream(performer)
    stream.extend(4.0)
    # The next shift counts from the last onset, 2 quarters before the end of the primed bar.
    shifts = [int(NOTES.shift_values[min(row[0], 16)]) for row in heard_by(performer)]
    assert sum(shifts) / 4 == pytest.approx(4.0 + performer.ready_quarters)
    stream.notes()
