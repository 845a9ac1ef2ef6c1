"""Options of the exported flavours that keep delays or run up levels, against torch's own steps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.sampling.compiled import export
from tests.sampling.compiled.conftest import EVENTS, ROLL, generator_of
from tests.sampling.compiled.test_network import assert_same


@pytest.mark.parametrize("encoding", [ROLL, EVENTS], ids=["roll", "events"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("window", {"window": 1}),
        ("window", {"window": 9, "depth": 3}),
        ("time-delay", {"taps": 1, "dilations": [5, 1]}),
        ("time-delay", {"taps": 4, "dilations": [3, 1, 2]}),
        ("grid-lstm", {"depth": 1}),
        ("grid-lstm", {"depth": 4, "tied": True}),
    ],
)
def test_options(name: str, options: dict[str, Any], encoding: Any) -> None:
    for layers in (1, 2):
        generator = generator_of(
            encoding, name=name, layers=layers, learned_initial_state=True, **options
        )
        assert export(generator).is_compiled
        assert_same(generator, 100)


@settings(max_examples=30, deadline=None)
@given(
    taps=st.integers(1, 5),
    dilations=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    size=st.integers(1, 20),
    learned=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_any_delays(taps: int, dilations: list[int], size: int, learned: bool, seed: int) -> None:
    options = {"taps": taps, "dilations": dilations, "learned_initial_state": learned}
    assert_same(generator_of(ROLL, name="time-delay", size=size, seed=seed, **options), 40, seed)
