"""Other rates and fewer channels: what is kept, what is filtered out, and for how long."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.audio import Audio
from rnnmusic.errors import InputError
from tests.audio.sounds import noise, spectrum_db, tone


def test_a_tone_keeps_its_pitch_level_and_phase() -> None:
    there = tone(1000.0, 1.0, 44_100).resample(16_000)
    wanted = tone(1000.0, 1.0, 16_000)
    assert there.samples.shape == wanted.samples.shape
    middle = slice(1000, -1000)
    np.testing.assert_allclose(there.samples[0, middle], wanted.samples[0, middle], atol=1e-4)


@pytest.mark.parametrize("frequency_hz", [8_200.0, 9_000.0, 12_000.0, 21_000.0])
def test_what_lies_above_the_new_nyquist_does_not_come_back_below(frequency_hz: float) -> None:
    audio = tone(frequency_hz, 1.0, 44_100, peak=1.0).resample(16_000)
    # Where the tone begins and ends at once is a click, which has all frequencies.
    assert spectrum_db(audio.samples[0, 2000:-2000]).max() < -90


def test_upsampling_adds_nothing_above_the_old_nyquist() -> None:
    audio = tone(3_000.0, 1.0, 8_000, peak=1.0).resample(44_100)
    levels = spectrum_db(audio.samples[0, 4000:-4000])
    above = np.fft.rfftfreq(len(audio.samples[0, 4000:-4000]), 1 / 44_100) > 4_100
    assert levels[above].max() < -90
    assert levels.max() == pytest.approx(0.0, abs=0.5)  # between two bins


@settings(max_examples=30, deadline=None)
@given(
    frames=st.integers(0, 3000),
    channels=st.integers(1, 3),
    rates=st.tuples(st.sampled_from([8_000, 22_050, 44_100, 48_000]), st.integers(1000, 96_000)),
)
def test_the_number_of_frames_is_exact(frames: int, channels: int, rates: tuple[int, int]) -> None:
    old, new = rates
    audio = noise(frames, channels, old).resample(new)
    assert audio.samples.shape == (channels, -(-frames * new // old))
    assert audio.sample_rate_hz == new
    assert audio.samples.dtype == np.float32


def test_the_same_rate_is_the_same_sound() -> None:
    audio = noise(100)
    assert audio.resample(44_100) is audio


def test_channels_are_resampled_apart() -> None:
    both = noise(5000, 2)
    resampled = both.resample(22_050).samples
    for row, channel in zip(resampled, both.samples, strict=True):
        np.testing.assert_array_equal(row, Audio(channel, 44_100).resample(22_050).samples[0])


def test_mono_is_the_mean() -> None:
    audio = Audio(np.array([[1.0, 0.5, -1.0], [1.0, -0.5, 0.0]]), 8_000)
    np.testing.assert_array_equal(audio.mono().samples, [[1.0, 0.0, -0.5]])
    one = Audio(np.ones(3), 8_000)
    assert one.mono() is one


@pytest.mark.parametrize("rate_hz", [0, -1, 1, 999, 10**9, 44_100.5, float("nan"), float("inf")])
def test_absurd_rates_are_refused(rate_hz: float) -> None:
    with pytest.raises(InputError, match="1000 to 1000000"):
        noise(10).resample(rate_hz)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="1000 to 1000000"):
        Audio(np.zeros(10), rate_hz)  # type: ignore[arg-type]


def test_nan_does_not_spread() -> None:
    with pytest.raises(InputError, match="1 samples that are NaN"):
        Audio(np.array([0.0, np.nan, 0.0]), 8_000).resample(16_000)
