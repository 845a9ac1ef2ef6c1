from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import InputError
from rnnmusic.sequences import EndToEnd
from rnnmusic.sequences.streams import Separate

from .numbered import some_lengths


@given(some_lengths, st.integers(1, 20), st.data())
def test_packed_bits_read_as_they_were(lengths: list[int], bits: int, data: st.DataObject) -> None:
    steps = np.random.default_rng(0).integers(0, 2, (sum(lengths), bits)).astype(np.uint8)
    stream = EndToEnd(np.packbits(steps, axis=1), lengths, bits=bits)
    whole = Separate(np.split(steps, np.cumsum(lengths)[:-1].tolist()))
    assert stream.shape == whole.shape == (bits,)
    sequence = data.draw(st.integers(0, len(lengths) - 1))
    start = data.draw(st.integers(0, lengths[sequence]))
    stop = data.draw(st.integers(start, lengths[sequence]))
    assert np.array_equal(stream.read(sequence, start, stop), whole.read(sequence, start, stop))


def test_a_window_of_a_long_sequence_unpacks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = []
    unpackbits = np.unpackbits
    monkeypatch.setattr(
        np, "unpackbits", lambda rows, **how: unpacked.append(len(rows)) or unpackbits(rows, **how)
    )
    stream = EndToEnd(np.zeros((100_000, 11), dtype=np.uint8), [100_000], bits=88)
    assert stream.read(0, 70_000, 70_016).shape == (16, 88)
    assert unpacked == [16]


@pytest.mark.parametrize("order", ["C", "F"])
def test_mapped_files_are_pickled_by_name(tmp_path: Path, order: str) -> None:
    rows = np.array(np.arange(300_000, dtype=np.float32).reshape(-1, 3), order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    pickled = pickle.dumps(EndToEnd(mapped, [40_000, 60_000]))
    assert len(pickled) < 2_000
    again = pickle.loads(pickled)
    assert isinstance(again.rows, np.memmap)
    assert np.array_equal(again.read(1, 5, 9), rows[40_005:40_009])


def test_a_part_of_a_mapped_file_is_pickled_by_value(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.arange(100))
    part = np.load(tmp_path / "rows.npy", mmap_mode="r")[30:50]
    again = pickle.loads(pickle.dumps(EndToEnd(part, [20])))
    assert again.read(0, 3, 6).tolist() == [33, 34, 35]


def test_offsets_may_leave_rows_out() -> None:
    stream = EndToEnd(np.arange(10), [2, 3], [7, 1])
    assert stream.read(0, 0, 2).tolist() == [7, 8]
    assert stream.select(np.array([1])).read(0, 1, 3).tolist() == [2, 3]


def test_lengths_that_do_not_fit_are_refused() -> None:
    rows = np.arange(10)
    with pytest.raises(InputError, match="add up to 9 steps and the array has 10"):
        EndToEnd(rows, [4, 5])
    with pytest.raises(InputError, match="beyond the 10 rows"):
        EndToEnd(rows, [4], [7])
    with pytest.raises(InputError, match="beyond the 10 rows"):
        EndToEnd(rows, [4], [-1])
    with pytest.raises(InputError, match="Sequence 1 has no steps"):
        EndToEnd(rows, [10, 0])
    with pytest.raises(InputError, match="whole numbers"):
        EndToEnd(rows, [4.5, 5.5])
    with pytest.raises(InputError, match=r"packed bits are uint8 \(N, 2\)"):
        EndToEnd(np.zeros((10, 3), dtype=np.uint8), [10], bits=16)
