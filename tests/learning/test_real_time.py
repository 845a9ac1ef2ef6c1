"""Real-time learning against backpropagation through time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, SequenceModel, model_for
from rnnmusic.learning.eprop import Eprop
from rnnmusic.learning.online import OnlineLearner, fit_online
from rnnmusic.learning.real_time import DiagonalRtrl, Rtrl
from rnnmusic.learning.uoro import Uoro
from rnnmusic.recurrent import build
from rnnmusic.tasks import Examples, Parity, Task
from tests.learning.small import Echo, drawn, tiny


def gradient(model: SequenceModel) -> Tensor:
    return torch.cat([p.grad.reshape(-1) for p in model.parameters() if p.grad is not None])


def by_time(model: SequenceModel, task: Task, examples: Examples) -> Tensor:
    """Backpropagation through time, of the summed loss."""
    model.zero_grad()
    loss = task.loss(model(examples)[0], examples) * examples.mask.sum()
    loss.backward()  # type: ignore[no-untyped-call]
    for p in model.parameters():
        p.grad = torch.zeros_like(p) if p.grad is None else p.grad
    return gradient(model)


def by_step(learner: OnlineLearner, examples: Examples) -> Tensor:
    model = learner.functional.model
    model.zero_grad()
    learner.begin(len(examples.inputs))
    for t in range(examples.inputs.shape[1]):
        learner.learn(examples.inputs[:, t], examples.targets[:, t], examples.mask[:, t])
    return gradient(model)


@pytest.mark.parametrize("flavour", ["rnn", "lstm", "gru", "ssm", "linear"])
@pytest.mark.parametrize("learned", [False, True])
def test_the_dense_influence_gives_the_gradient_of_bptt(flavour: str, learned: bool) -> None:
    task = Echo(6)
    model, examples = tiny(flavour, task, learned_initial_state=learned), drawn(task)
    torch.testing.assert_close(
        by_step(Rtrl(model, task), examples), by_time(model, task, examples), rtol=1e-9, atol=1e-9
    )


def test_classes_are_learned_as_well() -> None:
    task = Parity(6, every_step=True)
    torch.manual_seed(0)
    model = model_for(task, build("ssm", 2, 4)).double()
    examples = drawn(task)
    expected = by_time(model, task, examples)
    for learner in (Rtrl(model, task), DiagonalRtrl(model, task)):
        torch.testing.assert_close(by_step(learner, examples), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("discretization", ["lru", "zoh"])
@pytest.mark.parametrize("learned", [False, True])
def test_one_number_per_parameter_is_exact_for_diagonal_cells(
    discretization: str, learned: bool
) -> None:
    task = Echo(40)
    model = tiny("ssm", task, 6, discretization=discretization, learned_initial_state=learned)
    examples = drawn(task, 4)
    torch.testing.assert_close(
        by_step(DiagonalRtrl(model, task), examples),
        by_time(model, task, examples),
        rtol=1e-6,
        atol=1e-9,
    )


def test_in_float32_it_is_exact_to_1e_6() -> None:
    task = Echo(60)
    model = tiny("ssm", task, 8).float()
    examples = task.draw(4, torch.Generator().manual_seed(1))
    expected = by_time(model, task, examples)
    found = by_step(DiagonalRtrl(model, task), examples)
    assert (found - expected).norm() <= 1e-6 * expected.norm()


def test_cells_whose_units_hear_each_other_are_refused() -> None:
    for flavour in ("rnn", "gru"):
        with pytest.raises(UsageError, match="hear each other"):
            DiagonalRtrl(tiny(flavour), Echo())


def test_uoro_is_right_on_average() -> None:
    task = Echo(5)
    model, examples = tiny("gru", task, learned_initial_state=True), drawn(task, 1)
    expected = by_time(model, task, examples)
    many = 4000
    copies = Examples(*(None if p is None else p.expand(many, *p.shape[1:]) for p in examples))
    draws = torch.stack([by_step(Uoro(model, task, seed=s), copies) / many for s in range(10)])
    mean, error = draws.mean(0), draws.std(0) / len(draws) ** 0.5
    # Of some 60 numbers hardly one is 4.5 standard errors (of 10 draws, Student's t) away.
    assert ((mean - expected).abs() <= 5 * error + 1e-9).double().mean() > 0.97
    assert (mean - expected).norm() < 0.05 * expected.norm()
    one = by_step(Uoro(model, task, seed=0), examples)
    assert (one - expected).norm() > 0.05 * expected.norm()


def test_eprop_leaves_out_other_units_and_nothing_else() -> None:
    """Of an LSTM whose units don't hear each other's outputs it is the exact gradient of what
    reaches the state c; with them it is not."""
    task = Echo(6)
    model, examples = tiny("lstm", task, 4), drawn(task)
    learner = Eprop(model, task, hidden=["c"])
    full = by_time(model, task, examples)
    found = by_step(learner, examples)
    assert (found - full).norm() > 1e-3 * full.norm()
    assert torch.nn.functional.cosine_similarity(found, full, dim=0) > 0.8
    cell = model.recurrent.layers[0]  # type: ignore[union-attr,index]
    with torch.no_grad():
        cell.weight_hh.zero_()
    full, found = by_time(model, task, examples), by_step(learner, examples)
    torch.testing.assert_close(found, full, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("flavour", "make"),
    [
        ("ssm", DiagonalRtrl),
        ("rnn", Rtrl),
        ("rnn", Uoro),
        ("rnn", Eprop),
        ("lstm", lambda model, task: Eprop(model, task, hidden=["c"])),
    ],
)
def test_each_learns_what_takes_a_memory(flavour: str, make: type[OnlineLearner]) -> None:
    task = Echo(8)
    model = tiny(flavour, task, 6).float()
    config = FitConfig(updates=40, learning_rate=3e-2, batch_size=32, chunk_length=2)
    assert fit_online(make(model, task), config).score < 0.2 * task.memoryless
