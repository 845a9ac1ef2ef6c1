from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.corpus.histograms import (
    MOST_BINS,
    extent,
    in_bins,
    of_names,
    of_values,
    of_whole_numbers,
    plain,
    round_edges,
)

numbers = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(numbers, min_size=1, max_size=60))
def test_every_value_is_in_a_bin(values: list[float]) -> None:
    histogram = of_values("x", "", "pieces", values)
    assert histogram.edges is not None
    assert histogram.total == len(values)
    assert len(histogram.edges) == len(histogram.counts) + 1 <= MOST_BINS + 2
    assert (np.diff(histogram.edges) > 0).all()
    assert (histogram.lowest, histogram.highest) == (min(values), max(values))


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_values_lie_within_the_edges_of_their_bins(values: list[int]) -> None:
    histogram = of_values("x", "", "pieces", values)
    assert histogram.edges is not None
    edges = histogram.edges
    inner = [v for v in values if edges[1] <= v < edges[-2]]
    for number in range(1, len(histogram.counts) - 1):
        within = sum(bool(edges[number] <= v < edges[number + 1]) for v in inner)
        assert histogram.counts[number] == within


def test_strays_dont_stretch_the_axis() -> None:
    histogram = of_values("x", "", "pieces", [*range(1000), 1e6])
    assert histogram.edges is not None
    assert histogram.edges[-1] < 1100
    assert histogram.total == 1001
    assert histogram.highest == 1e6


def test_values_over_decades_get_bins_that_grow() -> None:
    histogram = of_values("x", "", "pieces", np.geomspace(1, 1e4, 500))
    assert histogram.is_logarithmic
    assert histogram.total == 500
    assert histogram.counts.max() < 60


def test_what_is_not_known_doesnt_count() -> None:
    assert of_values("tempo", "", "pieces", [math.nan, 100.0, math.inf]).total == 1
    nothing = of_values("tempo", "", "pieces", [math.nan])
    assert (nothing.total, nothing.quartiles) == (0, None)
    assert nothing.describe() == "tempo: not known"


@given(st.lists(st.tuples(numbers, st.integers(0, 5)), min_size=1, max_size=30))
def test_quartiles_are_those_of_the_values_one_by_one(pairs: list[tuple[float, int]]) -> None:
    every = sorted(value for value, count in pairs for _ in range(count))
    found = extent(*(np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True)))
    if not every:
        assert found == {}
        return
    # The smallest value that a quarter, a half, three quarters don't exceed.
    expected = tuple(every[math.ceil(q * len(every)) - 1] for q in (0.25, 0.5, 0.75))
    assert (found["lowest"], found["quartiles"], found["highest"]) == (
        every[0],
        expected,
        every[-1],
    )


@given(st.floats(0.05, 60))
def test_a_value_goes_to_the_nearest_centre_by_ratio(value: float) -> None:
    centres = [0.25, 0.5, 1.0, 2.0, 3.0, 4.0]
    labels = [*map(str, centres), "more"]
    found = in_bins("x", "", "notes", np.array([value]), np.ones(1), centres=centres, labels=labels)
    label = found.labels[int(found.counts.argmax())]
    limit = 4 * math.sqrt(4 / 3)
    nearest = min(centres, key=lambda centre: abs(math.log(value / centre)))
    if abs(value - limit) > 1e-6:
        expected = "more" if value > limit else str(nearest)
        ratios = sorted(abs(math.log(value / centre)) for centre in centres)
        if ratios[1] - ratios[0] > 1e-6:
            assert label == expected
    assert found.total == 1


def test_whole_numbers_have_a_bin_each() -> None:
    histogram = of_whole_numbers("pitch", "", "notes", [0, 0, 5, 0, 1, 0])
    assert histogram.counts.tolist() == [5, 0, 1]
    assert histogram.edges is not None
    assert histogram.edges.tolist() == [1.5, 2.5, 3.5, 4.5]
    assert (histogram.lowest, histogram.quartiles, histogram.highest) == (2, (2, 2, 2), 4)
    assert of_whole_numbers("pitch", "", "notes", [0, 0]).total == 0


def test_a_line_says_what_is_usual() -> None:
    tempos = of_values("tempo", "bpm", "pieces", [60, 80, 96, 96, 140])
    assert tempos.describe() == "tempo: 60 to 140 bpm, median 96, half within 80 to 96"
    keys = of_names("key", "pieces", [1, 3, 0], ["C major", "D major", "E major"])
    assert keys.describe() == "key: D major 75%, C major 25%"
    assert of_values("tempo", "bpm", "pieces", [120, 120]).describe() == "tempo: 120 bpm"


@given(numbers, numbers)
def test_edges_are_round_and_enclose(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    edges = round_edges(low, high)
    assert edges[0] <= low
    assert edges[-1] >= high
    assert 2 <= len(edges) <= MOST_BINS + 2
    first = f"{edges[1] - edges[0]:.3e}"[0]
    assert first in "125"


@pytest.mark.parametrize(("value", "text"), [(3.0, "3"), (0.08333, "0.0833"), (123.4, "123")])
def test_numbers_are_short(value: float, text: str) -> None:
    assert plain(value) == text
