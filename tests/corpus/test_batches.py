from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.corpus.batches import Batch, CarriedStreams, WholePieces, in_order
from rnnmusic.corpus.pieces import Piece, Pieces
from rnnmusic.encodings.protocol import REAL, Encoding
from rnnmusic.errors import InputError, UsageError

from .helpers import ROLL, number_of, numbered, some_lengths

small = st.integers(1, 6)
Batcher = WholePieces | CarriedStreams
GOLDEN = "c5c6729fff0559022c08788e7f3f36869fc9b85413e49ccaab7f45b562f39235"


def frames_of(batches: list[Batch]) -> Counter[int]:
    return Counter(number_of(f) for b in batches for f in b.targets[b.mask].numpy())


def equal(a: Batch, b: Batch) -> bool:
    return all((x is None and y is None) or torch.equal(x, y) for x, y in zip(a, b, strict=True))


def batchers(lengths: list[int], size: int, chunk: int, **options: int) -> list[Batcher]:
    pieces = Pieces.of(numbered(lengths))
    return [
        WholePieces(pieces, ROLL, size, max_length=chunk, seed=3, **options),
        WholePieces(pieces, ROLL, size, seed=3, **options),
        CarriedStreams(pieces, ROLL, size, chunk, seed=3, **options),
    ]


@given(some_lengths, small, st.integers(1, 30), st.integers(0, 5))
def test_every_frame_once_an_epoch(lengths: list[int], size: int, chunk: int, epoch: int) -> None:
    for batches in batchers(lengths, size, chunk):
        seen = list(batches.epoch(epoch))
        assert len(seen) == batches.batches_per_epoch(epoch)
        assert frames_of(seen) == Counter(range(1, sum(lengths) + 1))


@given(some_lengths, small, st.integers(1, 30))
def test_mask_lengths_and_inputs_agree(lengths: list[int], size: int, chunk: int) -> None:
    starts = set((np.cumsum([0, *lengths[:-1]]) + 1).tolist())
    for batches in batchers(lengths, size, chunk):
        for batch in batches.epoch(0):
            b, t = batch.mask.shape
            assert batch.inputs.shape == batch.targets.shape == (b, t, len(ROLL.sizes))
            assert batch.clock.shape == (b, t, 0)
            assert {x.dtype for x in (batch.inputs, batch.targets, batch.clock)} == {torch.int64}
            assert torch.equal(batch.mask, torch.arange(t) < batch.lengths[:, None])
            assert int(batch.lengths.max()) == t
            for row, at in batch.mask.nonzero().tolist():
                number = number_of(batch.targets[row, at].numpy())
                before = 0 if number in starts else number - 1  # silence reads as 0
                assert number_of(batch.inputs[row, at].numpy()) == before
                if batch.reset is not None:
                    assert bool(batch.reset[row, at]) == (number in starts)


@given(some_lengths, small, st.integers(1, 30), st.integers(0, 3))
def test_a_carried_row_goes_on_where_it_stopped(
    lengths: list[int], rows: int, chunk: int, epoch: int
) -> None:
    starts = np.cumsum([0, *lengths[:-1]]) + 1
    batches = CarriedStreams(numbered(lengths), ROLL, rows, chunk, seed=1)
    streams: list[list[int]] = [[] for _ in range(rows)]
    for batch in batches.epoch(epoch):
        assert batch.reset is not None
        assert len(batch.mask) == rows
        assert batch.mask.shape[1] <= chunk
        for row in range(rows):
            frames = batch.targets[row][batch.mask[row]].numpy()
            streams[row] += [number_of(f) for f in frames]
    order = [n for stream in streams for n in stream if n in starts]
    whole = [list(range(s, s + n)) for s, n in zip(starts, lengths, strict=True)]
    by_start = {piece[0]: piece for piece in whole}
    assert [n for stream in streams for n in stream] == [n for s in order for n in by_start[s]]
    ends = sorted(len(stream) for stream in streams)
    assert ends[-1] - ends[0] <= max(lengths)


@given(some_lengths, small, st.integers(1, 30), st.integers(0, 4))
def test_starting_later_skips_and_changes_nothing(
    lengths: list[int], size: int, chunk: int, skip: int
) -> None:
    for batches in batchers(lengths, size, chunk, transpose=3):
        whole = list(batches.epoch(2))
        rest = list(batches.epoch(2, start=skip))
        assert len(rest) == max(0, len(whole) - skip)
        assert all(equal(a, b) for a, b in zip(whole[skip:], rest, strict=True))


