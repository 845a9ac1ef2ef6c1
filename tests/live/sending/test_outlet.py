"""Outlets on ports in a bad mood: whatever a port raises, what sounds is ended when it can be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import DeviceError
from rnnmusic.live.messages import note_off, note_on, program_change
from rnnmusic.live.sending.outlet import Outlet
from tests.live.playing import Synthesiser

ON, OFF = note_on(0, 60, 64), note_off(0, 60)


class Moody:
    """A port that is there all the time, and raises when it is told to."""

    name, lead_s, clock, is_alive = "moody", 0.0, None, True

    def __init__(self) -> None:
        self.moods: list[Exception | None] = []  # what comes of the next messages; then all is well
        self.messages: list[bytes] = []

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        pass

    def send(self, message: bytes, time_s: float) -> None:
        mood = self.moods.pop(0) if self.moods else None
        if mood is not None:
            raise mood
        self.messages.append(message)

    def close(self) -> None:
        pass

    @property
    def down(self) -> set[tuple[int, int]]:
        """The keys that are down at the other end, where a key may be released twice."""
        synthesiser = Synthesiser()
        for message in self.messages:
            key = (message[0] & 0x0F, message[1])
            if message[0] & 0xF0 != 0x80 or key in synthesiser.down:
                synthesiser.hear(message)
        return synthesiser.down


class Post:
    """An outlet to such a port."""

    def __init__(self) -> None:
        self.port = Moody()
        self.said: list[tuple[bool, str]] = []
        self.outlet = Outlet(
            self.port, lambda message, due_s: None, lambda *change: self.said.append(change)
        )


@pytest.mark.parametrize(
    ("own_s", "asked_s", "lead_s"), [(0.01, 0.1, 0.1), (0.2, 0.1, 0.2), (0, 1, 0)]
)
def test_only_a_port_that_plays_ahead_is_given_more_lead(own_s, asked_s, lead_s):
    port = Moody()
    port.lead_s = own_s
    outlet = Outlet(port, lambda *_: None, lambda *_: None, asked_s)
    assert outlet.lead_s == lead_s
    port.is_alive = False
    outlet.check(0.0)
    port.is_alive = True
    outlet.check(1.0)
    assert outlet.lead_s == lead_s


@pytest.mark.parametrize("error", [DeviceError("It is full."), RuntimeError("driver"), OSError(5)])
@pytest.mark.parametrize("during", [ON, OFF])
def test_a_port_that_refuses_once_ends_what_sounded_and_goes_on(error, during):
    post = Post()
    post.outlet.play(program_change(0, 5), 0.0)
    post.outlet.play(ON, 0.0)
    post.port.moods = [error]
    post.outlet.play(during, 1.0)
    assert post.outlet.is_lost
    post.outlet.check(1.1)
    assert not post.port.down
    assert [is_alive for is_alive, _ in post.said] == [False, True]
    assert str(error) in post.said[0][1]
    assert post.port.messages[-1] == program_change(0, 5)
    assert post.outlet.play(note_on(0, 64, 64), 2.0)
    assert post.port.down == {(0, 64)}


def test_at_the_end_a_port_that_refused_is_tried_once_more():
    post = Post()
    post.outlet.play(ON, 0.0)
    post.port.moods = [ValueError("mood")]
    post.outlet.play(OFF, 1.0)
    post.outlet.silence(1.0)
    assert not post.port.down


def test_a_port_that_always_raises_is_reported_once():
    post = Post()
    post.outlet.play(ON, 0.0)
    post.port.moods = [ValueError("mood")] * 50
    for i in range(40):
        post.outlet.check(0.1 * i)
        post.outlet.play(OFF if i % 2 else ON, 0.1 * i)
    assert len(post.said) == 1
    post.port.moods = []
    post.outlet.check(9.0)
    assert not post.port.down


@given(
    st.lists(st.sampled_from([ON, OFF, note_on(0, 61, 9), note_off(0, 61)]), max_size=12),
    st.lists(st.booleans(), max_size=16),
)
def test_whatever_it_refuses_nothing_sounds_after_the_end(messages, moods):
    post = Post()
    post.port.moods = [ValueError("mood") if is_bad else None for is_bad in moods]
    for i, message in enumerate(messages):
        post.outlet.play(message, float(i))
        if i % 3 == 2:
            post.outlet.check(float(i))
    post.port.moods = []
    post.outlet.silence(99.0)
    assert not post.port.down
