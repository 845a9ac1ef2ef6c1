from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.tasks.countdown import Countdown


def test_targets_are_the_distance_to_the_next_mark() -> None:
    task = Countdown(20, density=0.2, limit=5)
    examples = task.draw(50, torch.Generator().manual_seed(0))
    inputs, lengths = examples.inputs, examples.lengths
    assert lengths is not None
    assert {10, 20} <= set(lengths.tolist()) <= set(range(10, 21))
    for row, length in enumerate(lengths.tolist()):
        marks = inputs[row].nonzero()[:, 0].tolist()
        assert examples.mask[row].tolist() == [True] * length + [False] * (20 - length)
        assert not inputs[row, length:].any()
        for t in range(length):
            ahead = [mark - t for mark in marks if mark >= t]
            assert examples.targets[row, t] == min([5, *ahead])


@pytest.mark.parametrize(("density", "limit"), [(0.1, 8), (0.3, 3), (0.5, 6), (0.4, 1)])
def test_memoryless_is_the_score_of_its_rule(density: float, limit: int) -> None:
    task = Countdown(20, density=density, limit=limit)
    examples = task.draw(20_000, torch.Generator().manual_seed(0))
    scores = []
    for guess in range(1, limit + 1):
        said = torch.where(examples.inputs > 0, 0, guess)
        scores.append(task.score(F.one_hot(said, limit + 1).double(), examples))
    assert max(scores) == pytest.approx(task.memoryless, abs=0.005)


@pytest.mark.parametrize("wrong", [{"length": 0}, {"limit": 0}, {"density": 0.0}, {"density": 1.0}])
def test_impossible_countdowns_are_refused(wrong) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError):
        Countdown(**wrong)
