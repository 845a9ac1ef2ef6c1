"""Every gated flavour learns what can't be known without memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rnnmusic.learning import FitConfig, fit, model_for
from rnnmusic.recurrent import build
from rnnmusic.tasks import FrequencyDiscrimination, Parity
from rnnmusic.tasks.protocol import Examples


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rnn", {}),
        ("lstm", {}),
        ("peephole-lstm", {}),
        ("gru", {}),
        ("gru-before", {}),
        ("slstm", {"heads": 2}),
        ("gated-feedback", {"cell": "gru"}),
        ("gated-feedback", {"cell": "lstm"}),
    ],
)
def test_parity_is_learned(name: str, options: dict[str, Any]) -> None:
    task = Parity(8, every_step=True)
    torch.manual_seed(0)
    model = model_for(task, build(name, 2, 16, **options))
    config = FitConfig(updates=400, learning_rate=2e-2, target=0.99, check_every=25)
    assert task.memoryless == 0.5
    assert fit(model, task, config).score > 0.95


class Pace(FrequencyDiscrimination):
    """Steps that all look alike, in a slow or in a fast row: only dt tells which."""

    def __init__(self) -> None:
        super().__init__(clock=False)

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        fast = torch.randint(0, 2, (count, 1), generator=rng)
        dt = (1.0 + torch.rand(count, 12, generator=rng)) * torch.where(fast > 0, 0.5, 2.0)
        mask = torch.zeros(count, 12, dtype=torch.bool)
        mask[:, -1] = True
        return Examples(torch.ones(count, 12, 1), fast.expand(-1, 12), mask, dt)


def test_a_phased_lstm_tells_time_that_an_lstm_has_not() -> None:
    config = FitConfig(updates=150, learning_rate=2e-2, target=0.99, check_every=25)
    scores = {}
    for name, options in (("phased-lstm", {"open_ratio": 0.3}), ("lstm", {})):
        torch.manual_seed(0)
        scores[name] = fit(model_for(Pace(), build(name, 1, 24, **options)), Pace(), config).score
    assert scores["phased-lstm"] > 0.9
    assert scores["lstm"] < 0.65
