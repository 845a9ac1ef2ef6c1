"""Whatever happens, in any order: plans make a legal stream, and the same ones again."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.events import Heard, Moved, Ordered, Turned, from_dict, to_dict
from rnnmusic.live.steering.orders import MODES
from tests.live.directing.events import Stream, load

TURNS = st.one_of(
    st.tuples(st.just("key"), st.sampled_from(["C major", "F# minor", None, "H"])),
    st.tuples(st.just("chord"), st.sampled_from(["Am7", "C/E", None])),
    st.tuples(st.just("temperature"), st.sampled_from([0.0, 0.5, 1.0, 3.0, 99.0])),
    st.tuples(st.just("loudness"), st.sampled_from([0.3, 1.0, 2.0])),
    st.tuples(st.just("program"), st.sampled_from([0, 40, 128])),
    st.tuples(st.just("polyphony"), st.sampled_from([1, 2, None])),
    st.tuples(st.just("lowest_pitch"), st.sampled_from([0, 65, 100])),
    st.tuples(st.just("tempo"), st.sampled_from([60.0, 0.0, 120.0])),
    st.tuples(st.just("nonsense"), st.just(1)),
).map(lambda turn: ("turned", *turn))
ORDERS = st.one_of(
    st.tuples(st.just("rewind"), st.sampled_from([(), (1,), (2, "now"), (0,), ("x",)])),
    st.tuples(st.just("loop"), st.sampled_from([(), (1, 2), (1, "now"), (9,)])),
    st.tuples(st.just("branch"), st.sampled_from([(), ("now",)])),
    st.tuples(st.just("keep"), st.sampled_from([(1,), (2,), (3,), ()])),
    st.tuples(st.just("freeze"), st.sampled_from([(), ("bar",)])),
    st.tuples(st.just("resume"), st.just(())),
    st.tuples(st.just("store"), st.sampled_from([("a",), ("b",)])),
    st.tuples(st.just("morph"), st.sampled_from([("a", "b", 0.5), ("a", "c", 0.5)])),
    st.tuples(st.just("swap"), st.sampled_from([("roll",), ("events",)])),
    st.tuples(st.just("mode"), st.sampled_from([(mode,) for mode in MODES])),
    st.tuples(st.just("preset"), st.sampled_from([("quiet",), ("there is none",)])),
    st.tuples(st.just("learn"), st.sampled_from([("density",), ("none",), ("key",)])),
    st.tuples(st.just("tap"), st.just(())),
).map(lambda order: ("ordered", *order))
HEARD = st.tuples(
    st.just("heard"),
    st.tuples(
        st.sampled_from([0x80, 0x90, 0x90, 0x91, 0x99, 0xB0]),
        st.sampled_from([60, 64, 48, 67, 1, 74]),
        st.sampled_from([0, 20, 100, 127]),
    ),
)
MOVED = st.tuples(st.just("moved"), st.sampled_from([0.0, 0.3, 4.0, 7.5]))
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.07, 0.25, 0.6, 1.0, 3.3]),  # quarters since the one before
        st.booleans(),  # whether the sampler has had the time to play ahead
        st.one_of(HEARD, HEARD, TURNS, ORDERS, MOVED),
    ),
    max_size=25,
)


def perform(setting: DirectorSettings, happenings) -> Stream:
    """A performance in which things happen while time goes on."""
    stream = Stream(setting)
    now = setting.start_quarters
    for wait, is_ahead, (kind, *what) in happenings:
        now += wait
        if is_ahead:
            stream.play(now + setting.lookahead_quarters)
        if kind == "turned":
            stream.handle(Turned(now, *what))
        elif kind == "ordered":
            stream.handle(Ordered(now, *what))
        elif kind == "heard":
            stream.handle(Heard(now, now - 0.05, *what))
        else:
            stream.handle(Moved(now, max(now, 0.0) + what[0]))
            now = max(now, 0.0) + what[0]
    stream.play(math.inf)
    return stream


SETTINGS = st.builds(
    DirectorSettings,
    checkpoint=st.sampled_from(["roll", "events"]),
    seed=st.integers(0, 3),
    mode=st.sampled_from(MODES),
    bars=st.just(6),
    lookahead_quarters=st.sampled_from([1.0, 2.5]),
    voices=st.sampled_from([(), ("60-64@2:33", "lowest@3/2"), ("all@10",)]),
    count_in_bars=st.sampled_from([0, 1]),
    loose_s=st.sampled_from([0.0, 0.01]),
    uneven=st.sampled_from([0.0, 10.0]),
)


@settings(max_examples=60)
@given(SETTINGS, HAPPENINGS)
def test_any_performance_is_legal_and_ends(setting, happenings):
    stream = perform(setting, happenings)
    end = stream.director.end_quarters
    for start, stop, _, _ in stream.notes():
        assert start < stop <= end
    assert all(notice.endswith(".") and "\n" not in notice for notice in stream.notices)


@settings(max_examples=20)
@given(SETTINGS, HAPPENINGS)
def test_the_same_events_give_the_same_plans_also_after_json(setting, happenings):
    stream = perform(setting, happenings)
    again = Stream(DirectorSettings.from_dict(json.loads(json.dumps(setting.to_dict()))))
    for event, plan in zip(stream.events, stream.plans, strict=True):
        assert again.handle(from_dict(json.loads(json.dumps(to_dict(event))))) == plan


@pytest.mark.slow
@settings(max_examples=20)
@given(st.builds(lambda s, seed: s, SETTINGS, st.integers()), HAPPENINGS)
def test_the_shipped_model_is_no_exception(setting, happenings):
    from dataclasses import replace

    load("bach-gru")
    perform(replace(setting, checkpoint="bach-gru"), happenings).notes()
