"""The configurations that sequences come in: lengths, states, teaching, clipping."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, SequenceModel, fit, model_for
from rnnmusic.recurrent import build, tree_map
from rnnmusic.tasks import Adding, Examples, Parity, only_last
from tests.learning.small import Echo, drawn, tiny

LENGTHS = [5, 2, 7]


def gradients(model: SequenceModel, losses: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(losses.sum(), list(model.parameters())))


@pytest.mark.parametrize("flavour", ["rnn", "lstm", "gru", "ssm"])
def test_packing_masks_and_resets_give_the_same_gradients(flavour: str) -> None:
    """Rows of unequal lengths: ended by lengths, padded and masked, or end to end with resets."""
    task = Echo(7)
    model = tiny(flavour, task, learned_initial_state=True)
    examples = drawn(task)
    lengths = torch.tensor(LENGTHS)
    mask = torch.arange(7) < lengths.unsqueeze(1)
    squares = lambda y, wanted: (model.readout(y) - wanted) ** 2  # noqa: E731

    packed, _ = model.recurrent(examples.inputs, lengths=lengths)
    by_lengths = gradients(model, squares(packed, examples.targets)[mask])
    padded, _ = model.recurrent(examples.inputs)
    by_mask = gradients(model, squares(padded, examples.targets)[mask])
    joined, wanted = examples.inputs[mask].unsqueeze(0), examples.targets[mask].unsqueeze(0)
    reset = torch.zeros(1, sum(LENGTHS), dtype=torch.bool)
    reset[0, torch.tensor(LENGTHS).cumsum(0)[:-1]] = True
    carried, _ = model.recurrent(joined, reset=reset)
    by_resets = gradients(model, squares(carried, wanted))
    for a, b, c in zip(by_lengths, by_mask, by_resets, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(a, c, rtol=1e-9, atol=1e-11)


def test_a_given_state_is_where_the_sequence_begins() -> None:
    task = Echo(7)
    model, examples = tiny("gru", task), drawn(task)
    _, state = model(Examples(*(None if p is None else p[:, :3] for p in examples)))
    later = Examples(*(None if p is None else p[:, 3:] for p in examples))
    torch.testing.assert_close(model(later, state)[0], model(examples)[0][:, 3:])
    other = model(later, tree_map(lambda s: s + 1.0, state))[0]
    assert not torch.allclose(other, model(later, state)[0])


@pytest.mark.parametrize("count", [1, 3])
def test_only_the_last_steps_teach(count: int) -> None:
    task = Echo(6)
    model, examples = tiny("gru", task), drawn(task)
    taught = examples._replace(mask=only_last(examples.mask, count=count))
    outputs = model(taught)[0].detach().requires_grad_()
    task.loss(outputs, taught).backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    assert not outputs.grad[:, :-count].any()
    assert outputs.grad[:, -count:].all()


def test_only_some_units_teach() -> None:
    task = Adding(6)
    task.output_size = 3
    outputs = torch.randn(2, 6, 3, requires_grad=True)
    targets, units = torch.randn(2, 6, 3), torch.rand(2, 6, 3) < 0.5
    examples = Examples(outputs, targets, torch.ones(2, 6, dtype=torch.bool), units=units)
    loss = task.loss(outputs, examples)
    loss.backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    assert torch.equal(outputs.grad != 0, units)
    expected = ((outputs - targets)[units] ** 2).mean()
    torch.testing.assert_close(loss, expected)
    assert task.score(outputs.detach(), examples) == pytest.approx(float(expected.detach()))
    classes = Parity(4)
    found = classes.draw(2, torch.Generator())
    with pytest.raises(UsageError, match="no units"):
        classes.loss(torch.zeros(2, 4, 2), found._replace(units=found.mask.unsqueeze(2)))


def test_one_input_can_lead_to_many_outputs() -> None:
    """One to many: the input comes at the first step, and later ones show that it was heard."""

    class Hold(Echo):
        def draw(self, count: int, rng: torch.Generator) -> Examples:
            value = torch.rand(count, 1, 1, generator=rng) - 0.5
            inputs = torch.zeros(count, self.length, 1)
            inputs[:, :1] = value
            return Examples(
                inputs,
                value.expand(-1, self.length, 1),
                torch.ones(count, self.length, dtype=torch.bool),
            )

    found = fit(
        tiny("gru", Echo(8), 12).float(), Hold(8), FitConfig(updates=300, learning_rate=1e-2)
    )
    assert found.score < 0.1 / 12


@pytest.mark.parametrize("embedding_size", [None, 3])
def test_symbols_are_one_hot_or_embedded(embedding_size: int | None) -> None:
    task = Parity(4, every_step=True)
    torch.manual_seed(0)
    model = model_for(task, build("rnn", embedding_size or 2, 10), embedding_size=embedding_size)
    found = fit(model, task, FitConfig(updates=400, learning_rate=2e-2, target=0.99))
    assert found.score > 0.95


def test_gradients_are_clipped_by_value_and_by_norm() -> None:
    task = Echo(8)

    class Seen(torch.optim.SGD):
        largest, norm = 0.0, 0.0

        def step(self, closure: None = None) -> None:  # type: ignore[override]
            found = torch.cat([p.grad.flatten() for p in self.param_groups[0]["params"]])
            Seen.largest = max(Seen.largest, float(found.abs().max()))
            Seen.norm = max(Seen.norm, float(found.norm()))

    for clip_value, clip_norm in ((0.0, 0.0), (1e-3, 0.0), (0.0, 1e-2)):
        Seen.largest = Seen.norm = 0.0
        config = FitConfig(updates=3, clip_value=clip_value, clip_norm=clip_norm)
        fit(tiny("rnn", task).float(), task, config, optimizer=Seen)
        if clip_value:
            assert Seen.largest == pytest.approx(clip_value)
        if clip_norm:
            assert Seen.norm == pytest.approx(clip_norm, rel=1e-3)
        if not clip_value and not clip_norm:
            assert Seen.norm > 0.1
