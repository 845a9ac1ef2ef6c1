"""The gated layers without a fused kernel, exported: options, and what only they have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rnnmusic import recurrent
from rnnmusic.recurrent import Gru, Stack
from rnnmusic.recurrent.gated import GruBefore, PeepholeLstm, Phased, Slstm, VanillaRnn
from rnnmusic.sampling.compiled import export
from rnnmusic.sampling.compiled.gated_variants import softplus
from tests.sampling.compiled.conftest import ROLL, generator_of
from tests.sampling.compiled.test_network import assert_same


def playing(stack: Stack) -> Any:
    """A generator around a stack whose every parameter has moved from where it starts."""
    generator = generator_of(ROLL)
    generator.recurrent = stack
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return generator.eval()


def width() -> int:
    return generator_of(ROLL).embedding.output_size


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("peephole-lstm", {"forget_bias": 2.0}),
        ("slstm", {"heads": 4}),
        ("slstm", {"heads": 2, "forget_gate": "exp"}),
        ("phased-lstm", {"open_ratio": 0.5, "periods": (1.5, 3.0)}),
        ("gated-feedback", {"depth": 1}),
        ("gated-feedback", {"depth": 3, "cell": "gru"}),
    ],
)
def test_options(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    options = {"learned_initial_state": True, **options}
    generator = playing(recurrent.build(name, width(), 16, layers=2, **options))
    assert export(generator).is_compiled
    assert_same(generator, 300)


@pytest.mark.parametrize("inner", [VanillaRnn, Gru, PeepholeLstm, GruBefore, Slstm])
def test_the_time_gate_goes_around_any_layer(inner: Any) -> None:
    torch.manual_seed(0)
    generator = playing(Stack([Phased(inner(width(), 16), open_ratio=0.3)]))
    assert export(generator).is_compiled
    assert_same(generator, 300)


class Damped(Gru):
    """A GRU of a kind that nobody exports."""


def test_a_time_gate_around_an_unknown_layer_runs_through_torch() -> None:
    generator = playing(Stack([Phased(Damped(width(), 16), open_ratio=0.3)]))
    assert not export(generator).is_compiled
    assert_same(generator, 20)


def test_softplus() -> None:
    x = np.concatenate([np.geomspace(1e-20, 90, 400), [0.0, 1e4]]).astype(np.float32)
    for value in (*x, *-x):
        exact = np.logaddexp(0.0, np.float64(value))
        assert abs(np.float64(softplus(value)) - exact) <= 2e-7 * max(1.0, exact)
