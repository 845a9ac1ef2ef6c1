"""Learning a device from what goes in and what comes out."""

import numpy as np
import pytest

from rnnmusic import effects
from rnnmusic.effects import EffectConfig, Schedule
from rnnmusic.errors import InputError

RATE = 16_000
SHORT = Schedule(updates=400, batch_size=8, unroll=64, segment_samples=512, learning_rate=1e-2)


def device(x: np.ndarray) -> np.ndarray:
    """Saturation and a one-pole low-pass."""
    y, last = np.empty_like(x), 0.0
    for t, value in enumerate(np.tanh(3 * x)):
        last = y[t] = 0.5 * last + 0.5 * value
    return y


@pytest.fixture(scope="module")
def recordings() -> tuple[np.ndarray, np.ndarray]:
    heard = np.random.default_rng(0).uniform(-1, 1, 8000).astype(np.float32)
    return heard, device(heard)


def test_a_device_is_learned(recordings):
    heard, wanted = recordings
    seen = []
    learned = effects.fit(
        EffectConfig(RATE, "lstm", 8), heard, wanted, schedule=SHORT,
        progress=lambda updates, ratio: seen.append(ratio),
    )  # fmt: skip
    assert learned.untouched > 0.3
    assert learned.held_out < 0.02
    assert learned.held_out == min(seen)  # the best weights were kept
    played = effects.EffectStream(learned.effect).process(heard)
    assert effects.error_to_signal(played, wanted) < 0.02


def test_the_same_seed_learns_the_same(recordings):
    heard, wanted = recordings
    brief = Schedule(updates=20, batch_size=4, unroll=64, segment_samples=256)
    first, second = (
        effects.fit(EffectConfig(RATE, "gru", 4), heard, wanted, schedule=brief, seed=3)
        for _ in range(2)
    )
    assert first.held_out == second.held_out


@pytest.mark.parametrize(
    ("heard", "wanted", "complaint"),
    [
        (np.ones(5000), np.ones(5001), "5000 and 5001 samples"),
        (np.ones(500), np.ones(500), "give 4748 or more"),
        (np.ones(20_000), np.zeros(20_000), "silence"),
        (np.full(20_000, np.nan), np.ones(20_000), "finite"),
        (np.ones((2, 20_000)), np.ones(20_000), r"\(2, 20000\)"),
    ],
)
def test_what_cannot_be_learned_from(heard, wanted, complaint):
    with pytest.raises(InputError, match=complaint):
        effects.fit(EffectConfig(RATE), heard, wanted)


def test_a_network_that_bends_is_no_filter():
    with pytest.raises(InputError, match="isn't linear"):
        effects.as_form(effects.build(EffectConfig(RATE, "gru", 4)))
