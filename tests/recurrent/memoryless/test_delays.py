from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic import recurrent
from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, features_of, fit, model_for
from rnnmusic.recurrent.memoryless import DelayNetwork, TimeDelay, Window
from rnnmusic.tasks import Examples, Task


def by_convolution(net: DelayNetwork, x: Tensor) -> Tensor:
    """torch's own convolution over x with the zeros of the initial state before it."""
    h = x.transpose(1, 2)
    for linear, taps, dilation in zip(net.maps, net.taps, net.dilations, strict=True):
        weight = linear.weight.unflatten(1, (taps, -1)).transpose(1, 2)
        h = F.conv1d(F.pad(h, ((taps - 1) * dilation, 0)), weight, linear.bias, dilation=dilation)
        h = h.tanh()
    return h.transpose(1, 2)


@pytest.mark.parametrize(
    "net",
    [
        Window(3, 5, window=1),
        Window(3, 5, window=6),
        Window(3, 5, window=4, depth=3),
        TimeDelay(3, 5),
        TimeDelay(3, 5, taps=2, dilations=(1, 3, 2)),
    ],
    ids=["one", "window", "deep", "time-delay", "dilations"],
)
def test_it_is_a_causal_convolution(net: DelayNetwork) -> None:
    net = net.double()
    x = torch.randn(2, 20, 3, dtype=torch.float64)
    torch.testing.assert_close(net(x)[0], by_convolution(net, x), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("net", "reach"),
    [
        (Window(2, 4, window=1), 1),
        (Window(2, 4, window=5, depth=2), 5),
        (TimeDelay(2, 4), 15),
        (TimeDelay(2, 4, taps=2, dilations=(1, 5)), 7),
    ],
)
def test_reach_is_how_far_an_output_sees(net: DelayNetwork, reach: int) -> None:
    assert net.reach == reach
    x = torch.randn(1, 20, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(net(x)[0][0, -1].sum(), x)
    seen = gradient[0].abs().sum(1) > 0
    assert seen[20 - reach]
    assert not seen[: 20 - reach].any()


def test_windows_do_not_leak_across_pieces() -> None:
    """What is before a reset is replaced, not merely unseen by the gradient."""
    net = Window(3, 5, window=4)
    x = torch.randn(1, 12, 3)
    reset = torch.zeros(1, 12, dtype=torch.bool)
    reset[0, 5] = True
    other = x.clone()
    other[0, :5] = 1e3
    after, after_state = net(x, reset=reset)
    torch.testing.assert_close(net(other, reset=reset)[0][:, 5:], after[:, 5:], atol=0, rtol=0)
    torch.testing.assert_close(after[:, 5:], net(x[:, 5:])[0])
    assert after_state.lines[0].shape == (1, 3, 3)


class Delayed(Task):
    """Say the bit of three steps ago."""

    name, measure, paper = "delayed", "accuracy", "none"
    is_symbolic = is_classification = True
    input_size = output_size = 2
    memoryless = 0.5

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        bits = torch.randint(0, 2, (count, 16), generator=rng)
        mask = (torch.arange(16) >= 3).expand(count, -1)
        return Examples(bits, bits.roll(3, 1), mask)


@pytest.mark.parametrize(
    ("name", "options"), [("window", {"window": 4}), ("time-delay", {"dilations": (1, 1)})]
)
def test_a_window_learns_what_its_memoryless_twin_cannot(
    name: str, options: dict[str, int]
) -> None:
    config = FitConfig(updates=120, learning_rate=1e-2, batch_size=16, tests=64)
    scores = []
    for given in (options, {"window": 1}):
        torch.manual_seed(0)
        flavour = name if given is options else "window"
        net = recurrent.build(flavour, features_of(Delayed()), 16, **given)
        scores.append(fit(model_for(Delayed(), net), Delayed(), config).score)
    assert scores[0] > 0.99
    assert scores[1] < 0.6


@pytest.mark.parametrize(
    "make",
    [
        lambda: Window(0, 3),
        lambda: Window(3, 0),
        lambda: Window(3, 3, window=0),
        lambda: Window(3, 3, depth=0),
        lambda: TimeDelay(3, 3, dilations=()),
        lambda: TimeDelay(3, 3, dilations=(1, 0)),
        lambda: TimeDelay(3, 3, taps=0),
    ],
)
def test_impossible_sizes_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError):
        make()
