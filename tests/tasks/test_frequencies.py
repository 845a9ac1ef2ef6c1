from __future__ import annotations

import math

import pytest
import torch

from rnnmusic.tasks import FrequencyDiscrimination


@pytest.mark.parametrize("sampling", ["regular", "fast", "asynchronous"])
def test_dt_and_the_clock_tell_the_same_time(sampling: str) -> None:
    examples = FrequencyDiscrimination(sampling).draw(20, torch.Generator().manual_seed(0))
    assert examples.dt is not None
    assert examples.lengths is not None
    for row, length in enumerate(examples.lengths.tolist()):
        time, dt = examples.inputs[row, :length, 1].double(), examples.dt[row, :length].double()
        torch.testing.assert_close(time - time[0], dt.cumsum(0) - dt[0], atol=2e-3, rtol=0)
        assert float(time[0]) >= 0.0
        assert float(time[-1]) <= 125.1
        assert examples.mask[row].nonzero()[:, 0].tolist() == [length - 1]


def test_values_are_a_sine_whose_period_has_the_class() -> None:
    examples = FrequencyDiscrimination().draw(60, torch.Generator().manual_seed(1))
    assert examples.lengths is not None
    periods = torch.exp(torch.linspace(0.0, math.log(100.0), 4000, dtype=torch.float64))
    seen = 0
    for row, length in enumerate(examples.lengths.tolist()):
        value, time = examples.inputs[row, :length].double().unbind(1)
        angle = math.tau * time / periods.unsqueeze(1)
        waves = torch.stack([angle.sin(), angle.cos()], 2)
        wanted = value.expand(len(periods), -1).unsqueeze(2)
        fits = waves @ torch.linalg.lstsq(waves, wanted).solution
        errors = (fits - wanted).square().mean((1, 2))
        if errors.amin() > 1e-3 or (errors < 1e-2).sum() > 40:
            continue  # few samples, or little of a long wave: several periods explain it
        best = float(periods[errors.argmin()])
        inside = bool(examples.targets[row, length - 1])
        assert (4.9 < best < 6.1) if inside else not 5.1 < best < 5.9
        seen += 1
    assert seen > 20


def test_without_its_clock_only_the_value_is_left() -> None:
    told, silent = FrequencyDiscrimination(), FrequencyDiscrimination(clock=False)
    a, b = (task.draw(5, torch.Generator().manual_seed(2)) for task in (told, silent))
    assert silent.input_size == 1
    assert torch.equal(a.inputs[..., :1], b.inputs)
