"""Zoneout and weight drop: noise in training, its mean or nothing outside of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import Recurrent, WeightDrop, Zoneout, build
from rnnmusic.recurrent.protocol import tree_map

FLAVOURS = ["rnn", "lstm", "gru", "ssm"]


def wrapped(flavour: str, **options: object) -> Recurrent:
    torch.manual_seed(0)
    return build(flavour, 3, 5, layers=2, **options).double()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_whole_chunked_and_stepped_agree_outside_of_training(flavour: str) -> None:
    net = wrapped(flavour, zoneout=0.3).eval()
    x, lengths = torch.randn(2, 7, 3, dtype=torch.float64), torch.tensor([7, 4])
    whole, end = net(x)
    first, between = net(x[:, :3])
    second, chunked_end = net(x[:, 3:], between)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    state, stepped = net.initial_state(2), []
    for t in range(7):
        y, state = net.step(x[:, t], state)
        stepped.append(y)
    torch.testing.assert_close(torch.stack(stepped, 1), whole)
    for other in (chunked_end, state):
        tree_map(torch.testing.assert_close, other, end)
    assert not net(x, lengths=lengths)[0][1, 4:].any()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_step_outside_of_training_is_the_mean_of_those_in_training(flavour: str) -> None:
    net = Zoneout(wrapped(flavour).layers[0], 0.3)  # type: ignore[index,arg-type]
    many = 20_000
    state = tree_map(lambda s: torch.randn_like(s).expand(many, *s.shape[1:]), net.initial_state(1))
    x = torch.randn(1, 1, 3, dtype=torch.float64).expand(many, 1, 3)
    with torch.no_grad():
        y, drawn = net.train()(x, state)
        mean_y, mean = net.eval().step(x[:1, 0], tree_map(lambda s: s[:1], state))
    tree_map(
        lambda a, b: torch.testing.assert_close(a.mean(0), b[0], atol=0.05, rtol=0), drawn, mean
    )
    if flavour != "ssm":  # whose output is another function of its state
        torch.testing.assert_close(y[:, 0], drawn[0])
        torch.testing.assert_close(mean_y, mean[0])


def test_each_number_is_kept_or_new() -> None:
    net = wrapped("lstm").layers[0]  # type: ignore[index]
    zoneout = Zoneout(net, [0.1, 0.6]).train()  # type: ignore[arg-type]
    x = torch.randn(400, 1, 3, dtype=torch.float64)
    state = tree_map(lambda s: torch.randn_like(s).expand(400, -1), net.initial_state(1))  # type: ignore[operator]
    _, plain = net(x, state)  # type: ignore[operator]
    _, drawn = zoneout(x, state)
    for rate, old, new, found in zip((0.1, 0.6), state, plain, drawn, strict=True):
        kept = torch.isclose(found, old)
        assert (kept | torch.isclose(found, new)).all()
        assert float(kept.double().mean()) == pytest.approx(rate, abs=0.05)


@pytest.mark.parametrize("flavour", ["rnn", "lstm", "gru"])
def test_weight_drop_is_one_mask_for_all_steps_and_nothing_outside_of_training(
    flavour: str,
) -> None:
    net = wrapped(flavour, weight_drop=0.5)
    plain = wrapped(flavour)
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    torch.testing.assert_close(net.eval()(x)[0], plain(x)[0])
    state = net.initial_state(2)
    torch.testing.assert_close(net.train().step(x[:, 0], state)[0], plain.step(x[:, 0], state)[0])
    torch.manual_seed(7)
    dropped, _ = net.train()(x)
    assert not torch.allclose(dropped, plain(x)[0])
    torch.manual_seed(7)
    with torch.no_grad():
        for layer in plain.layers:  # type: ignore[union-attr]
            layer.weight_hh.copy_(torch.nn.functional.dropout(layer.weight_hh, 0.5))  # type: ignore[arg-type,operator]
    torch.testing.assert_close(plain(x)[0], dropped)


@pytest.mark.parametrize("options", [{"zoneout": 0.2}, {"weight_drop": 0.2}])
def test_gradients_reach_all_parameters(options: dict[str, float]) -> None:
    net = wrapped("gru", **options).train()
    net(torch.randn(2, 9, 3, dtype=torch.float64))[0].sum().backward()
    assert all(isinstance(p.grad, Tensor) and p.grad.any() for p in net.parameters())


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="no parameter 'weight_hh'"):
        wrapped("ssm", weight_drop=0.2)
    with pytest.raises(UsageError, match="2 of them"):
        wrapped("lstm", zoneout=[0.1, 0.2, 0.3])
    with pytest.raises(UsageError, match="zoneout"):
        wrapped("gru", zoneout=1.0)
    with pytest.raises(UsageError, match="below 1"):
        WeightDrop(wrapped("gru").layers[0], 1.0)  # type: ignore[index,arg-type]
