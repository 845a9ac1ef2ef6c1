from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, fit, model_for
from rnnmusic.recurrent import Gru, Lstm, VanillaRnn
from rnnmusic.recurrent.multiaxis import WHOLE, Bidirectional, bi_lstm
from rnnmusic.recurrent.multiaxis.bidirectional import reversed_steps
from rnnmusic.tasks.countdown import Countdown


def test_it_equals_torch_with_and_without_lengths() -> None:
    torch.manual_seed(0)
    theirs = nn.LSTM(3, 4, batch_first=True, bidirectional=True).double()
    ours = bi_lstm(3, 4).double()
    given = theirs.state_dict()
    ours.ahead.load_state_dict(
        {k.removesuffix("_l0"): v for k, v in given.items() if not k.endswith("reverse")}
    )
    ours.back.load_state_dict(
        {k.removesuffix("_l0_reverse"): v for k, v in given.items() if k.endswith("reverse")}
    )
    x, lengths = torch.randn(3, 7, 3, dtype=torch.float64), torch.tensor([7, 3, 5])
    torch.testing.assert_close(ours(x), theirs(x)[0])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    out, (last, _) = theirs(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
    y = ours(x, lengths)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(ours.summary(y, lengths), torch.cat(list(last), dim=1))


@pytest.mark.parametrize("lengths", [None, torch.tensor([6, 1, 4, 0])])
def test_the_summary_is_each_direction_after_everything(lengths: Tensor | None) -> None:
    net = Bidirectional(Gru(3, 4), VanillaRnn(3, 5))
    x = torch.randn(4, 6, 3)
    y = net(x, lengths)
    assert y.shape == (4, 6, 9)
    summary = net.summary(y, lengths)
    for row in range(4):
        length = 6 if lengths is None else int(lengths[row])
        if not length:
            assert not summary[row].any()
            continue
        alone = x[row : row + 1, :length]
        _, ahead = net.ahead(alone)
        _, back = net.back(alone.flip(1))
        torch.testing.assert_close(summary[row], torch.cat([ahead.h[0], back.h[0]]))
    # The last step of `back` has read one step only: it is no summary.
    assert not torch.allclose(y[0, -1, 4:], summary[0, 4:])


@pytest.mark.parametrize("name", ["bi-lstm", "bi-gru"])
def test_padding_is_never_read_and_never_written(name: str) -> None:
    net = WHOLE[name].make(3, 4)
    x, lengths = torch.randn(3, 6, 3), torch.tensor([6, 2, 0])
    poisoned = x.clone()
    for row, length in enumerate(lengths):
        poisoned[row, length:] = 1e6
    y = net(poisoned, lengths)
    assert y.shape == (3, 6, net.output_size)
    torch.testing.assert_close(y[1:2, :2], net(x[1:2, :2]))
    assert not y[1, 2:].any()
    assert not y[2].any()


def test_every_output_sees_every_step_and_no_other_row() -> None:
    net, x = bi_lstm(3, 4), torch.randn(2, 5, 3, requires_grad=True)
    for t in range(5):
        (gradient,) = torch.autograd.grad(net(x)[0, t].sum(), x)
        assert (gradient[0].abs().sum(1) > 0).all()
        assert not gradient[1].any()


def test_reversing_twice_is_nothing() -> None:
    x, lengths = torch.randn(4, 6, 2), torch.tensor([6, 0, 1, 4])
    torch.testing.assert_close(reversed_steps(reversed_steps(x, lengths), lengths), x)
    assert torch.equal(reversed_steps(x, lengths)[3, :4], x[3, :4].flip(0))
    assert torch.equal(reversed_steps(x, lengths)[3, 4:], x[3, 4:])


def test_it_learns_what_only_the_future_tells() -> None:
    task = Countdown(16, density=0.2, limit=4)
    config = FitConfig(updates=150, learning_rate=2e-2, batch_size=16, tests=128)
    scores = []
    for make in (lambda: bi_lstm(2, 8), lambda: Lstm(2, 16)):
        torch.manual_seed(0)
        scores.append(fit(model_for(task, make()), task, config).score)
    assert scores[0] > 0.99
    # Nothing in the past tells when the next mark comes.
    assert scores[1] < task.memoryless + 0.1 < 0.85


def test_directions_over_different_inputs_are_refused() -> None:
    with pytest.raises(UsageError, match="same steps"):
        Bidirectional(Gru(3, 4), Gru(2, 4))
