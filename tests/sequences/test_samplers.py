from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.sequences import Bucketed, Carried, Packed, SequenceBatch, Shuffled, in_order

from .numbered import DictBatch, data_of, same, samplers, small, some_lengths


def starts_of(lengths: list[int]) -> list[int]:
    return (np.cumsum([0, *lengths[:-1]]) + 1).tolist()


def rows_of(batch: DictBatch) -> list[list[int]]:
    return [row[mask].tolist() for row, mask in zip(batch.targets["x"], batch.mask, strict=True)]


@given(some_lengths, small, st.integers(0, 5))
def test_every_step_once_an_epoch(lengths: list[int], size: int, epoch: int) -> None:
    for sampler in samplers(data_of(lengths), size):
        seen = list(sampler.epoch(epoch))
        assert len(seen) == sampler.batches_per_epoch(epoch)
        steps = Counter(n for batch in seen for row in rows_of(batch) for n in row)
        assert steps == Counter(range(1, sum(lengths) + 1))


@given(some_lengths, small, st.integers(0, 3))
def test_inputs_masks_and_resets_agree_and_nothing_leaks(
    lengths: list[int], size: int, shift: int
) -> None:
    starts = starts_of(lengths)
    first_of = {n: s for s, steps in zip(starts, lengths, strict=True) for n in range(s, s + steps)}
    data = data_of(lengths).roles(shift=shift, start={"x": -7})
    for sampler in samplers(data, size):
        for batch in sampler.epoch(0):
            width = batch.mask.shape[1]
            assert torch.equal(batch.mask, torch.arange(width) < batch.lengths[:, None])
            assert int(batch.lengths.max()) == width
            inputs, targets = batch.inputs["x"], batch.targets["x"]
            assert not inputs[~batch.mask].any()
            assert not targets[~batch.mask].any()
            wanted = [
                n - shift if n - shift >= first_of[n] else -7 for n in targets[batch.mask].tolist()
            ]
            assert inputs[batch.mask].tolist() == wanted
            begins = torch.isin(targets, torch.tensor(starts))
            if batch.reset is None:
                assert begins[:, 0].all()
                assert begins.sum() == len(begins)
            else:
                assert torch.equal(batch.reset, begins)


@given(some_lengths, small, st.integers(1, 12), st.integers(0, 3))
def test_a_carried_row_goes_on_where_it_stopped(
    lengths: list[int], rows: int, chunk: int, epoch: int
) -> None:
    streams: list[list[int]] = [[] for _ in range(rows)]
    batches = list(Carried(data_of(lengths), rows=rows, chunk_length=chunk, seed=1).epoch(epoch))
    for k, batch in enumerate(batches):
        assert batch.mask.shape[0] == rows
        assert batch.mask.shape[1] <= chunk
        for row, steps in enumerate(rows_of(batch)):
            # A row that is shorter than a chunk has come to its end.
            assert k == 0 or not steps or len(rows_of(batches[k - 1])[row]) == chunk
            streams[row] += steps
    starts = starts_of(lengths)
    whole = {s: list(range(s, s + n)) for s, n in zip(starts, lengths, strict=True)}
    for stream in streams:
        assert stream == [n for s in stream if s in whole for n in whole[s]]
    ends = sorted(map(len, streams))
    assert ends[-1] - ends[0] <= max(lengths)


@given(some_lengths, small, st.integers(30, 90))
def test_packed_rows_hold_whole_examples(lengths: list[int], rows: int, row_length: int) -> None:
    starts = starts_of(lengths)
    whole = {s: list(range(s, s + n)) for s, n in zip(starts, lengths, strict=True)}
    batches = list(Packed(data_of(lengths), rows=rows, row_length=row_length, seed=0).epoch(0))
    sizes = [len(batch.mask) for batch in batches]
    assert sizes[:-1] == [rows] * (len(sizes) - 1)
    assert 1 <= sizes[-1] <= rows
    filled = []
    for batch in batches:
        for row in rows_of(batch):
            assert len(row) <= row_length
            assert row == [n for s in row if s in whole for n in whole[s]]
            filled.append(len(row))
    if sum(lengths) <= rows * row_length:  # a single pool: no two rows would have fitted in one
        assert sum(sorted(filled)[:2]) > row_length or len(filled) == 1


