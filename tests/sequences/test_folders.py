from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from rnnmusic.errors import InputError, UsageError
from rnnmusic.sequences import EndToEnd, FrameDataset
from rnnmusic.sequences.folders import read
from rnnmusic.sequences.growing import GrowingArray

from .numbered import numbered, same, samplers, some_lengths


def streams(lengths: list[int]) -> dict[str, list[NDArray[Any]]]:
    return {
        "mel": [array.astype(np.float32) for array in numbered(lengths, width=3)],
        "roll": [array % 2 == 1 for array in numbered(lengths)],
        "video": [array.reshape(-1, 2, 2).astype(">i2") for array in numbered(lengths, width=4)],
    }


def by_sequence(columns: dict[str, list[NDArray[Any]]]) -> Iterator[dict[str, NDArray[Any]]]:
    for arrays in zip(*columns.values(), strict=True):
        yield dict(zip(columns, arrays, strict=True))


@settings(max_examples=20)  # each waits for the disk
@given(lengths=some_lengths)
def test_mapped_is_as_in_memory(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("data") / "sequences"
    columns = streams(lengths)
    FrameDataset.write(folder, by_sequence(columns))
    for stream in read(folder).values():
        assert isinstance(stream.rows, np.memmap)
    mapped, kept = FrameDataset.open(folder), FrameDataset(columns)
    assert all(map(same, mapped.windows(5, 2), kept.windows(5, 2)))
    for a, b in zip(samplers(mapped, 3), samplers(kept, 3), strict=True):
        assert all(map(same, a.epoch(0), b.epoch(0)))


def test_existing_arrays_are_mapped_where_they_lie(tmp_path: Path) -> None:
    arrays = numbered([4, 9, 2], width=2)
    np.save(tmp_path / "mine.npy", np.concatenate(arrays))
    rows = np.load(tmp_path / "mine.npy", mmap_mode="r")
    assert all(map(same, FrameDataset(EndToEnd(rows, [4, 9, 2])), FrameDataset(arrays)))


def test_a_single_stream_needs_no_name(tmp_path: Path) -> None:
    arrays = numbered([3, 4])
    FrameDataset.write(tmp_path / "data", arrays)
    assert all(map(same, FrameDataset.open(tmp_path / "data"), FrameDataset(arrays)))


def test_writing_takes_one_sequence_at_a_time(tmp_path: Path) -> None:
    alive: list[int] = []

    class Watched(np.ndarray[Any, Any]):
        def __del__(self) -> None:
            if self.base is None:
                alive.remove(id(self))

    def generated() -> Iterator[NDArray[Any]]:
        for _ in range(20):
            array = np.ndarray.__new__(Watched, (7, 3), np.uint8)
            array[:] = 1
            alive.append(id(array))
            assert len(alive) <= 2  # this one, and the one just written
            yield array
            del array

    FrameDataset.write(tmp_path / "data", generated())
    assert len(FrameDataset.open(tmp_path / "data")) == 20


def test_a_write_that_fails_leaves_what_stood_there(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    FrameDataset.write(folder, numbered([3]))

    def broken() -> Iterator[NDArray[Any]]:
        yield np.zeros(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FrameDataset.write(folder, broken())
    assert FrameDataset.open(folder)[0].targets["frames"].tolist() == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    FrameDataset.write(folder, numbered([2, 2]))
    assert len(FrameDataset.open(folder)) == 2


def test_sequences_that_are_not_alike_are_refused(tmp_path: Path) -> None:
    good = {"a": np.zeros((3, 2), dtype=np.float32), "b": np.zeros(3)}
    for second, message in (
        ({"a": good["a"]}, r"Sequence 1 has streams \['a'\]"),
        ({**good, "b": np.zeros(4)}, "Sequence 1 has steps {'a': 3, 'b': 4}"),
        ({"a": good["a"][:0], "b": good["b"][:0]}, "Sequence 1 has steps {'a': 0, 'b': 0}"),
        ({**good, "a": np.zeros((3, 2))}, r"has float64 \(3, 2\) in stream 'a'; .* float32"),
        ({**good, "a": np.zeros((3, 3), dtype=np.float32)}, r"steps of shape \(2,\)"),
        ({**good, "b": np.zeros(())}, "Sequence 1 has steps {'a': 3, 'b': 0}"),
    ):
        with pytest.raises(InputError, match=message):
            FrameDataset.write(tmp_path / "data", [good, second])
    with pytest.raises(InputError, match="no sequences to write"):
        FrameDataset.write(tmp_path / "data", [])
    with pytest.raises(InputError, match="at least one is needed"):
        FrameDataset.write(tmp_path / "data", [{}])
    with pytest.raises(InputError, match="booleans or of numbers"):
        FrameDataset.write(tmp_path / "data", [np.array(["x"])])
    with pytest.raises(InputError, match=r"shape \(0,\) hold nothing"):
        FrameDataset.write(tmp_path / "data", [np.zeros((3, 0))])
    for name in ("", "../up", "a/b", ".hidden", "-x"):
        with pytest.raises(UsageError, match="can't be called"):
            FrameDataset.write(tmp_path / "data", [{name: np.zeros(3)}])
    assert not list(tmp_path.iterdir())


def test_damaged_folders_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    def fresh() -> dict[str, Any]:
        FrameDataset.write(folder, [{"a": np.zeros((3, 2)), "b": np.zeros(3)}])
        index: dict[str, Any] = json.loads((folder / "sequences.json").read_text())
        return index

    with pytest.raises(InputError, match="Can't read"):
        FrameDataset.open(tmp_path / "nothing")
    for change in (
        {"version": 99},
        {"format": "else"},
        {"lengths": [2]},
        {"lengths": [0, 3]},
        {"lengths": "many"},
        {"streams": ["a", "c"]},
        {"streams": ["../data/a"]},
        {"streams": 3},
    ):
        (folder / "sequences.json").write_text(json.dumps({**fresh(), **change}))
        with pytest.raises(InputError, match="Can't read"):
            FrameDataset.open(folder)
    fresh()
    for text in ("", "[]", "{}", "\x00"):
        (folder / "sequences.json").write_text(text)
        with pytest.raises(InputError, match="Can't read"):
            FrameDataset.open(folder)
    for damage in (b"", b"\x93NUMPY", (folder / "a.npy").read_bytes()[:-8]):
        fresh()
        (folder / "a.npy").write_bytes(damage)
        with pytest.raises(InputError, match="Can't read"):
            FrameDataset.open(folder)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_a_growing_array_is_what_numpy_would_have_saved(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    parts = [np.full((n, *shape), n, dtype=np.int16) for n in (2, 0, 5)]
    with GrowingArray(tmp_path / "grown.npy", shape, np.dtype(np.int16)) as grown:
        for part in parts:
            grown.append(part)
    assert grown.rows == 7
    assert np.array_equal(np.load(tmp_path / "grown.npy"), np.concatenate(parts))
