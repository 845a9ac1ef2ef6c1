"""The layers without a fused kernel against their papers' equations, written out plainly."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import Gru, Lstm, build, gated
from rnnmusic.recurrent.gated import GatedFeedback, GruBefore, PeepholeLstm, Slstm

LOOPED = ["peephole-lstm", "gru-before", "slstm", "phased-lstm", "gated-feedback"]


def random_layer(make: Any, *sizes: int, **options: Any) -> Any:
    torch.manual_seed(3)
    layer = make(*sizes, **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.7)
    return layer


def test_peepholes_of_zero_are_an_lstm() -> None:
    layer, plain = random_layer(PeepholeLstm, 3, 4), Lstm(3, 4).double()
    with torch.no_grad():
        layer.peepholes.zero_()
    plain.load_state_dict(layer.state_dict() | {"bias_hh": torch.zeros(16)}, strict=False)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[0], plain(x)[0])


def test_peepholes_see_the_old_cell_and_the_output_gate_the_new() -> None:
    layer = random_layer(PeepholeLstm, 3, 4)
    x, state = torch.randn(2, 3, dtype=torch.float64), layer.initial_state(2)
    _, state = layer.step(x, state)
    y, after = layer.step(x, state)
    total = x @ layer.weight_ih.T + state.h @ layer.weight_hh.T + layer.bias_ih
    i, f, g, o = total.chunk(4, 1)
    p_i, p_f, p_o = layer.peepholes
    c = torch.sigmoid(f + p_f * state.c) * state.c + torch.sigmoid(i + p_i * state.c) * g.tanh()
    torch.testing.assert_close(after.c, c)
    torch.testing.assert_close(y, torch.sigmoid(o + p_o * c) * c.tanh())


def as_torch_has_it(layer: GruBefore) -> Gru:
    """A `Gru` of the same numbers: torch's z is the share of the old, so its signs turn."""
    plain, size = Gru(layer.input_size, layer.output_size).double(), layer.output_size
    turned = torch.ones(3 * size, 1, dtype=torch.float64)
    turned[size : 2 * size] = -1.0
    with torch.no_grad():
        plain.weight_ih.copy_(layer.weight_ih * turned)
        plain.weight_hh.copy_(layer.weight_hh * turned)
        plain.bias_ih.copy_(layer.bias_ih * turned[:, 0])
    return plain


def test_both_grus_are_one_where_the_order_of_reset_and_product_cannot_matter() -> None:
    layer = random_layer(GruBefore, 3, 4)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    # It matters for any matrix but a diagonal one, which scales unit by unit as r does.
    assert (layer(x)[0] - as_torch_has_it(layer)(x)[0]).abs().amax() > 1e-3
    with torch.no_grad():
        layer.weight_hh[8:].copy_(torch.diag(torch.randn(4)))
    torch.testing.assert_close(layer(x)[0], as_torch_has_it(layer)(x)[0])


@pytest.mark.parametrize("forget_gate", ["sigmoid", "exp"])
@pytest.mark.parametrize("heads", [1, 3])
def test_slstm_is_the_papers_with_its_stabiliser(heads: int, forget_gate: Any) -> None:
    layer = random_layer(Slstm, 3, 6, heads=heads, forget_gate=forget_gate)
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    y, end = layer(x)
    h, c, m = (torch.zeros(2, 6, dtype=torch.float64) for _ in range(3))
    n, width = torch.ones_like(c), 6 // heads
    # Rows of the weights are head by head.
    rows = layer.weight_ih.view(heads, 4, width, 3).transpose(0, 1).reshape(24, 3)
    bias = layer.bias_ih.view(heads, 4, width).transpose(0, 1).flatten()
    blocks = [
        torch.block_diag(*layer.weight_hh.view(heads, 4, width, width)[:, gate])
        for gate in range(4)
    ]
    for t in range(9):
        i, f, z, o = (x[:, t] @ rows.T + h @ torch.cat(blocks).T + bias).chunk(4, 1)
        log_f = F.logsigmoid(f) if forget_gate == "sigmoid" else f
        new_m = torch.maximum(log_f + m, i)
        keep, let_in = torch.exp(log_f + m - new_m), torch.exp(i - new_m)
        c, n, m = keep * c + let_in * z.tanh(), keep * n + let_in, new_m
        h = torch.sigmoid(o) * c / n
        torch.testing.assert_close(y[:, t], h)
    torch.testing.assert_close(end.mean, c / n)
    torch.testing.assert_close(end.log_n, m + n.log())


def test_slstm_survives_gates_that_would_overflow() -> None:
    layer = Slstm(1, 4)
    x = torch.tensor([[[0.0], [1e4], [-1e4], [3.0]]]).requires_grad_()
    y, end = layer(x)
    y.sum().backward()
    assert y.isfinite().all()
    assert all(part.isfinite().all() for part in end)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


def of_feedback(layer: GatedFeedback, x: Tensor) -> Tensor:
    """The paper's equations, pair by pair of layers."""
    size, depth = layer.output_size, layer.depth
    rows = layer.bias.shape[1] - depth
    h = [torch.zeros(len(x), size, dtype=torch.float64) for _ in range(depth)]
    c, outputs = list(h), []
    for t in range(x.shape[1]):
        past, below = h, x[:, t]
        h = []
        for j in range(depth):
            weight, bias = layer.weight_ih[j], layer.bias[j]
            fed = torch.zeros_like(past[j])
            for i in range(depth):
                u = layer.weight_global[j * depth + i]
                score = below @ weight[rows + i] + bias[rows + i] + torch.cat(past, 1) @ u
                heard = past[i] @ layer.weight_feedback[j][:, i * size : (i + 1) * size].T
                fed = fed + torch.sigmoid(score)[:, None] * heard
            own = rows - size
            gates = below @ weight[:own].T + bias[:own] + past[j] @ layer.weight_hh[j].T
            candidate = below @ weight[own:rows].T + bias[own:rows]
            if layer.cell == "lstm":
                i, f, o = torch.sigmoid(gates).chunk(3, 1)
                c[j] = f * c[j] + i * torch.tanh(candidate + fed)
                below = o * torch.tanh(c[j])
            else:
                r, z = torch.sigmoid(gates).chunk(2, 1)
                below = (1 - z) * torch.tanh(candidate + r * fed) + z * past[j]
            h.append(below)
        outputs.append(below)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("depth", [1, 3])