@given(some_lengths, st.integers(30, 120), st.integers(0, 3))
def test_bucketed_batches_keep_to_their_budget(
    lengths: list[int], max_steps: int, epoch: int
) -> None:
    for batch in Bucketed(data_of(lengths), max_steps=max_steps, seed=0).epoch(epoch):
        assert batch.mask.numel() <= max_steps
        assert batch.lengths.tolist() == sorted(batch.lengths.tolist(), reverse=True)


def test_a_budget_is_made_use_of() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 1000).tolist()
    sampler = Bucketed(data_of(lengths), max_steps=1600, seed=0)
    padded = sum(batch.mask.numel() for batch in sampler.epoch(0))
    assert padded < 1.1 * sum(lengths)
    assert sampler.batches_per_epoch(0) < 1.25 * sum(lengths) / 1600


def test_packed_rows_are_all_but_full() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 1000).tolist()
    batches = Packed(data_of(lengths), rows=4, row_length=256, seed=0).epoch(0)
    assert sum(batch.mask.numel() for batch in batches) < 1.05 * sum(lengths)


@given(some_lengths, small)
def test_shuffled_batches_are_of_one_size(lengths: list[int], size: int) -> None:
    sizes = [
        len(batch.mask) for batch in Shuffled(data_of(lengths), batch_size=size, seed=0).epoch(0)
    ]
    assert sizes == [size] * (len(lengths) // size) + [len(lengths) % size] * (
        len(lengths) % size > 0
    )


@given(some_lengths, small, st.integers(0, 6))
def test_an_epoch_resumes_at_any_batch(lengths: list[int], size: int, start: int) -> None:
    for sampler in samplers(data_of(lengths).windows(4, 3), size):
        whole = list(sampler.epoch(2))
        rest = list(sampler.epoch(2, start=start))
        assert len(rest) == max(0, len(whole) - start)
        assert all(map(same, whole[start:], rest))
        planned = sampler.planned(2, start)
        assert len(planned) == len(rest)
        assert all(same(planned[k], rest[k]) for k in reversed(range(len(rest))))
        with pytest.raises(IndexError):
            planned[len(rest)]


@given(some_lengths, small, st.integers(1, 4))
def test_shards_are_the_rows_of_the_global_batches(
    lengths: list[int], size: int, world: int
) -> None:
    for sampler in samplers(data_of(lengths).windows(5), size):
        whole = list(sampler.epoch(1))
        for rank in range(world):
            shard = sampler.shard(rank, world)
            mine = list(shard.epoch(1))
            assert shard.batches_per_epoch(1) == len(mine) == len(whole)
            for part, batch in zip(mine, whole, strict=True):
                if rank >= len(batch.mask):  # padding, of the same width
                    assert part.mask.shape == (1, batch.mask.shape[1])
                    assert not part.mask.any()
                    assert part.lengths.tolist() == [0]
                    continue
                rows = {"x": batch.targets["x"][rank::world]}
                assert same(part.targets, rows)
                assert same(part.inputs, {"x": batch.inputs["x"][rank::world]})
                assert same(part.mask, batch.mask[rank::world])
                assert same(part.lengths, batch.lengths[rank::world])
                assert same(part.reset, None if batch.reset is None else batch.reset[rank::world])


def test_epochs_and_seeds_differ_and_repeat() -> None:
    data = data_of([5, 6, 7] * 15)
    others = samplers(data, 4, seed=4)
    for sampler, again, other in zip(samplers(data, 4), samplers(data, 4), others, strict=True):
        first = list(sampler.epoch(0))
        assert all(map(same, first, again.epoch(0)))
        assert not all(map(same, first, sampler.epoch(1)))
        assert not all(map(same, first, other.epoch(0)))


@given(some_lengths, small)
def test_in_order_gives_each_example_with_its_index(lengths: list[int], size: int) -> None:
    data = data_of(lengths).windows(6, 4)
    seen: list[int] = []
    for indices, batch in in_order(data, size):
        assert len(indices) <= size
        for index, row in zip(indices.tolist(), rows_of(batch), strict=True):
            assert row == data[index].targets["x"].tolist()
        seen += indices.tolist()
    assert sorted(seen) == list(range(len(data)))
    assert data.lengths[seen].tolist() == sorted(data.lengths.tolist())


