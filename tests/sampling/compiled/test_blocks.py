"""Exported blocks around recurrences that no flavour puts there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnmusic.recurrent.diagonal import ChannelSsm, DiagonalSsm, LinearScan, MinGru, ResidualBlock
from rnnmusic.recurrent.diagonal.block import Gate
from rnnmusic.sampling.compiled.blocks import residual_block


@pytest.mark.parametrize("inputs", [3, 8])
@pytest.mark.parametrize("gate", ["full", "half"])
@pytest.mark.parametrize(
    "mixer",
    [
        lambda: DiagonalSsm(8, 8, modes=3, learned_initial_state=True),
        lambda: DiagonalSsm(8, 8, feedthrough="diagonal", discretization="zoh"),
        lambda: ChannelSsm(8, modes=3, learned_initial_state=0.5),
        lambda: MinGru(8, 8, learned_initial_state=True),
    ],
)
def test_a_block_stays_with_torch(inputs: int, gate: Gate, mixer: type[LinearScan]) -> None:
    torch.manual_seed(0)
    block = ResidualBlock(inputs, mixer(), gate)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    layer = residual_block(block)
    x, state, exported = torch.randn(60, inputs), block.initial_state(1), layer.initial
    for row in x:
        drive = (row.numpy() @ layer.input_weight + layer.input_bias).astype(np.float32)
        y, exported = layer.advance(drive, exported)
        with torch.no_grad():
            expected, state = block.step(row[None], state)
        np.testing.assert_allclose(
            y, expected[0], atol=1e-5 * max(1.0, float(expected.abs().max()))
        )
