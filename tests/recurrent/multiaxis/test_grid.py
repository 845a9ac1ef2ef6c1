from __future__ import annotations

import pytest
import torch
from torch import nn

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, features_of, fit, model_for
from rnnmusic.recurrent.multiaxis import GridLstm
from rnnmusic.recurrent.multiaxis.grid import GridState
from rnnmusic.tasks import Parity


def by_blocks(net: GridLstm, x: torch.Tensor) -> torch.Tensor:
    """The paper's blocks one by one, with torch's own cells in both dimensions."""
    size = net.output_size
    along_time, along_depth = [], []
    for time, depth in net.levels:
        cell = nn.LSTMCell(size, size).double()
        cell.load_state_dict(
            {key: value for key, value in time.state_dict().items() if "initial" not in key}
        )
        along_time.append(cell)
        # Along depth the recurrent input is g and the outer one h: columns [h, g].
        cell = nn.LSTMCell(size, size).double()
        cell.load_state_dict(
            {
                "weight_ih": depth.weight[:, :size],
                "weight_hh": depth.weight[:, size:],
                "bias_ih": depth.bias,
                "bias_hh": torch.zeros_like(depth.bias),
            }
        )
        along_depth.append(cell)
    zeros = x.new_zeros(len(x), size)
    h, c = [zeros] * net.depth, [zeros] * net.depth
    outputs = []
    for t in range(x.shape[1]):
        g, m = net.entry(x[:, t]).chunk(2, 1)
        for level in range(net.depth):
            before = h[level]
            h[level], c[level] = along_time[level](g, (before, c[level]))
            g, m = along_depth[level](before, (g, m))
        outputs.append(g)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("options", [{"depth": 1}, {"depth": 3}, {"depth": 3, "tied": True}])
def test_it_is_a_grid_of_lstm_blocks(options) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    net = GridLstm(3, 4, **options).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    torch.testing.assert_close(net(x)[0], by_blocks(net, x), atol=1e-12, rtol=0)


def test_tied_levels_share_their_weights_and_not_their_states() -> None:
    def count(**options: object) -> int:
        return sum(p.numel() for p in GridLstm(3, 4, **options).parameters())  # type: ignore[arg-type]

    assert count(depth=5, tied=True) == count(depth=1)
    assert count(depth=3) - count(depth=2) == count(depth=2) - count(depth=1) > 0
    net = GridLstm(3, 4, depth=3, tied=True)
    _, state = net(torch.randn(1, 6, 3))
    assert isinstance(state, GridState)
    first, second, third = (level.h for level in state.levels)
    assert not torch.allclose(first, second)
    assert not torch.allclose(second, third)


def test_cells_carry_along_depth() -> None:
    """With gates that keep (f = 1, i = 0) m goes up through many levels as it is."""
    net = GridLstm(2, 4, depth=30, tied=True)
    with torch.no_grad():
        for parameter in net.along_depth.parameters():
            parameter.zero_()
        keep = torch.tensor([-50.0, 50.0, 0.0, 50.0]).repeat_interleave(4)
        net.levels[0][1].bias.copy_(keep)
    x = torch.randn(1, 1, 2)
    _, m = net.entry(x[:, 0]).chunk(2, 1)
    torch.testing.assert_close(net(x)[0][:, 0], torch.tanh(m))


def test_forget_biases_are_those_asked_for() -> None:
    net = GridLstm(3, 4, depth=2, forget_bias=2.0)
    for time, depth in net.levels:
        assert (time.bias_ih + time.bias_hh)[4:8].tolist() == [2.0] * 4
        assert depth.bias.tolist() == [0.0] * 4 + [2.0] * 4 + [0.0] * 8


def test_it_learns_parity_which_a_memoryless_twin_cannot() -> None:
    task = Parity(10, every_step=True)
    torch.manual_seed(0)
    model = model_for(task, GridLstm(features_of(task), 12, depth=2, tied=True))
    config = FitConfig(updates=250, learning_rate=2e-2, batch_size=16, target=0.999, check_every=25)
    found = fit(model, task, config)
    assert found.score > 0.99 > task.memoryless + 0.4


def test_a_grid_without_levels_is_refused() -> None:
    with pytest.raises(UsageError, match="depth"):
        GridLstm(3, 4, depth=0)