@given(some_lengths, small)
def test_packed_sequences_hold_each_example_once_and_in_step(lengths: list[int], size: int) -> None:
    for sampler in samplers(data_of(lengths), size)[:4]:
        for batch in sampler.epoch(0):
            inputs, targets = batch.packed(batch.inputs["x"]), batch.packed(batch.targets["x"])
            assert sorted(targets.data.tolist()) == sorted(n for row in rows_of(batch) for n in row)
            starts = set(starts_of(lengths))
            wanted = [0 if n in starts else n - 1 for n in targets.data.tolist()]
            assert inputs.data.tolist() == wanted


def test_a_network_of_torchs_reads_packed_rows_as_it_reads_each_example() -> None:
    torch.manual_seed(0)
    gru = torch.nn.GRU(1, 3, batch_first=True)
    data = data_of([4, 9, 2, 7])
    (batch,) = Packed(data, rows=4, row_length=11, seed=0).epoch(0)
    run, _ = gru(batch.packed(batch.inputs["x"][..., None].float() / 22))
    numbers = batch.packed(batch.targets["x"]).data.tolist()
    found = dict(zip(numbers, run.data, strict=True))
    for example in data:
        alone, _ = gru(example.inputs["x"][None, :, None].float() / 22)
        for number, hidden in zip(example.targets["x"].tolist(), alone[0], strict=True):
            torch.testing.assert_close(found[number], hidden)


def test_rows_that_go_on_cannot_be_packed_away() -> None:
    batches = list(Carried(data_of([9]), rows=1, chunk_length=4, seed=0).epoch(0))
    assert batches[0].packed(batches[0].targets["x"]).data.tolist() == [1, 2, 3, 4]
    with pytest.raises(UsageError, match="Row 0 goes on"):
        batches[1].packed(batches[1].targets["x"])


def test_padding_cannot_be_packed() -> None:
    batch = next(Shuffled(data_of([3]), batch_size=1, seed=0).shard(1, 2).epoch(0))
    with pytest.raises(UsageError, match="all padding"):
        batch.packed(batch.targets["x"])


def test_batches_move_between_devices() -> None:
    for sampler in samplers(data_of([3, 4]), 2):
        batch: DictBatch = next(sampler.epoch(0))
        moved = batch.to("meta")
        assert isinstance(moved, SequenceBatch)
        assert moved.inputs["x"].is_meta
        assert moved.mask.is_meta
        assert (moved.reset is None) == (batch.reset is None)


def test_impossible_requests_are_refused() -> None:
    data = data_of([3, 9])
    with pytest.raises(UsageError, match="batch_size must be 1"):
        Shuffled(data, batch_size=0, seed=0)
    with pytest.raises(UsageError, match="either batch_size or max_steps"):
        Bucketed(data, seed=0)
    with pytest.raises(UsageError, match="either batch_size or max_steps"):
        Bucketed(data, batch_size=1, max_steps=100, seed=0)
    with pytest.raises(UsageError, match="max_steps must be 1"):
        Bucketed(data, max_steps=0, seed=0)
    with pytest.raises(UsageError, match="9 steps and a batch may have 8"):
        next(Bucketed(data, max_steps=8, seed=0).epoch(0))
    with pytest.raises(UsageError, match="9 steps and a row 8"):
        next(Packed(data, rows=1, row_length=8, seed=0).epoch(0))
    with pytest.raises(UsageError, match="rows"):
        Packed(data, rows=0, row_length=9, seed=0)
    with pytest.raises(UsageError, match="chunk_length"):
        Carried(data, rows=1, chunk_length=0, seed=0)
    with pytest.raises(UsageError, match="shard 2 of 2"):
        Shuffled(data, batch_size=1, seed=0).shard(2, 2)
    with pytest.raises(UsageError, match="start at batch -1"):
        next(Shuffled(data, batch_size=1, seed=0).epoch(0, start=-1))
    with pytest.raises(UsageError, match="no examples"):
        Shuffled(data.windows(20, tails="drop"), batch_size=1, seed=0)
