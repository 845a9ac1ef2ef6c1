"""Learning from rewards: the rule written out, and a task learned by it."""

from __future__ import annotations

import pytest
import torch

from rnnmusic.errors import UsageError
from rnnmusic.learning.hebbian import HebbianConfig, RateNetwork, eligibility, fit_hebbian
from rnnmusic.tasks import DelayedXor, Parity


def test_what_connections_are_eligible_for_is_the_rule_of_the_paper() -> None:
    torch.manual_seed(0)
    x, r = torch.randn(2, 7, 4), torch.randn(2, 7, 4)
    post, pre = eligibility(x, r, 0.3)
    found = torch.einsum("bti,btj->bij", post, pre)
    expected, mean = torch.zeros(2, 4, 4), torch.zeros(2, 4)
    for t in range(7):
        if t:
            expected += (r[:, t - 1].unsqueeze(1) * (x[:, t] - mean).unsqueeze(2)) ** 3
        mean = 0.3 * mean + 0.7 * x[:, t]
    torch.testing.assert_close(found, expected)


def test_the_network_leaks_and_is_driven() -> None:
    network = RateNetwork(2, 10, tau=4.0)
    network.weight.zero_()
    inputs = torch.zeros(1, 3, 2)
    inputs[0, 0, 0] = 1.0
    x, _ = network.run(inputs)
    first = network.input_weight[:, 0] / 4
    torch.testing.assert_close(x[0], torch.stack([first, 0.75 * first, 0.75**2 * first]))


def test_tasks_that_are_not_of_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="isn't of numbers"):
        fit_hebbian(RateNetwork(2, 8), Parity(4), HebbianConfig(updates=1))


def test_it_learns_from_rewards_alone_what_takes_a_memory() -> None:
    task, config = DelayedXor(), HebbianConfig(updates=500, target=0.25)
    found = fit_hebbian(RateNetwork(2, 100, seed=0), task, config, kinds=task.kinds)
    assert found.score < 0.3 * task.memoryless
    still = HebbianConfig(updates=1, learning_rate=0.0)
    assert fit_hebbian(RateNetwork(2, 100, seed=0), task, still).score > 0.7 * task.memoryless
