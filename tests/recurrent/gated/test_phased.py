"""The time gate: when it opens, what it gates, and that time is a phase."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnmusic.recurrent import Gru, Lstm, VanillaRnn
from rnnmusic.recurrent.gated import GruBefore, PeepholeLstm, Phased, Slstm, phased_lstm
from rnnmusic.recurrent.protocol import Recurrent


def with_gate(period: float, shift: float, ratio: float, leak: float = 1e-3) -> Phased:
    layer = phased_lstm(1, 1, open_ratio=ratio, leak=leak).double()
    with torch.no_grad():
        layer.log_period.fill_(math.log(period))
        layer.shift.fill_(shift)
    return layer


def of_paper(time: Tensor, period: float, shift: float, ratio: float, leak: float) -> Tensor:
    phase = torch.remainder(time - shift * period, period) / period
    rises, falls = 2 * phase / ratio, 2 - 2 * phase / ratio
    return torch.where(phase < ratio / 2, rises, torch.where(phase < ratio, falls, leak * phase))


@pytest.mark.parametrize("is_training", [False, True])
def test_the_gate_is_the_papers_and_leaks_in_training_only(is_training: bool) -> None:
    layer = with_gate(4.3, 0.3, 0.4, leak=0.01).train(is_training)
    time = torch.linspace(0, 20, 501, dtype=torch.float64)
    expected = of_paper(time, 4.3, 0.3, 0.4, 0.01 if is_training else 0.0)
    torch.testing.assert_close(layer.openness(time[:, None] / 4.3)[:, 0], expected)


@pytest.mark.parametrize("inner", [VanillaRnn, Lstm, Gru, PeepholeLstm, GruBefore, Slstm])
def test_any_gated_layer_can_be_inside_and_all_of_its_state_is_gated(inner: Any) -> None:
    torch.manual_seed(0)
    layer = Phased(inner(3, 8), open_ratio=0.4).double().eval()
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    dt = 2 * torch.rand(2, 9, dtype=torch.float64)
    y, end = layer(x, None, dt)
    state, time = layer.inner.initial_state(2), dt.cumsum(1)
    for t in range(9):
        k = layer.openness(time[:, t, None] / layer.log_period.exp())
        _, proposed = layer.inner.step(x[:, t], state)
        gated = [(1 - k) * old + k * new for old, new in zip(state, proposed, strict=True)]
        state = type(state)(*gated)
        torch.testing.assert_close(y[:, t], state[0])
    for part, expected in zip(end.inner, state, strict=True):
        torch.testing.assert_close(part, expected)


def test_a_shut_unit_keeps_its_state_to_the_bit() -> None:
    layer = with_gate(10.0, 0.0, 0.1).eval()
    state = layer.initial_state(1)
    _, state = layer.step(torch.ones(1, 1, dtype=torch.float64), state, 0.5)
    y, after = layer.step(torch.ones(1, 1, dtype=torch.float64), state, 5.0)
    assert state.inner.h.all()
    assert torch.equal(after.inner.h, state.inner.h)
    assert torch.equal(after.inner.c, state.inner.c)
    assert torch.equal(y, state.inner.h)


@torch.no_grad()
def test_time_is_a_phase_whose_rounding_never_grows() -> None:
    torch.manual_seed(0)
    layer, steps = phased_lstm(1, 64).eval(), 2000
    state, x = layer.initial_state(1), torch.zeros(1, 1)
    for _ in range(steps):
        state = layer.step(x, state, 1.5)[1]
    exact = 1.5 * steps * torch.exp(-layer.log_period).double()
    apart = state.cycles.double() - exact
    # Each step rounds a number below 1 once. Time itself would round to ever fewer digits.
    assert (apart - apart.round()).abs().amax() <= steps * 2**-25
    assert float(state.cycles.amin()) >= 0.0
    assert float(state.cycles.amax()) <= 1.0


def test_steps_in_one_stretch_and_time_in_pieces() -> None:
    layer = with_gate(7.0, 0.2, 0.5).eval()
    zeros = torch.zeros(1, 3, 1, dtype=torch.float64)
    start = layer.initial_state(1)
    _, pieces = layer(zeros, start, torch.tensor([[1.5, 2.5, 9.0]]))
    _, once = layer(zeros[:, :1], start, torch.tensor([[13.0]]))
    torch.testing.assert_close(pieces.cycles, once.cycles)


def test_periods_stay_positive_and_start_within_their_bounds() -> None:
    torch.manual_seed(0)
    layer = phased_lstm(1, 500, periods=(2.0, 50.0))
    periods = layer.log_period.detach().exp()
    assert 2.0 <= float(periods.amin()) <= 3.0
    assert 40.0 <= float(periods.amax()) <= 50.0
    # Log-uniform: half of them lie below the geometric mean.
    assert abs(float((periods < 10.0).float().mean()) - 0.5) < 0.08


def test_what_a_row_begins_with_is_learned_through_gates_that_open() -> None:
    torch.manual_seed(0)
    layer = phased_lstm(2, 16, open_ratio=0.5, learned_initial_state=0.5).double().eval()
    reset = torch.zeros(1, 12, dtype=torch.bool)
    reset[0, 3] = True
    y, _ = layer(torch.randn(1, 12, 2, dtype=torch.float64), reset=reset)
    y[:, 3:].sum().backward()
    gradient = layer.inner.initial.grad
    assert gradient is not None
    assert gradient[0, :8].all()  # h
    assert gradient[1, :8].count_nonzero() >= 6  # c, of all but those that hardly open
    assert not gradient[:, 8:].any()  # beyond the share that is learned


def test_time_that_resets_in_the_fast_path() -> None:
    torch.manual_seed(0)
    layer = phased_lstm(2, 8, open_ratio=0.6).double().eval()
    x, dt = torch.randn(3, 10, 2, dtype=torch.float64), 3 * torch.rand(3, 10, dtype=torch.float64)
    reset = torch.rand(3, 10) < 0.3
    lengths, state = torch.tensor([10, 4, 0]), layer(x, None, dt)[1]
    y, end = layer(x, state, dt, reset, lengths)
    expected, expected_end = Recurrent.forward(layer, x, state, dt, reset, lengths)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(end.cycles, expected_end.cycles)
    torch.testing.assert_close(end.inner.c, expected_end.inner.c)