@given(some_lengths, small, st.integers(1, 30), st.integers(1, 4))
def test_shards_together_are_the_global_batch(
    lengths: list[int], size: int, chunk: int, world: int
) -> None:
    for batches in batchers(lengths, size, chunk, transpose=2):
        shards = [list(batches.shard(rank, world).epoch(1)) for rank in range(world)]
        whole = list(batches.epoch(1))
        assert {len(shard) for shard in shards} == {len(whole)}
        for k, batch in enumerate(whole):
            for rank in range(world):
                mine = shards[rank][k]
                assert batches.shard(rank, world).batches_per_epoch(1) == len(whole)
                if rank < len(batch.mask):
                    rows = [None if x is None else x[rank::world] for x in batch]
                    assert equal(mine, Batch(*rows))  # type: ignore[arg-type]
                else:
                    assert mine.mask.shape == (1, batch.mask.shape[1])
                    assert not mine.mask.any()


def test_epochs_and_seeds_differ_and_repeat() -> None:
    pieces = numbered([5] * 40)
    for kind in (
        lambda seed: WholePieces(pieces, ROLL, 4, seed=seed),
        lambda seed: CarriedStreams(pieces, ROLL, 4, 8, seed=seed),
    ):
        first = next(kind(0).epoch(0))
        assert equal(first, next(kind(0).epoch(0)))
        assert not equal(first, next(kind(0).epoch(1)))
        assert not equal(first, next(kind(1).epoch(0)))


@given(st.lists(st.integers(0, 23), min_size=1, max_size=12), st.integers(1, 12))
def test_transposition_moves_whole_pieces_within_range(columns: list[int], limit: int) -> None:
    steps = np.zeros((len(columns), 24), dtype=np.uint8)
    steps[np.arange(len(columns)), columns] = 1
    piece = Piece("melody", steps, np.zeros((len(columns), 0), dtype=np.uint8))
    low, high = ROLL.transposition_range(steps, limit)
    for batches in (
        WholePieces([piece], ROLL, 1, seed=0, transpose=limit),
        CarriedStreams([piece], ROLL, 2, 5, seed=0, transpose=limit),
    ):
        shifts = set()
        for epoch in range(40):
            seen = [b.targets[b.mask] for b in batches.epoch(epoch)]
            moved = torch.cat(seen).argmax(dim=1).numpy() - np.array(columns)
            assert len(set(moved.tolist())) == 1
            assert torch.cat(seen).sum() == len(columns)
            shifts.add(int(moved[0]))
        assert min(shifts) >= low
        assert max(shifts) <= high
        if high - low <= 4:  # 40 draws from so few all but surely meet each
            assert shifts == set(range(low, high + 1))


def test_similar_lengths_share_a_batch() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 320).tolist()
    batches = WholePieces(numbered(lengths), ROLL, 8, seed=0)
    padded = sum(batch.mask.numel() for batch in batches.epoch(0))
    assert padded < 1.2 * sum(lengths)


@given(some_lengths, small)
def test_in_order_gives_each_piece_whole_with_its_index(lengths: list[int], size: int) -> None:
    pieces = Pieces.of(numbered(lengths))
    seen = []
    for indices, batch in in_order(pieces, ROLL, size):
        assert batch.reset is None
        assert len(indices) == len(batch.mask) <= size
        for row, index in enumerate(indices):
            frames = batch.targets[row][batch.mask[row]].numpy()
            assert np.array_equal(frames, pieces[int(index)].steps)
        seen += indices.tolist()
    assert sorted(seen) == list(range(len(lengths)))


def test_the_clock_comes_along() -> None:
    steps = np.zeros((6, 24), dtype=np.uint8)
    metrical = type(ROLL)(
        steps_per_quarter=2, lowest_pitch=48, highest_pitch=71, articulation=False
    )
    clock = np.arange(12, dtype=np.uint8).reshape(6, 2) % 2
    batch = next(WholePieces([Piece("a", steps, clock)], metrical, 1, seed=0).epoch(0))
    assert np.array_equal(batch.clock[0].numpy(), clock)


@dataclass(frozen=True)
class Frames(Encoding):
    """Frames of three real numbers, of no particular meaning."""

    name: ClassVar[str] = "frames"
    sizes: ClassVar[tuple[int, ...]] = (REAL, REAL, REAL)  # type: ignore[misc]
    dtype: ClassVar[np.dtype[Any]] = np.dtype("<f4")  # type: ignore[misc]


