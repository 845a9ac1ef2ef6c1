"""Waveform: companding, exact samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.audio import Audio
from rnnmusic.encodings import Waveform
from rnnmusic.encodings.waveform import mu_law_levels, mu_law_samples
from rnnmusic.errors import InputError
from tests.encodings.sounds import noise, tone


def test_every_level_is_its_own_sample() -> None:
    levels = np.arange(256)
    samples = mu_law_samples(levels)
    np.testing.assert_array_equal(mu_law_levels(samples), levels)
    assert (np.diff(samples) > 0).all()
    assert samples[0] == -1.0
    assert samples[255] == 1.0
    np.testing.assert_allclose(samples, -samples[::-1], atol=1e-7)


@given(st.floats(-1, 1, width=32))
def test_levels_are_the_formula(sample: float) -> None:
    companded = np.sign(sample) * np.log(1 + 255 * abs(sample)) / np.log(256)
    exact = (companded + 1) / 2 * 255
    level = int(mu_law_levels(np.array([sample], dtype=np.float32))[0])
    assert abs(level - exact) <= 0.5 + 1e-4


@given(st.floats(-1, 1, width=32))
def test_quantising_keeps_samples_to_a_few_parts_in_a_hundred(sample: float) -> None:
    back = float(mu_law_samples(mu_law_levels(np.array([sample], dtype=np.float32)))[0])
    # Half a level's width: d sample / d companded = ln(256) (1 + 255 |x|) / 255.
    assert abs(back - sample) <= np.log(256) * (1 / 255 + abs(sample)) * 0.5 / 127.5 * 1.02 + 1e-6


@pytest.mark.parametrize("frames", [1, 159, 160, 161, 1000])
def test_linear_steps_are_the_samples(frames: int) -> None:
    encoding = Waveform(frame_size=160, quantiser="linear")
    audio = noise(frames)
    steps = encoding.encode(audio).steps
    assert steps.shape == (-(-frames // 160), 160)
    back = encoding.decode(steps).samples[0]
    np.testing.assert_array_equal(back[:frames], audio.samples[0])
    assert not back[frames:].any()


def test_a_tone_sounds_alike_through_256_levels() -> None:
    audio = tone(440.0)
    back = Waveform().decode(Waveform().encode(audio).steps)
    error = back.samples - audio.samples
    assert 20 * np.log10(audio.rms / np.sqrt(np.mean(error**2))) > 36  # G.711's 8 bits


def test_what_is_beyond_full_scale_is_counted() -> None:
    encoded = Waveform().encode(Audio(np.array([0.0, 1.5, -2.0, 1.0]), 16_000))
    assert encoded.steps[:, 0].tolist() == [128, 255, 0, 255]
    assert encoded.left_out == {"samples beyond full scale": 2}


def test_steps_stand_at_their_first_sample() -> None:
    np.testing.assert_allclose(Waveform(frame_size=160).times_s(3), [0.0, 0.01, 0.02])


def test_levels_beyond_a_byte_are_refused() -> None:
    for level in (-1, 256):
        with pytest.raises(InputError, match="within 0 and its size"):
            Waveform().decode(np.full((3, 1), level))
