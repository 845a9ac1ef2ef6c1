from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from rnnmusic.sequences import EventDataset, FrameDataset

from .numbered import data_of, numbered, same, samplers

LENGTHS = [5, 12, 3, 9, 30, 1, 17, 8]


def mapped(folder: Path) -> FrameDataset:
    FrameDataset.write(folder / "data", numbered(LENGTHS, width=2))
    return FrameDataset.open(folder / "data")


def test_data_sets_and_epochs_survive_pickling(tmp_path: Path) -> None:
    for data in (
        data_of(LENGTHS),
        mapped(tmp_path).windows(4, 3),
        EventDataset(numbered(LENGTHS), bos=0),
    ):
        assert all(map(same, pickle.loads(pickle.dumps(data)), data))  # type: ignore[call-overload]
        for sampler in samplers(data, 3):
            epoch = sampler.planned(1, start=1)
            assert all(map(same, pickle.loads(pickle.dumps(epoch)), epoch))


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_make_the_same_batches_in_the_same_order(tmp_path: Path, start: str) -> None:
    data = mapped(tmp_path)
    for sampler in samplers(data, 2)[-1 if start == "spawn" else 0 :]:
        loader = DataLoader(
            sampler.planned(0), batch_size=None, num_workers=2, multiprocessing_context=start
        )
        batches = list(loader)
        assert len(batches) == sampler.batches_per_epoch(0)
        assert all(map(same, batches, sampler.epoch(0)))


def test_windows_of_one_length_are_batched_by_torch_itself() -> None:
    data = data_of(LENGTHS).windows(3, tails="drop")
    seen: list[int] = []
    for batch in DataLoader(data, batch_size=4, shuffle=True, num_workers=2):
        assert batch.inputs["x"].shape == batch.targets["x"].shape
        assert batch.targets["x"].shape[1] == 3
        seen += batch.targets["x"][:, 0].tolist()
    assert sorted(seen) == sorted(int(targets["x"][0]) for _, targets in data)


def test_examples_of_any_length_are_padded_by_collate() -> None:
    frames = FrameDataset({"x": numbered(LENGTHS)})
    (batch,) = DataLoader(frames, batch_size=len(LENGTHS), collate_fn=frames.collate)
    assert batch.lengths.tolist() == LENGTHS
    assert batch.reset is None
    assert torch.equal(batch.mask.sum(1), batch.lengths)
    ids = EventDataset(numbered(LENGTHS), bos=0, pad=-1)
    (events,) = DataLoader(ids, batch_size=len(LENGTHS), collate_fn=ids.collate)
    for row, length in enumerate(LENGTHS):
        for part in ("inputs", "targets"):
            dense, tokens = getattr(batch, part)["x"][row], getattr(events, part)[row]
            assert torch.equal(dense[:length], getattr(frames[row], part)["x"])
            assert torch.equal(tokens[:length], getattr(ids[row], part))
            assert not dense[length:].any()
            assert bool((tokens[length:] == -1).all())
