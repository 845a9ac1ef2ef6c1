"""Sparse starts and Nesterov's momentum."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, fit
from rnnmusic.learning.momentum import Nesterov, momentum_at, sparse_, sparse_recurrence_
from tests.learning.small import Echo, tiny


def test_each_unit_has_so_many_connections() -> None:
    torch.manual_seed(0)
    weight = sparse_(torch.empty(40, 60), 15, scale=2.0)
    assert ((weight != 0).sum(1) == 15).all()
    assert 1.7 < float(weight[weight != 0].std()) < 2.3
    assert ((sparse_(torch.empty(5, 3), 15) != 0).sum(1) == 3).all()


def test_each_gate_has_the_spectral_radius() -> None:
    torch.manual_seed(0)
    weight = sparse_recurrence_(torch.empty(3 * 50, 50), spectral_radius=1.1)
    for block in weight.split(50):
        assert float(torch.linalg.eigvals(block).abs().max()) == pytest.approx(1.1, rel=1e-4)
        assert ((block != 0).sum(1) == 15).all()
    with pytest.raises(UsageError, match="square"):
        sparse_recurrence_(torch.empty(7, 3))


def test_momentum_follows_the_papers_schedule() -> None:
    found = [momentum_at(t, 0.9) for t in (0, 249, 250, 500, 749, 10_000)]
    assert found == pytest.approx([0.5, 0.5, 0.75, 5 / 6, 5 / 6, 0.9])


def test_updates_are_those_of_the_papers_two_equations() -> None:
    """v_t = m_t v - rate df(w + m_t v), w_t = w + v_t, written out."""
    torch.manual_seed(0)
    matrix = torch.diag(torch.tensor([1.0, 0.3, 0.05], dtype=torch.float64))
    w = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    parameter = nn.Parameter(w.clone())
    momentum = lambda t: [0.5, 0.7, 0.9, 0.2, 0.8][t]  # noqa: E731
    optimizer = Nesterov([parameter], 0.4, momentum)
    v = torch.zeros(3, dtype=torch.float64)
    for t in range(4):
        v = momentum(t) * v - 0.4 * matrix @ (w + momentum(t) * v)
        w = w + v
        parameter.grad = matrix @ parameter.detach()
        optimizer.step()
    optimizer.settle()
    torch.testing.assert_close(parameter.detach(), w)


def test_it_learns_what_takes_a_memory() -> None:
    task = Echo(8)
    model = tiny("rnn", task, 20).float()
    sparse_recurrence_(model.recurrent.layers[0].weight_hh)  # type: ignore[union-attr,index,arg-type]
    config = FitConfig(updates=300, learning_rate=0.05)
    found = fit(
        model,
        task,
        config,
        optimizer=lambda parameters, rate: Nesterov(
            parameters, rate, lambda update: momentum_at(update, 0.9)
        ),
    )
    assert found.score < 0.05 * task.memoryless
