"""The bank of cascades: where its poles are, and that it is the filters it says it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import sosfilt

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import IirCell, build


@pytest.mark.parametrize("radius", [0.5, 0.9999, 1.0])
@pytest.mark.parametrize("scale", [1.0, 10.0, 1e20])
def test_poles_stay_inside_whatever_the_parameters(radius: float, scale: float) -> None:
    """100,000 draws of the float32 numbers that run, by the roots of each section."""
    layer = IirCell(1, 20_000, sections=5, max_radius=radius)
    torch.manual_seed(0)
    with torch.no_grad():
        layer.reflection.normal_(std=scale)
    a1, a2 = layer.sos().detach().double().numpy()[..., 4:].reshape(-1, 2).T
    root = np.sqrt((a1 * a1 - 4 * a2).astype(np.complex128))
    assert np.abs(np.stack([a1 + root, a1 - root]) / 2).max() < radius


def test_the_optimiser_cannot_leave() -> None:
    """Gradient steps that reward nothing but a louder output."""
    torch.manual_seed(0)
    layer = IirCell(1, 2, sections=2, max_radius=0.99)
    optimiser = torch.optim.SGD(layer.parameters(), lr=100.0)
    for _ in range(50):
        optimiser.zero_grad()
        y, _ = layer(torch.ones(1, 30, 1))
        torch.autograd.backward(-(y.square().mean() + 1).log())
        optimiser.step()
        assert np.isfinite(layer.poles()).all()
        assert np.abs(layer.poles()).max() < 0.99


def test_its_forms_are_the_filters_that_it_runs() -> None:
    torch.manual_seed(0)
    layer = IirCell(2, 3, sections=2).double()
    with torch.no_grad():
        layer.numerator.normal_()
    x = torch.randn(1, 60, 2, dtype=torch.float64)
    y = layer(x)[0][0].detach().numpy()
    mixed = (x[0] @ layer.input_weight.T).detach().numpy()
    for k, form in enumerate(layer.filters()):
        np.testing.assert_allclose(y[:, k], sosfilt(form.sos, mixed[:, k]), atol=1e-12)
    assert layer.poles().shape == (12,)


def test_it_starts_with_poles_in_a_ring_and_outputs_of_the_order_of_the_inputs() -> None:
    torch.manual_seed(0)
    layer = IirCell(64, 100, sections=2)
    radii = np.abs(layer.poles())
    assert 0.45 < radii.min() < radii.max() < 0.96
    y, _ = layer(torch.randn(2, 500, 64))
    assert 0.3 < y.std() < 3


@pytest.mark.parametrize("options", [{"sections": 0}, {"max_radius": -1.0}])
def test_mistakes_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        build("iir", 2, 3, **options)
