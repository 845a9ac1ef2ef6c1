from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given

from rnnmusic.errors import InputError, UsageError
from rnnmusic.sequences import Bucketed, EventDataset, FrameDataset

from .numbered import numbered, same, small, some_lengths


@given(some_lengths, small)
def test_each_input_is_the_id_before_its_target(lengths: list[int], size: int) -> None:
    data = EventDataset([a.astype(np.uint16) for a in numbered(lengths)], bos=0, pad=-100)
    for batch in Bucketed(data, batch_size=size, seed=0).epoch(0):
        assert batch.inputs.dtype == batch.targets.dtype == torch.int64
        assert bool((batch.targets[~batch.mask] == -100).all())
        assert bool((batch.inputs[~batch.mask] == -100).all())
        assert batch.inputs[:, 0].tolist() == [0] * len(batch.mask)
        for row, length in enumerate(batch.lengths.tolist()):
            targets = batch.targets[row, :length]
            assert torch.equal(targets, torch.arange(length) + targets[0])
            assert torch.equal(batch.inputs[row, 1:length], targets[:-1])


def test_events_of_several_factors_begin_with_an_id_for_each() -> None:
    ids = [np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)]
    example = EventDataset(ids, bos=(300, 301, 302))[0]
    assert example.inputs.tolist() == [[300, 301, 302], [1, 2, 3]]
    assert example.targets.tolist() == ids[0].tolist()
    assert EventDataset(ids, bos=9)[0].inputs[0].tolist() == [9, 9, 9]


@given(some_lengths)
def test_windows_begin_with_the_id_before_them(lengths: list[int]) -> None:
    data = EventDataset(numbered(lengths), bos=0).windows(4)
    for (inputs, targets), start in zip(data, data.spans.start, strict=True):
        assert inputs[0] == (targets[0] - 1 if start else 0)


def test_events_go_to_files_and_back(tmp_path: Path) -> None:
    sequences = numbered([3, 5, 1])
    EventDataset.write(tmp_path / "events", iter(sequences))
    opened = EventDataset.open(tmp_path / "events", bos=0, pad=7)
    assert all(map(same, opened, EventDataset(sequences, bos=0, pad=7)))
    FrameDataset.write(tmp_path / "frames", sequences)
    with pytest.raises(InputError, match="holds the streams frames, not events"):
        EventDataset.open(tmp_path / "frames", bos=0)


def test_what_is_no_id_is_refused() -> None:
    with pytest.raises(InputError, match="integers"):
        EventDataset([np.zeros(3)], bos=0)
    with pytest.raises(InputError, match="integers"):
        EventDataset([np.zeros((3, 2, 2), dtype=np.int64)], bos=0)
    with pytest.raises(UsageError, match="start of 'ids' is"):
        EventDataset(numbered([3], width=2), bos=(1, 2, 3))
