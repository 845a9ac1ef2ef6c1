"""Delay networks as a function: equal to their state space, exact in all gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import DelayNetwork
from rnnmusic.filters.functional import delay_network, statespace
from rnnmusic.filters.functional.delay_network import _by_kernel, run_by_stretches


def network(delay: tuple[int, ...], inputs: int, outputs: int) -> list[Tensor]:
    rng = np.random.default_rng(0)
    n = len(delay)
    turn = 0.9 * np.linalg.qr(rng.standard_normal((n, n)))[0]
    others = [rng.standard_normal(s) for s in ((n, inputs), (outputs, n), (outputs, inputs))]
    return [torch.from_numpy(matrix) for matrix in (turn, *others)]


@pytest.mark.parametrize("delay", [(1,), (3, 5), (1, 2, 9), (40, 7)])
def test_it_equals_the_expanded_state_space(delay: tuple[int, ...]) -> None:
    loop, b, c, d = network(delay, 2, 3)
    x = torch.randn(4, 2, 30, dtype=torch.float64)
    ones = np.ones(len(delay))
    ss = DelayNetwork(delay, loop.numpy(), ones, b.numpy(), c.numpy(), d.numpy()).statespace()
    expanded = [torch.from_numpy(matrix) for matrix in (ss.A, ss.B, ss.C, ss.D)]
    wanted = statespace(x, expanded[0], expanded[1], expanded[2], expanded[3])
    torch.testing.assert_close(delay_network(x, delay, loop, b, c, d), wanted)
    single = delay_network(x.float(), delay, loop, b, c, d)
    torch.testing.assert_close(single, wanted.float(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("delay", [(1,), (3, 5), (40, 7)])
def test_other_devices_compute_the_same(delay: tuple[int, ...]) -> None:
    loop = network(delay, 1, 1)[0]
    fed = torch.randn(2, len(delay), 33, dtype=torch.float64)
    torch.testing.assert_close(run_by_stretches(fed, loop, delay), _by_kernel(fed, loop, delay))


def test_gradients_of_first_and_second_order_are_exact() -> None:
    delay = (2, 3)
    matrices = [matrix.requires_grad_() for matrix in network(delay, 1, 2)]
    x = torch.randn(2, 1, 9, dtype=torch.float64, requires_grad=True)

    def output(x: Tensor, loop: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
        return delay_network(x, delay, loop, b, c, d)

    assert torch.autograd.gradcheck(output, (x, *matrices))
    assert torch.autograd.gradgradcheck(output, (x, *matrices))


def test_shapes_that_dont_fit_are_refused() -> None:
    loop, b, c, d = network((2, 3), 1, 1)
    x = torch.zeros(1, 5, dtype=torch.float64)
    for delay, signal in (((2,), x), ((2, 0), x), ((2, 3), x[0]), ((2, 3), x.expand(2, 5))):
        with pytest.raises(InputError, match="go together"):
            delay_network(signal, delay, loop, b, c, d)