def test_gated_feedback_is_the_papers(depth: int, cell: Any) -> None:
    layer = random_layer(GatedFeedback, 3, 4, depth=depth, cell=cell)
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[0], of_feedback(layer, x))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gated_feedback_whose_global_gates_are_shut_to_others_is_a_stack(cell: Any) -> None:
    layer = random_layer(GatedFeedback, 3, 4, depth=2, cell=cell)
    with torch.no_grad():
        for j, weight in enumerate(layer.weight_ih):
            weight[-2:] = 0.0
            layer.bias[j, -2:] = torch.where(torch.arange(2) == j, 1e3, -1e3)
        layer.weight_global.zero_()
    stack = build(cell, 3, 4, layers=2).double()
    own = 12 if cell == "lstm" else 8
    # torch's LSTM has its candidate between f and o.
    order = [0, 1, 3, 2] if cell == "lstm" else [0, 1, 2]

    def sorted_blocks(rows: Tensor) -> Tensor:
        return torch.cat([rows.split(4)[k] for k in order])

    with torch.no_grad():
        for j, plain in enumerate(stack.layers):
            candidate = layer.weight_feedback[j][:, 4 * j : 4 * j + 4]
            plain.weight_ih.copy_(sorted_blocks(layer.weight_ih[j][: own + 4]))
            plain.bias_ih.copy_(sorted_blocks(layer.bias[j, : own + 4]))
            plain.weight_hh.copy_(sorted_blocks(torch.cat([layer.weight_hh[j], candidate])))
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[0], stack(x)[0])


def test_upper_layers_speak_to_lower_ones() -> None:
    layer = random_layer(GatedFeedback, 3, 4, depth=2)
    state = layer.initial_state(1)
    _, after = layer.step(torch.zeros(1, 3, dtype=torch.float64), state)
    h = after.h.detach().clone().requires_grad_()
    _, later = layer.step(torch.zeros(1, 3, dtype=torch.float64), after._replace(h=h))
    (gradient,) = torch.autograd.grad(later.h[:, 0].sum(), h)
    assert gradient[:, 1].abs().amin() > 0


@pytest.mark.parametrize("name", LOOPED)
def test_ragged_batches_run_under_autocast(name: str) -> None:
    torch.manual_seed(0)
    layer = build(name, 3, 4)
    x, reset = torch.randn(3, 6, 3), torch.rand(3, 6) < 0.3
    arguments = {"reset": reset, "lengths": torch.tensor([6, 2, 4])}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = layer(x, **arguments)
    torch.testing.assert_close(y.float(), layer(x, **arguments)[0], atol=0.05, rtol=0)


@pytest.mark.parametrize("name", ["peephole-lstm", "gru-before", "slstm", "phased-lstm"])
def test_recurrent_dropout_acts_in_training_and_never_in_a_step(name: str) -> None:
    torch.manual_seed(0)
    layer = build(name, 3, 32, recurrent_dropout=0.5).layers[0]
    x = torch.randn(2, 12, 3)
    first = layer(x)[0]
    assert not torch.equal(first, layer(x)[0])
    once, again = (layer.step(x[:, 0], layer.initial_state(2))[0] for _ in range(2))
    assert torch.equal(once, again)
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


@pytest.mark.parametrize("make", [PeepholeLstm, Slstm, GatedFeedback, gated.phased_lstm])
def test_forget_gates_start_with_their_bias(make: Any) -> None:
    torch.manual_seed(0)
    few, many = (make(1, 8, forget_bias=bias) for bias in (-3.0, 3.0))
    many.load_state_dict(
        {k: v if "bias" in k else few.state_dict()[k] for k, v in many.state_dict().items()}
    )

    @torch.no_grad()
    def memory(layer: Any) -> float:
        """How much of a cell is left a step later, on the average."""
        state = layer.initial_state(1)
        inner = state.inner if hasattr(state, "inner") else state
        full = inner._replace(**{inner._fields[1]: torch.ones_like(inner[1])})
        full = state._replace(inner=full) if hasattr(state, "inner") else full
        after = layer.step(torch.zeros(1, 1), full)[1]
        return float((after.inner if hasattr(after, "inner") else after)[1].mean())

    assert memory(many) > memory(few)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Slstm(3, 4, heads=3),
        lambda: Slstm(3, 4, forget_gate="relu"),  # type: ignore[arg-type]
        lambda: GatedFeedback(3, 4, depth=0),
        lambda: GatedFeedback(3, 4, cell="rnn"),  # type: ignore[arg-type]
        lambda: gated.phased_lstm(3, 4, periods=(0.0, 5.0)),
        lambda: gated.phased_lstm(3, 4, periods=(6.0, 5.0)),
        lambda: gated.phased_lstm(3, 4, open_ratio=1.0),
        lambda: gated.phased_lstm(3, 4, leak=2.0),
    ],
)
def test_impossible_options_are_refused(make: Any) -> None:
    with pytest.raises(UsageError):
        make()
