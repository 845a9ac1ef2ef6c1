import pytest
import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import Gru, Lstm, VanillaRnn, gated

ORACLES = [
    pytest.param(VanillaRnn, {}, nn.RNN, {}, id="tanh"),
    pytest.param(VanillaRnn, {"nonlinearity": "relu"}, nn.RNN, {"nonlinearity": "relu"}, id="relu"),
    pytest.param(Gru, {}, nn.GRU, {}, id="gru"),
    pytest.param(Lstm, {}, nn.LSTM, {}, id="lstm"),
]


@pytest.mark.parametrize(("flavour", "options", "oracle", "oracle_options"), ORACLES)
def test_forward_and_step_equal_torch(flavour, options, oracle, oracle_options) -> None:
    theirs = oracle(3, 4, batch_first=True, **oracle_options).double()
    ours = flavour(3, 4, **options).double()
    ours.load_state_dict({k.removesuffix("_l0"): v for k, v in theirs.state_dict().items()})
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    expected, _ = theirs(x)
    torch.testing.assert_close(ours(x)[0], expected)
    state = ours.initial_state(2)
    for t in range(6):
        y, state = ours.step(x[:, t], state)
        torch.testing.assert_close(y, expected[:, t])


@pytest.mark.parametrize("flavour", [VanillaRnn, Gru, Lstm])
def test_plain_batches_take_one_fused_call_and_ragged_ones_few(
    flavour, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, ...]] = []
    original = gated.FusedLayer._fused

    def counted(self, kernel, x: Tensor, initial, weights):  # type: ignore[no-untyped-def]
        calls.append(tuple(x.shape[:2]))
        return original(self, kernel, x, initial, weights)

    monkeypatch.setattr(gated.FusedLayer, "_fused", counted)
    layer, x = flavour(3, 4), torch.randn(8, 64, 3)
    layer(x)
    assert calls == [(8, 64)]
    calls.clear()
    reset = torch.rand(8, 64, generator=torch.Generator().manual_seed(0)) < 0.1
    layer(x, reset=reset, lengths=torch.randint(1, 65, (8,)))
    assert len(calls) <= 4  # lengths within a factor of 4 share a call, and 4^3 = 64
    # Padding stays bounded: rows * steps computed against the 8 * 64 that were asked for.
    assert sum(rows * steps for rows, steps in calls) <= 4 * 8 * 64


def test_the_effective_forget_bias_is_what_was_asked_for() -> None:
    for wanted in (1.0, 0.0, 2.5):
        layer = Lstm(3, 4, forget_bias=wanted)
        total = layer.bias_ih + layer.bias_hh
        assert total[4:8].tolist() == [wanted] * 4
        assert not total[:4].any()
        assert not total[8:].any()


@pytest.mark.parametrize("flavour", [VanillaRnn, Gru, Lstm])
def test_recurrent_blocks_start_orthogonal(flavour) -> None:
    for block in flavour(3, 8).weight_hh.view(-1, 8, 8):
        torch.testing.assert_close(block @ block.T, torch.eye(8), atol=1e-5, rtol=0)


def test_recurrent_dropout_masks_whole_columns_in_training_only() -> None:
    layer = Gru(3, 64, recurrent_dropout=0.25)
    weight = layer.dropped_weight()
    dropped = (weight == 0).all(0)
    assert 4 <= int(dropped.sum()) <= 30  # 16 expected of 64
    torch.testing.assert_close(weight[:, ~dropped], layer.weight_hh[:, ~dropped] / 0.75)
    x = torch.randn(2, 5, 3)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


def test_lstm_holds_its_cells_exactly_however_long_the_padding() -> None:
    layer = Lstm(3, 8)
    x = torch.randn(2, 200, 3)
    _, whole = layer(x, lengths=torch.tensor([200, 7]))
    _, short = layer(x[1:, :7])
    # float32, 193 held steps: a hold that multiplied by .999999 would show.
    torch.testing.assert_close(whole.c[1], short.c[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Gru(0, 4),
        lambda: Gru(3, 0),
        lambda: Lstm(3, 4, recurrent_dropout=1.0),
        lambda: VanillaRnn(3, 4, nonlinearity="sine"),  # type: ignore[arg-type]
    ],
)
def test_impossible_options_are_refused(make) -> None:
    with pytest.raises(UsageError):
        make()


@pytest.mark.parametrize("flavour", [VanillaRnn, Gru, Lstm])
def test_ragged_batches_run_under_autocast(flavour) -> None:
    layer = flavour(3, 4)
    x, reset = torch.randn(3, 6, 3), torch.rand(3, 6) < 0.3
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = layer(x, reset=reset, lengths=torch.tensor([6, 2, 4]))
    expected, _ = layer(x, reset=reset, lengths=torch.tensor([6, 2, 4]))
    torch.testing.assert_close(y.float(), expected, atol=0.05, rtol=0)
