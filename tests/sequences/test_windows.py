from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.sequences.windows import Tails, windows

from .numbered import some_lengths


def one_by_one(lengths: list[int], length: int, stride: int, tails: Tails) -> list[tuple[int, ...]]:
    """The definition, followed to the letter."""
    found = []
    for sequence, steps in enumerate(lengths):
        covered, start = 0, 0
        while start + length <= steps:
            found.append((sequence, start, start + length))
            covered, start = start + length, start + stride
        leftover = [step for step in range(start, steps) if step >= covered]
        if tails == "keep" and leftover:
            found.append((sequence, start, steps))
    return found


@given(some_lengths, st.integers(1, 12), st.integers(1, 12), st.sampled_from(["keep", "drop"]))
def test_windows_are_those_of_the_definition(
    lengths: list[int], length: int, stride: int, tails: Tails
) -> None:
    spans = windows(np.array(lengths), length, stride, tails)
    assert list(zip(*map(np.ndarray.tolist, spans), strict=True)) == one_by_one(
        lengths, length, stride, tails
    )


@given(some_lengths, st.integers(1, 12), st.data())
def test_kept_tails_leave_no_step_out(lengths: list[int], length: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, length))
    spans = windows(np.array(lengths), length, stride, "keep")
    covered = {
        (sequence, step)
        for sequence, start, stop in zip(*spans, strict=True)
        for step in range(start, stop)
    }
    assert covered == {(s, step) for s, steps in enumerate(lengths) for step in range(steps)}


def test_impossible_windows_are_refused() -> None:
    lengths = np.array([5])
    with pytest.raises(UsageError, match="0 steps every 1"):
        windows(lengths, 0, 1)
    with pytest.raises(UsageError, match="2 steps every 0"):
        windows(lengths, 2, 0)
    with pytest.raises(UsageError, match="tails"):
        windows(lengths, 2, 1, "pad")  # type: ignore[arg-type]
