"""The performer on real networks: the shipped model, and note events."""

from __future__ import annotations

import numpy as np
import pytest

from rnnmusic.checkpoint import load
from rnnmusic.encodings import NoteEvents
from rnnmusic.generator import GeneratorConfig, ModelConfig, build
from rnnmusic.live.performing.performer import Performer
from rnnmusic.sampling.compiled import export
from rnnmusic.sampling.steering import Steering
from tests.live.performing.steppers import Stream, off, on


@pytest.fixture(scope="module")
def chorales():
    return export(load("bach-gru").generator)


@pytest.fixture(scope="module")
def notes():
    config = GeneratorConfig(NoteEvents(), model=ModelConfig(size=24, embedding_size=4))
    return export(build(config, seed=1))


@pytest.fixture(params=["chorales", "notes"])
def stepper(request):
    return request.getfixturevalue(request.param)


def test_steers_revises_and_listens(stepper):
    performer = Performer(stepper, seed=5)
    stream = Stream(performer)
    stream.extend(16.0)
    future = [m for m in stream.messages if m.time_quarters >= 9.3]
    stream.ask("revise", 9.3)
    stream.extend(16.0)
    assert [m for m in stream.messages if m.time_quarters >= 9.3] == future
    performer.steering = Steering(key="C major", polyphony=3, temperature=0.8)
    stream.ask("amend", 10.2, [on(9.1, 72), on(9.6, 76), off(9.9, 72)])
    new = [m for m in stream.extend(20.0) if m.velocity]
    assert new
    assert {message.pitch % 12 for message in new} <= {0, 2, 4, 5, 7, 9, 11}
    for name, *arguments in (
        ("rewind", 1),
        ("loop", 1),
        ("resume",),
        ("branch",),
        ("keep", "a"),
        ("freeze",),
        ("resume",),
    ):
        boundary = performer.ready_quarters - 1.5
        stream.ask(name, boundary, *arguments)
        stream.extend(boundary + 6.0)
    assert performer.answer((60,), performer.ready_quarters - 1)
    stream.notes()


def test_hears_others_as_if_all_had_been_encoded_together(chorales):
    encoding = chorales.encoding
    performer = Performer(chorales, seed=5)
    performer.rest(0.0, 8.0)
    performer.extend(4.0)
    melody = [(0.0, 60), (1.0, 64), (1.5, 65), (2.0, 67)]
    for start, pitch in melody:
        performer.amend([on(start, pitch)], start + 0.1)
        performer.amend([off(start + 0.5, pitch)], start + 0.6)
    frames = np.zeros((16, encoding.width), dtype=np.int64)
    for start, pitch in melody:
        frame, column = int(start * 4), 2 * (pitch - encoding.lowest_pitch)
        frames[frame, column] = frames[frame + 1, column + 1] = 1
    state, previous = chorales.initial(), encoding.start_step()
    for index, frame in enumerate(frames):
        _, state = chorales.hear(previous, encoding.clock_at(index), state)
        previous = frame
    performer.extend(4.0)
    place = performer._past.first_step(4.0)
    place = performer._place if place is None else place.before
    assert np.array_equal(flat(place.state), flat(state))


def flat(state):
    """All the numbers of a state."""
    if isinstance(state, tuple | list):
        return np.concatenate([flat(part) for part in state])
    return np.asarray(state).ravel()
