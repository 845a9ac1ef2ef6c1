from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.corpus import columns
from rnnmusic.corpus.columns import (
    PERCENTILES,
    BinaryColumns,
    CategoricalColumns,
    RealColumns,
    tally_for,
)
from rnnmusic.encodings import LogMel, NoteEvents, PianoRoll

ROLL = PianoRoll(lowest_pitch=60, highest_pitch=64)
lengths = st.lists(st.integers(0, 600), min_size=1, max_size=4)


@given(st.integers(0, 2**32 - 1), lengths)
def test_bits_are_counted_as_numpy_counts_them(seed: int, lengths: list[int]) -> None:
    rng = np.random.default_rng(seed)
    pieces = [rng.integers(0, 2, (n, 10)).astype(np.uint8) for n in lengths]
    tally = tally_for(ROLL, sum(lengths))
    for piece in pieces:
        tally.add(piece)
    found = tally.columns()
    assert isinstance(found, BinaryColumns)
    every = np.concatenate(pieces)
    expected = every.mean(axis=0) if len(every) else np.zeros(10)
    assert found.active == pytest.approx(expected)
    assert np.array_equal(found.layers["struck"][1], found.active[0::2])
    assert np.array_equal(found.layers["held"][1], found.active[1::2])
    assert found.layers["held"][0].tolist() == [60, 61, 62, 63, 64]


@given(st.integers(0, 2**32 - 1), lengths)
def test_values_are_counted_one_by_one(seed: int, lengths: list[int]) -> None:
    events = NoteEvents()
    rng = np.random.default_rng(seed)
    pieces = [rng.integers(0, events.sizes, (n, 4)).astype(events.dtype) for n in lengths]
    tally = tally_for(events, sum(lengths))
    for piece in pieces:
        tally.add(piece)
    found = tally.columns()
    assert isinstance(found, CategoricalColumns)
    every = np.concatenate(pieces)
    for number, factor in enumerate(found.factors):
        counts = [int((every[:, number] == value).sum()) for value in range(events.sizes[number])]
        assert factor.counts.tolist() == counts
    assert [factor.quantity for factor in found.factors] == [
        "shift",
        "pitch",
        "duration",
        "velocity",
    ]


def test_real_columns_have_the_moments_and_percentiles_of_all_frames() -> None:
    encoding = LogMel(mels=6)
    rng = np.random.default_rng(0)
    pieces = [rng.normal(i, 1 + i, (50 + i, 6)).astype(np.float32) for i in range(5)]
    tally = tally_for(encoding, sum(map(len, pieces)))
    for piece in pieces:
        tally.add(piece)
    found = tally.columns()
    assert isinstance(found, RealColumns)
    every = np.concatenate(pieces).astype(np.float64)
    assert found.frames == len(every)
    assert found.mean == pytest.approx(every.mean(axis=0))
    assert found.deviation == pytest.approx(every.std(axis=0))
    assert found.percentiles == pytest.approx(np.percentile(every, PERCENTILES, axis=0), abs=1e-5)
    assert found.values.total == every.size


def test_only_so_many_frames_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "SAMPLED_VALUES", 120)
    encoding = LogMel(mels=6)
    tally = tally_for(encoding, 1000)
    ramp = np.repeat(np.arange(1000, dtype=np.float32)[:, None], 6, axis=1)
    for piece in np.split(ramp, [1, 3, 333, 334]):
        tally.add(piece)
    found = tally.columns()
    assert isinstance(found, RealColumns)
    assert found.frames == 20
    # Evenly chosen, whatever the pieces: every fiftieth from the first on.
    expected = np.percentile(np.arange(0, 1000, 50), PERCENTILES)
    assert found.percentiles[:, 0] == pytest.approx(expected)
    assert found.mean == pytest.approx(np.full(6, 499.5))


def test_the_cost_of_guessing_by_frequency() -> None:
    coins = tally_for(ROLL, 2)
    coins.add(np.array([[1] * 10, [0] * 10], dtype=np.uint8))
    found = coins.columns()
    assert isinstance(found, BinaryColumns)
    assert found.nats_per_step == pytest.approx(10 * np.log(2))
    events = NoteEvents()
    dice = tally_for(events, 64)
    dice.add(np.column_stack([np.zeros((64, 3), dtype=np.int64), np.arange(64) % 32]))
    factors = dice.columns()
    assert isinstance(factors, CategoricalColumns)
    assert factors.nats_per_step == pytest.approx(np.log(32))
    velocity = factors.describe()[3]
    assert "32 of 32 values" in velocity
    assert "as varied as 32.0" in velocity


@pytest.mark.parametrize("encoding", [ROLL, NoteEvents(), LogMel(mels=6)])
def test_whatever_was_counted_is_json(encoding: PianoRoll | NoteEvents | LogMel) -> None:
    for length in (0, 1, 7):
        tally = tally_for(encoding, length)
        tally.add(np.zeros((length, len(encoding.sizes)), dtype=encoding.dtype))
        found = tally.columns()
        json.dumps(found.to_dict(), allow_nan=False)
        assert all(found.describe())