@given(some_lengths, small, st.integers(1, 30))
def test_real_numbers_stay_as_they_are(lengths: list[int], size: int, chunk: int) -> None:
    steps = np.random.default_rng(0).normal(size=(sum(lengths), 3)).astype(np.float32)
    clock = np.zeros((len(steps), 0), dtype=np.uint8)
    offsets = np.cumsum([0, *lengths[:-1]])
    pieces = Pieces(steps, clock, ["x"] * len(lengths), offsets, np.array(lengths))
    after = {(0.0, 0.0, 0.0): steps[offsets].tolist()}  # silence comes before every piece
    for offset, length in zip(offsets, lengths, strict=True):
        for a, b in zip(
            *(steps[offset + i : offset + length + i - 1] for i in (0, 1)), strict=True
        ):
            after[tuple(a.tolist())] = [b.tolist()]
    for batches in (
        WholePieces(pieces, Frames(), size, seed=0, max_length=chunk),
        CarriedStreams(pieces, Frames(), size, chunk, seed=0),
    ):
        seen = []
        for batch in batches.epoch(0):
            assert batch.inputs.dtype == batch.targets.dtype == torch.float32
            assert not batch.targets[~batch.mask].any()
            assert not batch.inputs[~batch.mask].any()
            found = batch.inputs[batch.mask].tolist(), batch.targets[batch.mask].tolist()
            for before, target in zip(*found, strict=True):
                assert target in after[tuple(before)]
            seen += found[1]
        assert sorted(seen) == sorted(steps.tolist())


def test_a_seed_gives_the_batches_it_always_gave() -> None:
    """What a run is resumed with is what it was begun with, also by an older rnnmusic."""
    digest = hashlib.sha256()
    for batches in batchers([7, 40, 3, 12, 12, 25, 1, 9], 3, 10, transpose=2):
        for batch in batches.epoch(5):
            for tensor in batch:
                if tensor is not None:
                    digest.update(str((tensor.shape, tensor.dtype)).encode())
                    digest.update(tensor.numpy().tobytes())
    assert digest.hexdigest() == GOLDEN


def test_a_chunk_of_a_long_piece_unpacks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.packbits(numbered([5000])[0].steps, axis=1)
    clock = np.zeros((5000, 0), dtype=np.uint8)
    lengths = np.array([5000])
    pieces = Pieces(rows, clock, ["long"], np.zeros_like(lengths), lengths, bits=24)
    unpacked = []
    unpackbits = np.unpackbits

    def counting(rows: Any, **how: Any) -> Any:
        unpacked.append(len(rows))
        return unpackbits(rows, **how)

    monkeypatch.setattr(np, "unpackbits", counting)
    batches = list(CarriedStreams(pieces, ROLL, 1, 16, seed=0).epoch(0))
    assert max(unpacked) == 17  # a chunk and the step before it
    assert frames_of(batches) == Counter(range(1, 5001))


@given(some_lengths, small, st.integers(1, 30))
def test_epochs_go_to_workers_as_they_are(lengths: list[int], size: int, chunk: int) -> None:
    for batches in batchers(lengths, size, chunk, transpose=2):
        epoch = batches.planned(1)
        sent = pickle.loads(pickle.dumps(epoch))
        assert all(map(equal, sent, batches.epoch(1)))
        assert len(sent) == batches.batches_per_epoch(1)


def test_batches_move_between_devices() -> None:
    whole = next(WholePieces(numbered([3]), ROLL, 1, seed=0).epoch(0)).to("meta")
    carried = next(CarriedStreams(numbered([3]), ROLL, 1, 2, seed=0).epoch(0)).to("meta")
    assert whole.inputs.is_meta
    assert whole.reset is None
    assert carried.reset is not None
    assert carried.reset.is_meta


def test_impossible_requests_are_refused() -> None:
    pieces = numbered([3])
    with pytest.raises(InputError, match="no pieces"):
        WholePieces([], ROLL, 1, seed=0)
    with pytest.raises(UsageError, match="batch_size"):
        WholePieces(pieces, ROLL, 0, seed=0)
    with pytest.raises(UsageError, match="max_length"):
        WholePieces(pieces, ROLL, 1, max_length=0, seed=0)
    with pytest.raises(UsageError, match="chunk_length"):
        CarriedStreams(pieces, ROLL, 1, 0, seed=0)
    with pytest.raises(UsageError, match="transpose"):
        CarriedStreams(pieces, ROLL, 1, 1, seed=0, transpose=-1)
    with pytest.raises(UsageError, match="shard 2 of 2"):
        WholePieces(pieces, ROLL, 1, seed=0).shard(2, 2)
