"""Sampling ahead and taking back: what is sent is legal, and nothing changed means the same."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.encodings import Waveform
from rnnmusic.errors import UsageError
from rnnmusic.live.performing.performer import Performer
from rnnmusic.sampling.steering import Steering
from tests.live.performing.steppers import (
    NOTES,
    PLAIN_ROLL,
    ROLL,
    FakeModel,
    Stream,
    off,
    on,
)

ENCODINGS = [ROLL, PLAIN_ROLL, NOTES]
encodings = pytest.mark.parametrize("encoding", ENCODINGS, ids=["roll", "plain roll", "notes"])

seeds = st.integers(0, 2**32)
gaps = st.floats(0.01, 3.0)


@encodings
def test_extends_in_any_portions(encoding):
    whole = Performer(FakeModel(encoding), seed=3).extend(20.0)
    assert sum(message.velocity > 0 for message in whole) > 10
    portions = Performer(FakeModel(encoding), seed=3)
    parts = []
    while portions.ready_quarters < 20.0:
        parts += portions.extend(portions.ready_quarters + 0.01)
    assert parts == whole


@encodings
def test_plays_what_the_model_draws(encoding):
    """The stream is the steps decoded."""
    performer = Performer(FakeModel(encoding), seed=5)
    stream = Stream(performer)
    stream.extend(16.0)
    steps = np.stack([moment.own for moment in performer._past.since(0.0)])
    decoded = encoding.decode(steps)
    quarter = decoded.ticks_per_quarter
    expected = [(s / quarter, e / quarter, p, v) for s, e, p, v in decoded.notes().tolist()]
    ended = [note for note in stream.notes() if note[1] is not None]
    unended = [note for note in stream.notes() if note[1] is None]
    assert set(ended) <= set(expected)
    assert len(ended) + len(unended) == len(expected)


@encodings
@settings(deadline=None, max_examples=25)
@given(seed=seeds, boundaries=st.lists(gaps, min_size=1, max_size=8))
def test_revising_with_nothing_changed_gives_the_same_future(encoding, seed, boundaries):
    untouched = Performer(FakeModel(encoding), seed=seed).extend(60.0)
    performer = Performer(FakeModel(encoding), seed=seed)
    stream = Stream(performer)
    now = 0.0
    for gap in boundaries:
        now += gap
        stream.extend(now + 1.0)
        performer.revise(now)
        stream.take_back(now)
    stream.extend(60.0)
    horizon = min(60.0, performer.ready_quarters)
    assert [m for m in stream.messages if m.time_quarters < horizon] == [
        m for m in untouched if m.time_quarters < horizon
    ]


@encodings
def test_a_changed_control_keeps_what_came_before_it(encoding):
    performer = Performer(FakeModel(encoding), seed=8)
    stream = Stream(performer)
    stream.extend(12.0)
    before = [m for m in stream.messages if m.time_quarters < 5.1]
    performer.steering = Steering(highest_pitch=62)
    performer.revise(5.1)
    stream.take_back(5.1)
    new = stream.extend(12.0)
    assert stream.messages[: len(before)] == before
    assert {message.pitch for message in new if message.velocity} <= {60, 61, 62}
    assert any(message.velocity for message in new)


def test_notes_keep_their_distribution_when_time_passes_without_one():
    """Drawn again and again given that nothing has come, an onset is distributed as one drawn once
    among those left."""
    free, bounded = Counter(), Counter()
    for seed in range(4000):
        performer = Performer(FakeModel(NOTES), seed=seed)
        free[first_onset(performer)] += 1
        if seed < 1500:
            performer = Performer(FakeModel(NOTES), seed=seed)
            for boundary in (0.25, 0.5, 0.75):
                performer.revise(boundary)
            bounded[first_onset(performer)] += 1
    left = {onset: count for onset, count in free.items() if onset >= 0.75}
    assert min(bounded) == 0.75
    for onset, count in left.items():
        expected = 1500 * count / sum(left.values())
        assert abs(bounded[onset] - expected) < 5 * math.sqrt(expected) + 5


def first_onset(performer):
    performer.extend(0.01)
    return performer._past.since(0.0)[0].time_quarters


OPERATIONS = st.one_of(
    st.tuples(st.just("extend"), st.floats(0, 2.0)),
    st.tuples(st.just("revise")),
    st.tuples(
        st.just("steer"),
        st.sampled_from(
            [
                Steering(),
                Steering(density=0.8),
                Steering(lowest_pitch=66),
                Steering(lowest_pitch=100),
                Steering(polyphony=1),
            ]
        ),
    ),
    st.tuples(
        st.just("amend"),
        st.lists(
            st.tuples(st.floats(-1.5, 0.1), st.integers(58, 73), st.sampled_from([0, 50, 90])),
            max_size=4,
        ),
    ),
    st.tuples(st.just("rest"), st.sampled_from([0.3, 1.0, 4.5, math.inf])),
    st.tuples(st.just("resume")),
    st.tuples(st.just("rewind"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("loop"), st.integers(1, 2), st.sampled_from([None, 1, 2])),
    st.tuples(st.just("branch")),
    st.tuples(st.just("keep"), st.sampled_from("ab")),
    st.tuples(st.just("freeze")),
    st.tuples(st.just("store"), st.sampled_from("xy")),
    st.tuples(st.just("morph"), st.floats(0, 1)),
    st.tuples(st.just("swap"), st.sampled_from(ENCODINGS)),
    st.tuples(st.just("jump"), st.floats(0, 3.0)),
)


def perform(performer, operations):
    """Do all that is asked, each a little later than the one before; the sender's stream."""
    stream = Stream(performer)
    now, stored = 0.0, False
    for number, (gap, is_at_bar, (name, *arguments)) in enumerate(operations):
        now += gap
        stream.extend(now + 1.0)
        boundary = 2.0 * math.ceil(now / 2.0) if is_at_bar else now
        if name == "extend":
            stream.extend(now + 1.0 + arguments[0])
        elif name == "steer":
            performer.steering = arguments[0]
            stream.ask("revise", boundary)
        elif name == "amend":
            notes = [
                on(now + t, p, v) if v else off(now + t, p) for t, p, v in sorted(arguments[0])
            ]
            stream.ask("amend", now, notes)
        elif name in ("rest", "jump"):
            getattr(performer, name)(boundary, boundary + arguments[0])
            stream.take_back(boundary)
            if name == "jump":
                stream.extend(boundary + 0.01)
                now = boundary + arguments[0]
        elif name == "rewind":
            performer.rewind(arguments[0], boundary, again=arguments[1])
            stream.take_back(boundary)
        elif name == "loop":
            performer.loop(arguments[0], boundary, arguments[1])
            stream.take_back(boundary)
        elif name == "store":
            performer.store(arguments[0], boundary)
            stored |= arguments[0] == "x"
        elif name == "morph":
            performer.store("x", boundary)
            performer.store("z", boundary)
            performer.morph("x", "z", arguments[0], boundary)
            stream.take_back(boundary)
        elif name == "swap":
            stream.ask("swap", boundary, FakeModel(arguments[0]))
        else:
            stream.ask(name, boundary, *arguments)
        if number % 3 == 0:
            stream.notes()
    stream.extend(now + 9.0)
    return stream


