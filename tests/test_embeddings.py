import pytest
import torch

from rnnmusic import encodings
from rnnmusic.embeddings import REAL, Standardisation, StepEmbedding, columns_of
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
    ("sizes", "clock_sizes", "embedding_size"),
    [((), (), 4), ((-1,), (), 4), ((3,), (0,), 4), ((3,), (), 0)],
)
def test_impossible_sizes_are_refused(
    sizes: tuple[int, ...], clock_sizes: tuple[int, ...], embedding_size: int
) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        StepEmbedding(sizes, clock_sizes, embedding_size=embedding_size)


def test_real_columns_are_standardised_by_what_was_fitted() -> None:
    embed = StepEmbedding((0, 0, 0), (4,))
    assert embed.output_size == 7
    steps = torch.randn(500, 3) * torch.tensor([2.0, 30.0, 0.0]) + torch.tensor([-80.0, 5.0, 7.0])
    clock = torch.zeros(500, 1, dtype=torch.int64)
    assert torch.equal(embed(steps, clock)[:, :3], steps)  # nothing is known of them yet
    embed.fit(steps)
    features = embed(steps, clock)
    torch.testing.assert_close(features[:, :3].mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(features[:, :2].std(0, correction=0), torch.ones(2))
    # The column that never moved is measured by a tenth of what columns move on average.
    usual = float(steps.std(0, correction=0).square().mean().sqrt())
    moved = embed(torch.tensor([[-80.0, 5.0, 7.0 + usual]]), clock[:1])[0, 2]
    assert float(moved) == pytest.approx(10.0, rel=1e-4)
    assert set(embed.state_dict()) == {"standardisation.mean", "standardisation.scale"}
    other = StepEmbedding((0, 0, 0), (4,))
    other.load_state_dict(embed.state_dict())
    assert torch.equal(other(steps, clock), features)


def test_standardising_can_be_undone() -> None:
    standard = Standardisation(3).double()
    steps = torch.randn(50, 3).double() * torch.tensor([1e-3, 1.0, 1e3])
    standard.fit(steps)
    torch.testing.assert_close(standard.inverse(standard(steps)), steps)
    standard.fit(torch.full((5, 3), -80.0))
    assert torch.equal(standard(torch.full((1, 3), -79.0)), torch.ones(1, 3).double())


def test_binary_and_categorical_steps_add_nothing_to_a_checkpoint() -> None:
    assert not StepEmbedding((2, 2), (4,)).state_dict()
    assert set(StepEmbedding((5, 3)).state_dict()) == {"tables.0.weight", "tables.1.weight"}


def test_columns_have_one_kind() -> None:
    assert REAL == encodings.REAL
    assert columns_of((REAL, REAL)) == "real"
    assert columns_of((2, 2)) == "binary"
    assert columns_of((2, 3)) == columns_of((1,)) == "categorical"
    with pytest.raises(UsageError, match="mix"):
        StepEmbedding((REAL, 2))
