"""Clamping: units of the state that are told what to be."""

from __future__ import annotations

import pytest
import torch

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, SequenceModel, fit
from rnnmusic.recurrent import Clamped, build
from rnnmusic.recurrent.gated import Gru, Lstm
from tests.learning.small import Echo


def clamped(units: int = 2) -> Clamped:
    torch.manual_seed(0)
    return Clamped(Lstm(3, 5), units, field="h").double()


def test_clamped_units_are_heard_and_the_others_are_free() -> None:
    net = clamped()
    x, values = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    mask = torch.tensor([[1.0, 0.0]] * 4, dtype=torch.float64)
    state = net.initial_state(4)
    state = state._replace(h=torch.randn(4, 5, dtype=torch.float64))
    found, _ = net.step(torch.cat([x, values, mask], 1), state)
    told = state.h.clone()
    told[:, 0] = values[:, 0]
    torch.testing.assert_close(found, net.inner.step(x, state._replace(h=told))[0])


def test_an_open_mask_changes_nothing_and_whole_equals_chunked() -> None:
    net = clamped()
    x = torch.randn(2, 7, 7, dtype=torch.float64)
    x[..., 5:] = 0.0
    torch.testing.assert_close(net(x)[0], net.inner(x[..., :3])[0])
    x[..., 5:] = torch.randint(0, 2, (2, 7, 2)).double()
    whole, _ = net(x)
    first, state = net(x[:, :4])
    torch.testing.assert_close(torch.cat([first, net(x[:, 4:], state)[0]], 1), whole)
    assert not torch.allclose(whole, net.inner(x[..., :3])[0])


def test_no_gradient_passes_a_clamped_unit() -> None:
    torch.manual_seed(0)
    net = Clamped(Gru(1, 4), 4)
    x = torch.randn(1, 3, 9)
    x[:, 2, 5:] = 1.0  # all units clamped before the last step
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(net(x)[0][:, 2].sum(), x)
    assert not gradient[:, :2].any()
    assert gradient[:, 2, :5].all()


def test_a_network_learns_with_its_units_clamped_to_the_past() -> None:
    """Values of two steps ago, told to a unit, can be said again."""

    class Told(Echo):
        def draw(self, count: int, rng: torch.Generator):  # type: ignore[no-untyped-def]
            examples = super().draw(count, rng)
            far = torch.rand(examples.inputs.shape, generator=rng) - 0.5
            told = torch.cat([examples.inputs, far, torch.ones_like(far)], 2)
            return examples._replace(inputs=told, targets=far)

    torch.manual_seed(0)
    model = SequenceModel(Clamped(Gru(1, 12), 1), 1)
    found = fit(model, Told(), FitConfig(updates=200, learning_rate=2e-2))
    assert found.score < 0.01  # the variance of what is told is 1/12


def test_what_cannot_be_clamped_is_refused() -> None:
    with pytest.raises(UsageError, match="no tensor 'c'"):
        Clamped(Gru(2, 3), 1, field="c")
    with pytest.raises(UsageError, match="4 units"):
        Clamped(Gru(2, 3), 4)
    with pytest.raises(UsageError, match="none with a name"):
        Clamped(build("gru", 2, 3), 1)
