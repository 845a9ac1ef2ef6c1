import pytest
import torch

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import RECURRENT, Gru, Lstm, Stack, build, layer_options


def test_plain_dropout_draws_afresh_at_every_step_on_every_output() -> None:
    torch.manual_seed(0)
    net = build("gru", 3, 100, dropout=0.5)
    zeros = net(torch.randn(2, 6, 3))[0] == 0
    assert 0.4 < zeros.float().mean() < 0.6
    assert not torch.equal(zeros[:, 0], zeros[:, 1])


def test_variational_dropout_keeps_one_mask_per_row_through_time() -> None:
    torch.manual_seed(0)
    net = build("gru", 20, 100, dropout=0.5, variational=True)
    zeros = net(torch.randn(2, 6, 20))[0] == 0
    assert 0.35 < zeros.float().mean() < 0.65
    assert torch.equal(zeros, zeros[:, :1].expand_as(zeros))
    assert not torch.equal(zeros[0], zeros[1])


def test_variational_dropout_also_masks_inputs_between_layers_and_recurrent_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = build("lstm", 50, 60, layers=2, dropout=0.5, variational=True)
    seen: list[torch.Tensor] = []
    for layer in net.layers:
        layer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
        assert layer.recurrent_dropout == 0.5
    net(torch.ones(4, 5, 50))
    for x in seen:
        zeros = x == 0
        assert torch.equal(zeros, zeros[:, :1].expand_as(zeros))
        assert 0.3 < zeros.float().mean() < 0.7


def test_kept_units_are_scaled_so_that_the_mean_stays() -> None:
    torch.manual_seed(0)
    for variational in (False, True):
        stack = Stack([Gru(3, 4)], dropout=0.25, variational=variational)
        dropped = stack.drop(torch.ones(200, 3, 200))
        assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])
        assert dropped.mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("variational", [False, True])
def test_evaluation_and_playing_drop_nothing(variational: bool) -> None:
    net = build("lstm", 3, 8, layers=2, dropout=0.5, variational=variational)
    x = torch.randn(2, 4, 3)
    state = net.initial_state(2)
    played = []
    for t in range(4):  # in training mode still
        y, state = net.step(x[:, t], state)
        played.append(y)
    torch.testing.assert_close(net.eval()(x)[0], torch.stack(played, 1), atol=1e-6, rtol=0)


def test_flavours_can_be_mixed() -> None:
    net = Stack([Lstm(3, 6), Gru(6, 4)])
    y, state = net(torch.randn(2, 5, 3))
    assert y.shape == (2, 5, net.output_size) == (2, 5, 4)
    assert [type(part).__name__ for part in state] == ["LstmState", "GruState"]


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="6 outputs under one with 5 inputs"):
        Stack([Lstm(3, 6), Gru(5, 4)])
    with pytest.raises(UsageError, match="at least one"):
        Stack([])


def test_unknown_flavours_and_options_that_do_not_apply_are_refused() -> None:
    with pytest.raises(UsageError, match=r"rnn, lstm, .*gru, "):
        build("transformer", 3, 4)
    with pytest.raises(UsageError, match="gru has no option 'forget_bias'"):
        build("gru", 3, 4, forget_bias=1.0)
    with pytest.raises(UsageError, match="dropout above 0"):
        build("gru", 3, 4, variational=True)
    with pytest.raises(UsageError, match="layers is 0"):
        build("gru", 3, 4, layers=0)
    with pytest.raises(UsageError, match="dropout is 1"):
        build("gru", 3, 4, dropout=1.0)


@pytest.mark.parametrize("name", RECURRENT)
def test_every_flavour_lists_its_options(name: str) -> None:
    options = layer_options(name)
    assert options["learned_initial_state"] is False
    build(name, 3, 4, **options)
