"""`live --adapt`: the readout follows the performer, and everything of it can be taken back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.events import Heard, Ordered
from rnnmusic.live.performing.past import Place
from tests.live.directing.events import Stream, load
from tests.sampling.test_adaptation import nats


@pytest.fixture(params=["roll", "events"])
def model(request) -> str:
    return request.param


def playing(model: str, *, adapt: bool = True, mode: str = "duet", seed: int = 1) -> Stream:
    return Stream(DirectorSettings(model, seed=seed, mode=mode, adapt=adapt))


def repeat(stream: Stream, begin: int, count: int, pitch: int = 64) -> None:
    """Strike a note on every quarter, as time goes on."""
    for quarter in range(begin, begin + count):
        for time, message in ((quarter, (0x90, pitch, 70)), (quarter + 0.5, (0x80, pitch, 0))):
            stream.play(time + 1.02)
            stream.handle(Heard(time + 0.02, time, message))


def change_at(place: Place) -> np.ndarray:
    return place.flow.stepper.change(place.state)


def steps(stream: Stream) -> list[tuple[float, Place]]:
    """Time and place before each step of the past, oldest first."""
    past = stream.director._stage.performer._past.since(-1.0)
    return [(moment.time_quarters, moment.before) for moment in past if moment.heard is not None]


def changes(stream: Stream) -> list[np.ndarray]:
    """What had been learned before each step of the past."""
    return [change_at(place) for _, place in steps(stream)]


def likelihood(stream: Stream, model: str, *, is_adapted: bool) -> float:
    """Nats of the performer's own notes of the past, with what is known now or as the model was."""
    stepper = load(model)
    judge, total = stepper.step_logits(), 0.0
    performer = stream.director._stage.performer
    last = change_at(performer._place)
    for moment in performer._past.since(-1.0):
        if moment.heard is None or np.array_equal(moment.heard, moment.own):
            continue
        place = moment.before
        clock = place.flow._clock(place.step) if model == "roll" else place.flow._no_clock
        hidden, _ = stepper.hear(place.previous, clock, place.state.network)
        logits = judge(hidden, moment.heard)
        if is_adapted:
            logits = logits + np.append(hidden, np.float32(1)) @ last
        sizes = place.flow.encoding.sizes
        total += float(nats(sizes, torch.tensor(logits).double(), moment.heard))
    return total


def test_what_the_performer_repeats_becomes_likelier(model: str) -> None:
    stream = playing(model)
    repeat(stream, 0, 16)
    as_it_was, adapted = (likelihood(stream, model, is_adapted=known) for known in (False, True))
    assert adapted > as_it_was + 10.0


def test_it_learns_from_nobody_but_the_performer(model: str) -> None:
    alone, plain = playing(model), playing(model, adapt=False)
    for stream in (alone, plain):
        stream.play(24.0)
    assert not any(change.any() for change in changes(alone))
    assert alone.messages == plain.messages


def test_going_back_restores_the_readout_to_the_bit(model: str) -> None:
    stream = playing(model)
    repeat(stream, 0, 8)
    kept = next(change_at(place) for time, place in steps(stream) if time >= 4.0).copy()
    repeat(stream, 8, 4)
    stream.play(12.5)
    # At the bar line, quarter 12, it goes back two bars.
    stream.handle(Ordered(11.9, "rewind", (2,)))
    stream.play(12.6)
    before, after = (
        next(change_at(place) for time, place in steps(stream) if time >= since)
        for since in (11.0, 12.0)
    )
    assert np.array_equal(after, kept)
    assert not np.array_equal(before, kept)


def test_the_same_events_give_the_same_bits(model: str) -> None:
    streams = [playing(model), playing(model)]
    for stream in streams:
        repeat(stream, 0, 6)
        stream.handle(Ordered(6.2, "rewind", (1,)))
        repeat(stream, 8, 3)
        stream.play(14.0)
    assert streams[0].messages == streams[1].messages
    assert all(map(np.array_equal, changes(streams[0]), changes(streams[1])))


def test_it_is_switched_off_and_on_and_forgets(model: str) -> None:
    stream = playing(model)
    repeat(stream, 0, 4)
    assert stream.director.describe()["is_adapting"]
    stream.handle(Ordered(4.1, "adapt", ("off",)))
    repeat(stream, 5, 3)
    held = changes(stream)[-1]
    assert held.any()
    stream.play(10.0)
    repeat(stream, 10, 2)
    assert np.array_equal(changes(stream)[-1], held)
    assert not stream.director.describe()["is_adapting"]
    stream.handle(Ordered(12.4, "adapt", ("forget",)))
    stream.play(14.0)
    assert not changes(stream)[-1].any()
    stream.handle(Ordered(14.1, "adapt", ("on",)))
    repeat(stream, 15, 2)
    assert changes(stream)[-1].any()


def test_a_model_that_is_swapped_in_learns_if_the_last_one_did(model: str) -> None:
    other = {"roll": "events", "events": "roll"}[model]
    for what in ("off", "on"):
        stream = playing(model)
        repeat(stream, 0, 4)
        stream.handle(Ordered(4.1, "adapt", (what,)))
        stream.handle(Ordered(4.2, "swap", (other,)))
        repeat(stream, 8, 4)
        assert stream.director.describe()["is_adapting"] == (what == "on")


def test_the_poles_of_the_cell_follow_and_go_back_as_well() -> None:
    stream = Stream(DirectorSettings("modes", seed=1, mode="duet", adapt_cell=True))

    def poles_since(quarters: float) -> np.ndarray:
        places = (place for time, place in steps(stream) if time >= quarters)
        return next(places).state.network[-1].change

    repeat(stream, 0, 8)
    assert not any(change.any() for change in changes(stream))  # of the readout
    kept = poles_since(4.0).copy()
    assert kept.any()
    repeat(stream, 8, 4)
    stream.play(12.5)
    stream.handle(Ordered(11.9, "rewind", (2,)))
    stream.play(12.6)
    assert np.array_equal(poles_since(12.0), kept)
    assert not np.array_equal(poles_since(11.0), kept)


def test_a_performance_without_it_says_so(model: str) -> None:
    stream = playing(model, adapt=False)
    stream.play(2.0)
    stream.handle(Ordered(1.0, "adapt", ("on",)))
    stream.play(3.0)
    assert any("--adapt" in notice for notice in stream.notices)
    stream.handle(Ordered(2.0, "adapt", ("loudly",)))
    assert any("forget" in notice for notice in stream.notices)


def test_settings_keep_it() -> None:
    settings = DirectorSettings("roll", adapt=True, adapt_cell=True)
    assert DirectorSettings.from_dict(settings.to_dict()) == settings
