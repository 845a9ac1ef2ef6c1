import pytest
import torch

from rnnmusic.embeddings import StepEmbedding
from rnnmusic.errors import UsageError


def test_binary_steps_pass_unchanged_and_clocks_are_one_hot() -> None:
    embed = StepEmbedding((2, 2, 2), (4, 2))
    steps = torch.tensor([[[1, 0, 1], [0, 0, 1]]], dtype=torch.uint8)
    clock = torch.tensor([[[3, 0], [0, 1]]], dtype=torch.uint8)
    expected = torch.tensor([[[1, 0, 1, 0, 0, 0, 1, 1, 0], [0, 0, 1, 1, 0, 0, 0, 0, 1]]])
    features = embed(steps, clock)
    assert features.shape[-1] == embed.output_size == 9
    assert features.dtype == torch.float32
    assert torch.equal(features, expected.float())
    assert embed.double()(steps, clock).dtype == torch.float64


def test_each_factor_and_the_step_before_the_first_have_their_own_rows() -> None:
    embed = StepEmbedding((5, 3), embedding_size=4)
    start = torch.tensor([5, 3])
    steps = torch.tensor([[0, 0], [1, 0], [0, 1]])
    no_clock = torch.zeros(3, 0, dtype=torch.int64)
    features = embed(torch.vstack([steps, start]), torch.zeros(4, 0, dtype=torch.int64))
    assert features.shape == (4, embed.output_size) == (4, 8)
    assert len({tuple(row.tolist()) for row in features}) == 4
    # A change in one factor leaves the features of the other alone.
    zero, first, second = embed(steps, no_clock)
    assert torch.equal(zero[4:], first[4:])
    assert not torch.equal(zero[:4], first[:4])
    assert torch.equal(zero[:4], second[:4])


def test_gradients_reach_only_the_rows_that_were_read() -> None:
    embed = StepEmbedding((5, 3), embedding_size=4)
    embed(torch.tensor([2, 1]), torch.zeros(0, dtype=torch.int64)).sum().backward()
    touched = [(table.weight.grad.abs().sum(1) > 0).nonzero().flatten() for table in embed.tables]
    assert [rows.tolist() for rows in touched] == [[2], [1]]


@pytest.mark.parametrize(
    ("steps", "clock"), [((4, 2), (4, 1)), ((4, 3), (4, 2)), ((4, 3), (3, 1)), ((4, 3), (1,))]
)
def test_shapes_that_do_not_fit_are_refused(steps: tuple[int, ...], clock: tuple[int, ...]) -> None:
    embed = StepEmbedding((2, 2, 2), (4,))
    with pytest.raises(UsageError, match="3 and 1 columns"):
        embed(torch.zeros(steps, dtype=torch.int64), torch.zeros(clock, dtype=torch.int64))


@pytest.mark.parametrize(
    ("sizes", "clock_sizes", "embedding_size"), [((), (), 4), ((0,), (), 4), ((3,), (), 0)]
)
def test_impossible_sizes_are_refused(
    sizes: tuple[int, ...], clock_sizes: tuple[int, ...], embedding_size: int
) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        StepEmbedding(sizes, clock_sizes, embedding_size=embedding_size)
