from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import InputError, UsageError
from rnnmusic.sequences import Bucketed, EndToEnd, FrameDataset, Packed

from .numbered import data_of, numbered, same, some_lengths


@given(some_lengths, st.integers(1, 12), st.integers(1, 12), st.integers(0, 4), st.booleans())
def test_examples_are_those_of_the_definition(
    lengths: list[int], length: int, stride: int, shift: int, keep: bool
) -> None:
    arrays = numbered(lengths, width=3)
    data = FrameDataset(arrays).roles(shift=shift, start={"frames": [5, 6, 7]})
    windows = data.windows(length, stride, "keep" if keep else "drop")
    assert len(windows) == len(windows.lengths)
    for index, (sequence, start, stop) in enumerate(zip(*windows.spans, strict=True)):
        array = arrays[sequence]
        before = [array[t - shift] if t >= shift else [5, 6, 7] for t in range(start, stop)]
        inputs, targets = windows[index]
        assert np.array_equal(targets["frames"], array[start:stop])
        assert np.array_equal(inputs["frames"], before)
        assert same(windows[index - len(windows)], windows[index])


@pytest.mark.parametrize("shape", [(), (4,), (3, 5), (2, 3, 4)])
@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "uint16", "int16", "int64", "float16", "float32", ">f8", "complex64"]
)
def test_steps_of_any_shape_and_type(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    arrays = [(rng.random((t, *shape)) * 9).astype(dtype) for t in (5, 1, 8)]
    data = FrameDataset({"video": arrays})
    for array, (inputs, targets) in zip(arrays, data, strict=True):
        assert np.array_equal(targets["video"], array)
        assert np.array_equal(inputs["video"][1:], array[:-1])
        assert not inputs["video"][0].numpy().any()
    (batch,) = Packed(data, rows=2, row_length=9, seed=0).epoch(0)
    assert batch.targets["video"].shape == (2, 9, *shape)
    assert (
        batch.targets["video"].dtype
        == torch.from_numpy(np.zeros(1, np.dtype(dtype).newbyteorder("="))).dtype
    )


@given(some_lengths, st.integers(0, 3))
def test_aligned_streams_stay_aligned_each_with_its_role(lengths: list[int], shift: int) -> None:
    mel = [array.astype(np.float32) / 2 for array in numbered(lengths, width=4)]
    data = FrameDataset({"mel": mel, "roll": numbered(lengths), "spare": mel}).roles(
        inputs=["mel", "roll"],
        targets=["roll"],
        shift={"mel": 0, "roll": shift},
        start={"roll": -1},
    )
    for batch in Bucketed(data.windows(7, 5), batch_size=3, seed=0).epoch(0):
        assert set(batch.inputs) == {"mel", "roll"}
        assert set(batch.targets) == {"roll"}
        numbers = batch.targets["roll"][batch.mask]
        mels = batch.inputs["mel"][batch.mask]
        assert mels.dtype == torch.float32
        assert torch.equal(mels[:, 2], 1.5 * numbers)
        late = batch.inputs["roll"][batch.mask]
        assert bool(((late == numbers - shift) | (late == -1)).all())


def test_selected_sequences_are_whole_and_in_the_order_given() -> None:
    lengths = [4, 2, 5, 3]
    arrays = numbered(lengths)
    flat = EndToEnd(np.concatenate(arrays), lengths)
    for data in (FrameDataset(arrays), FrameDataset(flat)):
        chosen = data.windows(2).select([2, 0])
        assert [t["frames"].tolist() for _, t in chosen] == [
            a.tolist() for a in (arrays[2], arrays[0])
        ]
        assert [t["frames"].tolist() for _, t in data.select(slice(3, None))] == [
            arrays[3].tolist()
        ]
        assert len(data) == 4
    spared = FrameDataset({"a": arrays, "b": arrays}).roles(inputs=["a"], targets=["a"]).select([1])
    assert spared.roles()[0].targets["b"].tolist() == arrays[1].tolist()
    with pytest.raises(UsageError, match="No sequence"):
        data.select([])


def test_batches_share_no_memory_with_the_data() -> None:
    data = data_of([4])
    inputs, targets = data[0]
    inputs["x"].zero_()
    targets["x"].zero_()
    assert data[0].targets["x"].tolist() == [1, 2, 3, 4]


def test_lists_and_tensors_will_do() -> None:
    lists = FrameDataset([[[1, 2], [3, 4]], [[5, 6]]])
    tensors = FrameDataset([torch.tensor([[1, 2], [3, 4]]), torch.tensor([[5, 6]])])
    assert all(map(same, lists, tensors))


def test_examples_that_are_not_there() -> None:
    data = data_of([3, 2])
    for index in (2, -3):
        with pytest.raises(IndexError):
            data[index]


def test_unusable_arrays_are_refused() -> None:
    with pytest.raises(InputError, match="no sequences"):
        FrameDataset([])
    with pytest.raises(UsageError, match="at least one stream"):
        FrameDataset({})
    with pytest.raises(InputError, match=r"Sequence 1 is an array of shape \(2, 4\).*\(T, 3\)"):
        FrameDataset([np.zeros((5, 3)), np.zeros((2, 4))])
    with pytest.raises(InputError, match=r"Sequence 0 is an array of shape \(\)"):
        FrameDataset([np.zeros(())])
    with pytest.raises(InputError, match="Sequence 1 has no steps"):
        FrameDataset([np.zeros((5, 3)), np.zeros((0, 3))])
    with pytest.raises(InputError, match="booleans or of numbers"):
        FrameDataset([np.array(["a", "b"])])
    with pytest.raises(InputError, match="at most 64 bits"):
        FrameDataset([np.zeros(3, dtype=np.longdouble)])
    with pytest.raises(InputError, match="Sequence 1 can't be read as an array"):
        FrameDataset([[[1, 2]], [[1, 2], [3]]])
    with pytest.raises(InputError, match="Sequence 1 has 2 steps in 'a' and 3 in 'b'"):
        FrameDataset({"a": numbered([4, 2]), "b": numbered([4, 3])})
    with pytest.raises(InputError, match="'a' has 2 sequences and 'b' has 1"):
        FrameDataset({"a": numbered([4, 2]), "b": numbered([4])})


def test_impossible_roles_are_refused() -> None:
    data = FrameDataset({"a": numbered([4], width=2), "b": numbered([4])})
    with pytest.raises(UsageError, match="no stream 'c' to be an input; there are a, b"):
        data.roles(inputs=["c"])
    with pytest.raises(UsageError, match="no stream 'c' to be a target"):
        data.roles(targets=["c"])
    with pytest.raises(UsageError, match="no stream 'c' to be given a start"):
        data.roles(start={"c": 1})
    with pytest.raises(UsageError, match="shift is -1"):
        data.roles(shift=-1)
    with pytest.raises(UsageError, match=r"shift is \{'a': 1\}"):
        data.roles(shift={"a": 1})
    with pytest.raises(UsageError, match="start of 'a' is"):
        data.roles(start={"a": [1, 2, 3]})
    with pytest.raises(UsageError, match=r"start of 'b' is 0\.5"):
        data.roles(start={"b": 0.5})
    with pytest.raises(UsageError, match="start of 'b' is nan"):
        data.roles(start={"b": np.nan})
    with pytest.raises(UsageError, match="start of 'b' is 'x'"):
        data.roles(start={"b": "x"})  # type: ignore[dict-item]
