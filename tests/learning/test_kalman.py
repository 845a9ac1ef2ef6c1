"""Kalman filtering of weights: recursive least squares where the model is linear in them."""

from __future__ import annotations

import pytest
import torch

from rnnmusic.learning.kalman import Kalman, KalmanConfig, fit_kalman
from rnnmusic.tasks import Examples, Parity
from rnnmusic.tasks.protocol import Task
from tests.learning.small import Echo, drawn, tiny


def test_with_a_linear_readout_it_is_least_squares() -> None:
    """After all measurements the weights are those of ridge regression around where they began."""
    task = Echo(30)
    model, examples = tiny("lstm", task, 5), drawn(task, 1)
    model.recurrent.requires_grad_(False)
    noise, uncertainty = 0.3, 2.0
    kalman = Kalman(
        model, task, uncertainty=uncertainty, process_noise=0.0, measurement_noise=noise
    )
    begin = kalman.functional.vector()
    with torch.no_grad():
        hidden = kalman.functional.whole(begin, examples)[1][0]
    x = torch.cat([hidden, torch.ones(30, 1, dtype=torch.float64)], 1)
    precision = x.T @ x / noise + torch.eye(6) / uncertainty
    wanted = torch.linalg.solve(
        precision, x.T @ examples.targets[0] / noise + begin.unsqueeze(1) / uncertainty
    )
    for t in range(30):
        mask = torch.zeros_like(examples.mask)
        mask[:, t] = True
        kalman.update(examples._replace(mask=mask))
    torch.testing.assert_close(kalman.functional.vector(), wanted[:, 0], rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(kalman.covariances[0], torch.linalg.inv(precision))


def test_many_measurements_at_once_equal_one_after_another() -> None:
    task = Echo(12)
    one, all_at_once = (tiny("ssm", task, 3) for _ in range(2))
    examples = drawn(task, 2)
    for model in (one, all_at_once):
        model.recurrent.requires_grad_(False)
    Kalman(all_at_once, task, process_noise=0.0).update(examples)
    slow = Kalman(one, task, process_noise=0.0)
    for row in range(2):
        part = Examples(*(None if p is None else p[row : row + 1] for p in examples))
        slow.update(part)
    torch.testing.assert_close(one.readout.weight, all_at_once.readout.weight)


@pytest.mark.parametrize("groups", ["all", "tensor"])
@pytest.mark.parametrize(
    ("flavour", "task"), [("rnn", Echo(8)), ("gru", Parity(4, every_step=True))]
)
def test_it_learns_what_takes_a_memory(groups: str, flavour: str, task: Task) -> None:
    model = tiny(flavour, task, 6).float()
    found = fit_kalman(model, task, KalmanConfig(updates=60, batch_size=4, groups=groups))
    if task.is_classification:
        assert found.score > 0.95
    else:
        assert found.score < 0.05 * task.memoryless
