"""Hessian-free optimisation: its products against matrices, its solutions against solvers."""

from __future__ import annotations

import pytest
import torch

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, fit
from rnnmusic.learning.functional import Functional
from rnnmusic.learning.hessian_free import (
    HessianFreeConfig,
    conjugate_gradients,
    fit_hessian_free,
    gauss_newton,
)
from rnnmusic.tasks import Parity
from rnnmusic.tasks.protocol import Task
from tests.learning.small import Echo, drawn, tiny


@pytest.mark.parametrize("flavour", ["rnn", "lstm", "gru", "ssm"])
@pytest.mark.parametrize("task", [Echo(5), Parity(5, every_step=True)], ids=["numbers", "classes"])
def test_products_are_those_of_the_matrix(flavour: str, task: Task) -> None:
    """G = J' H J with J by backpropagation of each output and H from its formula."""
    model, examples = tiny(flavour, task), drawn(task)
    functional = Functional(model)
    vector, structural = functional.vector(), 0.7
    rows, count = [], int(examples.mask.sum())
    point = vector.clone().requires_grad_()
    z, hidden = functional.whole(point, examples)
    for output in z.flatten():
        rows.append(torch.autograd.grad(output, point, retain_graph=True)[0])
    jacobian = torch.stack(rows).view(count, -1, len(vector))
    moved = torch.stack(
        [torch.autograd.grad(h, point, retain_graph=True)[0] for h in hidden.flatten()]
    )
    expected = structural / count * moved.T @ moved
    for j, said in zip(jacobian, z.detach().flatten(0, 1), strict=True):
        p = said.softmax(0)
        curved = torch.diag(p) - torch.outer(p, p) if task.is_classification else 2 * torch.eye(1)
        expected = expected + j.T @ curved.to(j) @ j / count
    product = gauss_newton(functional, vector, task, examples, structural)
    found = torch.stack([product(v) for v in torch.eye(len(vector), dtype=torch.float64)])
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


def test_conjugate_gradients_solve_and_count_what_is_left() -> None:
    torch.manual_seed(0)
    root = torch.randn(12, 12, dtype=torch.float64)
    matrix = root @ root.T + torch.eye(12)
    b, start = torch.randn(2, 12, dtype=torch.float64)
    found = conjugate_gradients(lambda v: matrix @ v, b, start, 40)
    torch.testing.assert_close(found[-1][0], torch.linalg.solve(matrix, b), rtol=1e-4, atol=1e-4)
    for x, value in found:
        torch.testing.assert_close(value, float(x @ matrix @ x / 2 - b @ x))


@pytest.mark.parametrize(("flavour", "structural"), [("rnn", 0.0), ("rnn", 0.1), ("ssm", 0.0)])
def test_it_learns_what_takes_a_memory_in_a_few_updates(flavour: str, structural: float) -> None:
    task = Echo(8)
    config = HessianFreeConfig(
        updates=12, batch_size=64, curvature_size=32, structural=structural, cg_iterations=30
    )
    found = fit_hessian_free(tiny(flavour, task, 6).float(), task, config)
    assert found.score < 0.01 * task.memoryless
    adam = fit(tiny(flavour, task, 6).float(), task, FitConfig(updates=12, batch_size=64))
    assert found.score < adam.score


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="curvature_size is 9"):
        HessianFreeConfig(batch_size=8, curvature_size=9)
    with pytest.raises(UsageError, match="damping above 0"):
        HessianFreeConfig(damping=0.0)
