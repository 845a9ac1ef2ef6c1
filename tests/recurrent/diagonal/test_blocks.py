"""Blocks and what they are around: equations, time, what they learn, and the view inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from scipy.special import expit
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import UsageError
from rnnmusic.generator import GeneratorConfig, HeadConfig, ModelConfig
from rnnmusic.generator import build as build_generator
from rnnmusic.inspection import inspect
from rnnmusic.learning import FitConfig, features_of, fit, model_for
from rnnmusic.recurrent import build
from rnnmusic.recurrent.diagonal import (
    ChannelSsm,
    DiagonalSsm,
    LinearScan,
    MinGru,
    ResidualBlock,
    RgLru,
)
from rnnmusic.recurrent.diagonal.block import Gate
from rnnmusic.tasks import SelectiveCopy

BLOCKS = ["lru", "s4d", "s5", "mingru", "rg-lru"]


def scrambled(layer: Any) -> Any:
    layer = layer.double()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.5)
    return layer


def run(layer: LinearScan, time: int = 20, dt: Tensor | None = None) -> tuple[Any, Any]:
    torch.manual_seed(2)
    x = torch.randn(1, time, layer.input_size, dtype=torch.float64)
    with torch.no_grad():
        return x[0].numpy(), layer(x, None, dt)[0][0].numpy()


def test_min_gru_is_its_equation() -> None:
    layer = scrambled(MinGru(3, 4))
    x, y = run(layer)
    weight, bias = (part.detach().numpy() for part in (layer.weight, layer.bias))
    h = np.zeros(4)
    for t, row in enumerate(x):
        z = expit(weight[:4] @ row + bias[:4])
        h = (1 - z) * h + z * (weight[4:] @ row + bias[4:])
        np.testing.assert_allclose(y[t], h, atol=1e-12)


@pytest.mark.parametrize("dt", [1.0, 0.3])
def test_rg_lru_is_its_equation(dt: float) -> None:
    layer = scrambled(RgLru(4))
    x, y = run(layer, dt=None if dt == 1.0 else torch.full((1, 20), dt, dtype=torch.float64))
    weight, bias = (part.detach().numpy() for part in (layer.weight, layer.bias))
    slowest, h = expit(layer.decay.detach().numpy()), np.zeros(4)
    for t, row in enumerate(x):
        r, i = (expit(weight[k : k + 4] @ row + bias[k : k + 4]) for k in (0, 4))
        a = slowest ** (8 * r * dt)
        h = a * h + np.sqrt(1 - a**2) * (i * row)
        np.testing.assert_allclose(y[t], h, atol=1e-12)


def test_rg_lru_begins_in_its_ring() -> None:
    torch.manual_seed(0)
    keep = torch.sigmoid(RgLru(2000, radius=(0.8, 0.95)).decay) ** 8
    assert 0.8 - 1e-4 < keep.min() < 0.81
    assert 0.94 < keep.max() < 0.95 + 1e-4


def test_s4d_holds_its_input_over_a_learned_step() -> None:
    """Against the matrix exponential of each mode with its input as a state."""
    layer = scrambled(ChannelSsm(3, modes=2))
    x, y = run(layer)
    step = layer.log_step.detach().exp().repeat_interleave(2).numpy()
    excess = F.softplus(layer.decay.detach()).numpy()
    rates = -excess + 1j * layer.phase.detach().numpy() + np.log(layer._limit) / step
    c = torch.view_as_complex(layer.readout_weight.detach()).numpy().conj().reshape(-1)
    h = np.zeros(6, complex)
    held = [expm(d * np.array([[rate, 1], [0, 0]])) for d, rate in zip(step, rates, strict=True)]
    for t, row in enumerate(x):
        driven = np.repeat(row, 2)
        h = np.array([m[0, 0] * s + m[0, 1] * u for m, s, u in zip(held, h, driven, strict=True)])
        expected = (c * h).real.reshape(3, 2).sum(1) + layer.direct_weight.detach().numpy() * row
        np.testing.assert_allclose(y[t], expected, atol=1e-9)


@pytest.mark.parametrize("discretization", ["lru", "zoh", "bilinear"])
def test_a_learned_step_that_is_one_changes_nothing(discretization: Any) -> None:
    plain = scrambled(DiagonalSsm(2, 3, discretization=discretization))
    timed = DiagonalSsm(2, 3, discretization=discretization, time_step=(1.0, 1.0)).double()
    missing, _ = timed.load_state_dict(plain.state_dict(), strict=False)
    assert missing == ["log_step"]
    for dt in (None, 2 * torch.rand(1, 20)):
        np.testing.assert_allclose(run(timed, dt=dt)[1], run(plain, dt=dt)[1], atol=1e-12)


def test_a_diagonal_feedthrough_is_a_diagonal_matrix() -> None:
    small = scrambled(DiagonalSsm(3, 3, feedthrough="diagonal"))
    dense = DiagonalSsm(3, 3).double()
    given = small.state_dict()
    dense.load_state_dict({**given, "direct_weight": torch.diag(given["direct_weight"])})
    np.testing.assert_allclose(run(small)[1], run(dense)[1], atol=1e-12)


def test_the_channels_of_s4d_are_their_filters() -> None:
    layer = scrambled(ChannelSsm(3, modes=4))
    x, y = run(layer)
    for k, form in enumerate(layer.filters()):
        s, expected = np.zeros(4, complex), []
        for value in x[:, k]:
            expected.append((form.c[0] @ s).real + form.d[0, 0] * value)
            s = form.pole * s + form.b[:, 0] * value
        np.testing.assert_allclose(y[:, k], expected, atol=1e-11)
    ours = np.concatenate([form.pole for form in layer.filters()])
    np.testing.assert_allclose(layer.poles()[: len(ours)], ours)


@pytest.mark.parametrize("gate", ["full", "half"])
@pytest.mark.parametrize("inputs", [2, 4])
def test_a_block_is_its_equation(gate: Gate, inputs: int) -> None:
    block = scrambled(ResidualBlock(inputs, MinGru(4, 4), gate))
    x = torch.randn(2, 9, inputs, dtype=torch.float64)
    with torch.no_grad():
        y, _ = block(x)
        u = x if inputs == 4 else F.linear(x, block.entry.weight, block.entry.bias)
        v, _ = block.mixer(F.layer_norm(u, (4,), block.norm.weight, block.norm.bias))
        v = F.gelu(v, approximate="tanh")
        total = F.linear(v, block.gate.weight, block.gate.bias)
        given, opened = total.chunk(2, -1) if gate == "full" else (v, total)
        torch.testing.assert_close(y, u + given * torch.sigmoid(opened))


@pytest.mark.parametrize("name", [*BLOCKS, "ssm"])
def test_a_step_is_the_scan_in_single_precision(name: str) -> None:
    """At the size and the length of a piece, with the weights that learning starts from."""
    torch.manual_seed(0)
    net = build(name, 20, 64, layers=2)
    x, state, outputs = torch.randn(2, 200, 20), net.initial_state(2), []
    with torch.no_grad():
        whole, _ = net(x)
        for row in x.unbind(1):
            y, state = net.step(row, state)
            outputs.append(y)
    assert (torch.stack(outputs, 1) - whole).abs().max() <= 1e-6 * max(
        1.0, float(whole.abs().max())
    )


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_learns_what_takes_memory(name: str) -> None:
    """Two symbols among blanks, to be said in order after the sign: guessing has a quarter."""
    task = SelectiveCopy(10, symbols=4, remembered=2)
    torch.manual_seed(0)
    options = {"time_step": (0.05, 0.5)} if name in ("s4d", "s5") else {}
    network = build(name, features_of(task), 32, layers=2, **options)
    config = FitConfig(updates=250, learning_rate=5e-3, target=0.8, check_every=50, tests=128)
    assert fit(model_for(task, network), task, config).score > 0.6


def test_mistakes_are_refused() -> None:
    for wrong in (
        lambda: ResidualBlock(3, MinGru(3, 4), "full"),
        lambda: ResidualBlock(0, MinGru(4, 4), "full"),
        lambda: ResidualBlock(4, MinGru(4, 4), "none"),  # type: ignore[arg-type]
        lambda: MinGru(0, 3),
        lambda: RgLru(3, radius=(0.9, 1.0)),
        lambda: ChannelSsm(3, modes=0),
        lambda: build("lru", 3, 0),
    ):
        with pytest.raises(UsageError):
            wrong()


@pytest.mark.parametrize("name", ["lru", "mingru"])
def test_inspection_looks_into_blocks(name: str) -> None:
    """A linear recurrence tells its poles; what isn't one is linearised like any other layer."""
    config = GeneratorConfig(
        PianoRoll(lowest_pitch=60, highest_pitch=65),
        ModelConfig(name, size=4),
        HeadConfig("bernoulli"),
    )
    generator = build_generator(config)
    steps = np.random.default_rng(0).integers(0, 2, (12, len(config.encoding.sizes)))
    block, mixer = inspect(generator, steps, moments=3, horizon=4)
    assert block.name == "1 ResidualBlock"
    assert not block.forms
    assert len(block.moments) == 3
    if name == "mingru":
        assert mixer.name == "2 MinGru"
        assert not mixer.forms
        return
    inner = generator.recurrent.layers[0].mixer
    poles = np.concatenate([form.poles() for form in mixer.forms])
    assert mixer.name == "2 DiagonalSsm"
    np.testing.assert_allclose(np.sort_complex(poles), np.sort_complex(inner.poles()), atol=1e-6)
