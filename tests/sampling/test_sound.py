"""Sound sampled from generators of frames: as long as asked, continued, reproducible."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnmusic.audio import Audio
from rnnmusic.encodings import LogMel
from rnnmusic.errors import InputError, UsageError
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.heads import Controls
from rnnmusic.sampling.compiled import export
from rnnmusic.sampling.generate import generate
from rnnmusic.sampling.sampler import Sampler
from rnnmusic.sampling.sound import generate_audio
from tests.sampling.conftest import untrained

MEL = LogMel(sample_rate_hz=8000, fft_size=256, hop_size=128, mels=20, highest_hz=4000.0)


def tone(seconds: float = 0.5, rate_hz: int = 8000, pitch_hz: float = 440.0) -> Audio:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return Audio(0.5 * np.sin(2 * np.pi * pitch_hz * time_s), rate_hz)


@pytest.fixture
def generator() -> Generator:
    """Untrained, but for what frames of a tone are like."""
    model = build(GeneratorConfig(MEL, ModelConfig("gru", size=16), HeadConfig(components=3)))
    model.fit_marginals(torch.from_numpy(MEL.encode(tone()).steps))
    return model


@pytest.mark.parametrize("seconds", [0.05, 0.25, 0.3])
def test_it_lasts_as_long_as_asked(generator: Generator, seconds: float) -> None:
    told: list[tuple[int, int]] = []
    audio = generate_audio(
        generator, seconds=seconds, seed=0, on_step=lambda *step: told.append(step)
    )
    assert audio.samples.shape == (1, round(seconds * 8000))
    assert audio.sample_rate_hz == 8000
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))
    assert len(told) == MEL.frame_count(audio.samples.shape[1])


def test_a_seed_decides_what_sounds(generator: Generator) -> None:
    first, again, other = (
        generate_audio(generator, seconds=0.3, seed=seed).samples for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    cold = Controls(temperature=0.0)
    one, two = (generate_audio(generator, seconds=0.3, seed=s, controls=cold) for s in (3, 4))
    assert np.array_equal(one.samples, two.samples)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_a_prime_is_heard_and_continued(generator: Generator, rate_hz: int) -> None:
    prime = tone(0.4, rate_hz)
    audio = generate_audio(generator, seconds=0.2, seed=1, prime=prime)
    assert audio.samples.shape[1] == round(0.6 * 8000)
    spectrum = np.abs(np.fft.rfft(audio.samples[0, :3200]))
    assert np.fft.rfftfreq(3200, 1 / 8000)[spectrum.argmax()] == pytest.approx(440, abs=25)
    # The same draws from another past are other frames.
    other = generate_audio(generator, seconds=0.2, seed=1, prime=tone(0.4, rate_hz, 880.0))
    assert not np.array_equal(audio.samples[:, -1000:], other.samples[:, -1000:])


def test_priming_with_what_was_drawn_changes_nothing(generator: Generator) -> None:
    one = Sampler(generator, seed=8)
    heard = np.stack([one.next() for _ in range(10)])
    assert heard.dtype == np.float32
    other = Sampler(generator, seed=99)
    other.prime(heard[:4])
    other.prime(heard[4:])
    other.restore(other.snapshot()._replace(rng_state=one.snapshot().rng_state))
    for _ in range(5):
        np.testing.assert_allclose(one.next(), other.next(), atol=1e-4)


def test_scores_and_sound_are_not_mixed_up(generator: Generator) -> None:
    with pytest.raises(UsageError, match="makes sound"):
        generate(generator, bars=1, seed=0)
    with pytest.raises(UsageError, match="makes sound"):
        export(generator)
    with pytest.raises(UsageError, match="makes notes"):
        generate_audio(untrained("roll"), seconds=1, seed=0)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), 1e9])
def test_impossible_lengths_are_refused(generator: Generator, seconds: float) -> None:
    with pytest.raises(UsageError, match="seconds of sound"):
        generate_audio(generator, seconds=seconds, seed=0)


def test_a_prime_without_samples_and_a_diverged_model_are_refused(generator: Generator) -> None:
    with pytest.raises(InputError, match="no samples"):
        generate_audio(generator, seconds=0.1, seed=0, prime=Audio(np.zeros((1, 0)), 8000))
    with torch.no_grad():
        generator.head.means.bias.fill_(torch.nan)
    with pytest.raises(InputError, match="diverged"):
        generate_audio(generator, seconds=0.1, seed=0)
