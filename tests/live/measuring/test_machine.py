"""Measuring: quantiles that were observed, steps that were taken, ears that hear."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.encodings import PianoRoll
from rnnmusic.live.measuring import machine, reactions
from rnnmusic.live.measuring.machine import spread


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_quantiles_are_nearest_ranks(values: list[float]) -> None:
    found = spread(values)
    wanted = np.quantile(values, [0.5, 0.99, 1.0], method="inverted_cdf")
    assert (found.p50, found.p99, found.max) == tuple(wanted)
    assert found.count == len(values)


def test_nothing_observed_is_no_number() -> None:
    found = spread([])
    assert found.count == 0
    assert all(math.isnan(figure) for figure in (found.p50, found.p99, found.max))


class CountingStepper:
    """Takes 1 ms to hear, and remembers what it was given."""

    encoding = PianoRoll()
    is_compiled = True
    draws = 3

    def __init__(self) -> None:
        self.clocks: list[tuple[int, ...]] = []
        self.uniforms: list[tuple[float, ...]] = []

    def initial(self) -> int:
        return 0

    def hear(self, previous: Any, clock: Any, state: int) -> tuple[int, int]:
        assert state == len(self.clocks)
        self.clocks.append(tuple(clock))
        time.sleep(0.001)
        return state, state + 1

    def draw(self, hidden: int, shaping: Any, uniforms: Any) -> Any:
        self.uniforms.append(tuple(uniforms))
        assert shaping.bias.shape == (len(self.encoding.sizes),)
        return self.encoding.start_step()


def test_a_step_is_hearing_and_drawing_in_the_metre() -> None:
    stepper = CountingStepper()
    cost = machine.step_cost(stepper, steps=20)  # type: ignore[arg-type]
    assert cost.is_compiled
    assert cost.step_us.count == 20
    assert 1000 <= cost.step_us.p50 <= cost.step_us.p99 <= cost.step_us.max
    assert len(set(stepper.clocks[:16])) == 16
    assert stepper.clocks[:16] == stepper.clocks[16:32]
    assert len(set(stepper.uniforms)) == len(stepper.uniforms) > 20


class ScriptedEngine:
    """Plays what a test has it play while it is attended."""

    is_running = True

    def __init__(self, play: Any) -> None:
        self._play = play

    def poll(self, timeout_s: float) -> list[dict[str, Any]]:
        self._play()
        time.sleep(timeout_s)
        return []


@contextmanager
def _playing(play: Callable[[socket.socket], None]) -> Iterator[tuple[Any, ...]]:
    """(engine, hand, ear): what the engine plays goes to the ear, the hand's notes to nobody."""
    hand, nobody = socket.socketpair()
    with closing(reactions._Ear()) as ear, hand, nobody:
        _, host, port = ear.spec.split(":")
        with socket.create_connection((host, int(port))) as mouth:
            yield ScriptedEngine(lambda: play(mouth)), hand, ear


@pytest.mark.parametrize("pitches", [[60, 64], [61, 60], []])
def test_a_change_lasts_until_the_last_note_that_ignores_it(pitches: list[int]) -> None:
    """The first trial chooses C major: 60 and 64 heed it, 61 doesn't."""

    def play(mouth: socket.socket) -> None:
        for pitch in pitches:
            mouth.sendall(bytes((0x90, pitch, 64)))

    with _playing(play) as (engine, hand, ear):
        took_ms = reactions._change(engine, hand, ear, 0)
    if not pitches:
        assert took_ms is None
    else:
        assert (took_ms > 0) == (61 in pitches)


def test_a_reply_is_the_first_note_added() -> None:
    def play(mouth: socket.socket) -> None:
        time.sleep(0.005)
        mouth.sendall(bytes((0x80, 60, 0, 0x90, 67, 80, 0x90, 72, 80)))

    with _playing(play) as (engine, hand, ear):
        assert reactions._reply(engine, hand, ear, 0) >= 5
    with _playing(lambda mouth: None) as (engine, hand, ear):
        assert reactions._reply(engine, hand, ear, 0) is None


def test_an_engine_that_fails_is_no_measurement() -> None:
    from rnnmusic.errors import RnnMusicError

    ended = SimpleNamespace(is_running=False, poll=lambda timeout_s: [])
    with pytest.raises(RnnMusicError, match="ended"):
        reactions._attend(ended, 0.1)  # type: ignore[arg-type]
    failing = SimpleNamespace(
        is_running=True, poll=lambda timeout_s: [{"kind": "error", "text": "The model broke."}]
    )
    with pytest.raises(RnnMusicError, match="model broke"):
        reactions._attend(failing, 0.1)  # type: ignore[arg-type]