@encodings
@settings(deadline=None, max_examples=60)
@given(
    seed=seeds,
    operations=st.lists(st.tuples(st.floats(0.01, 1.5), st.booleans(), OPERATIONS), max_size=14),
)
def test_whatever_is_asked_for_the_stream_is_legal_and_reproducible(encoding, seed, operations):
    def play():
        performer = Performer(FakeModel(encoding), seed=seed, quarters_per_bar=2.0)
        return perform(performer, operations)

    stream = play()
    notes = stream.notes()
    assert all(0 <= note[2] <= 127 for note in notes)
    assert play().messages == stream.messages


@encodings
def test_where_nothing_may_be_played_it_rests_and_says_so_once(encoding):
    performer = Performer(FakeModel(encoding), seed=1)
    stream = Stream(performer)
    stream.extend(4.0)
    performer.steering = Steering(lowest_pitch=20, highest_pitch=30)
    performer.revise(3.1)
    stream.take_back(3.1)
    assert not [m for m in stream.extend(9.0) if m.velocity]
    (notice,) = performer.take_notices()
    assert "no note to play" in notice
    assert performer.take_notices() == ()
    performer.steering = Steering()
    performer.revise(8.1)
    stream.take_back(8.1)
    assert [m for m in stream.extend(12.0) if m.velocity]
    stream.notes()


def test_a_model_that_stops_moving_in_time_rests_for_a_beat_and_says_so():
    performer = Performer(FakeModel(NOTES, is_stalled=True), seed=0)
    stream = Stream(performer)
    stream.extend(2.5)
    assert {note[0] for note in stream.notes()} == {0.0, 1.0, 2.0, 3.0}
    assert len(performer._past) < 4 * 130
    assert any("stopped moving in time" in notice for notice in performer.take_notices())


def test_late_is_not_made_up_for():
    """When time has passed what was sampled, what comes begins at the boundary."""
    for encoding in ENCODINGS:
        performer = Performer(FakeModel(encoding), seed=2)
        stream = Stream(performer)
        stream.extend(1.0)
        performer.revise(6.0)
        stream.take_back(6.0)
        assert all(message.time_quarters >= 6.0 for message in stream.extend(9.0))
        stream.notes()


def test_memory_is_bounded_and_reaches_back_64_bars():
    performer = Performer(FakeModel(ROLL), seed=2, quarters_per_bar=1.0)
    for quarters in range(1, 200):
        performer.extend(float(quarters))
    assert 64 * 4 <= len(performer._past) <= 67 * 4
    assert performer._past.begin_quarters <= performer.ready_quarters - 64


def test_refuses_what_cannot_be():
    performer = Performer(FakeModel(ROLL), seed=0)
    for ask in (
        lambda: Performer(FakeModel(Waveform()), seed=0),
        lambda: Performer(FakeModel(ROLL), seed=0, quarters_per_bar=0.0),
        lambda: performer.rewind(0, 4.0),
        lambda: performer.loop(0, 4.0),
        lambda: performer.loop(1, 4.0, 0),
        lambda: performer.keep("c", 4.0),
        lambda: performer.jump(4.0, 3.0),
        lambda: performer.morph("a", "b", 0.5, 4.0),
    ):
        with pytest.raises(UsageError):
            ask()
    performer.extend(1.0)
    with pytest.raises(UsageError, match="has begun"):
        performer.prime(np.zeros((1, ROLL.width), dtype=np.int64))
    performer.store("a", 1.0)
    with pytest.raises(UsageError, match="share"):
        performer.morph("a", "a", 1.5, 1.0)
