"""The drum kit: every key sounds, and sounds like what it is."""

from __future__ import annotations

import numpy as np
import pytest

from rnnmusic.synthesis.drums import KIT
from rnnmusic.synthesis.parts import choked_ends
from tests.synthesis.measure import onsets_s, played, rms, span, spectrum

RATE_HZ = 44_100
KICK, SNARE, HAT, OPEN_HAT, CRASH = 36, 38, 42, 46, 49


def flatness(samples: np.ndarray) -> float:
    """Geometric over arithmetic mean of the power between 500 Hz and 12 kHz: 0.56 for noise."""
    frequency, magnitude = spectrum(samples, RATE_HZ)
    power = magnitude[(frequency > 500) & (frequency < 12_000)] ** 2 + 1e-20
    return float(np.exp(np.log(power).mean()) / power.mean())


def centroid_hz(samples: np.ndarray) -> float:
    frequency, magnitude = spectrum(samples, RATE_HZ)
    return float(np.average(frequency, weights=magnitude**2))


@pytest.mark.parametrize("key", sorted(KIT))
def test_every_key_sounds_and_ends(key: int) -> None:
    audio = played((0, 0.1, key, 100), is_drum=True)
    assert np.isfinite(audio.samples).all()
    assert 0.03 < audio.peak < 4
    assert audio.duration_s < 8
    # Out of the silence at once, a clap's several hands included.
    assert onsets_s(audio)[0] < 0.03


def test_kit_covers_general_midi() -> None:
    assert sorted(KIT) == list(range(35, 82))


def test_keys_beyond_the_kit_get_its_nearest_drum() -> None:
    low, kick = (played((0, 0.1, k, 100), is_drum=True) for k in (3, 35))
    np.testing.assert_array_equal(low.samples, kick.samples)


def test_drums_sound_like_what_they_are() -> None:
    keys = (KICK, SNARE, HAT, CRASH)
    audio = played(*[(i * 6.0, i * 6.0 + 0.1, k, 100) for i, k in enumerate(keys)], is_drum=True)
    kick, snare, hat, crash = (span(audio, i * 6, i * 6 + 0.25) for i in range(4))
    assert centroid_hz(kick) < 200
    assert 800 < centroid_hz(snare) < 5000
    assert centroid_hz(hat) > 6000
    assert centroid_hz(crash) > 2000
    tone = span(played((0, 0.3, 69, 100)), 0, 0.25)
    assert flatness(tone) < 0.01
    assert flatness(snare) > 0.1
    # A crash lasts, a closed hi-hat doesn't.
    assert rms(span(audio, 18.9, 19)) > 0.02 * rms(crash)
    assert rms(span(audio, 12.3, 12.4)) < 0.01 * rms(hat)


def test_drums_have_no_pitch_to_correlate() -> None:
    for key in (SNARE, HAT, OPEN_HAT):
        sound = span(played((0, 0.1, key, 100), is_drum=True), 0.01, 0.12)
        sound = np.diff(sound)  # the snare's skin has a pitch; its wires haven't
        power = np.abs(np.fft.rfft(sound, 2 * len(sound))) ** 2
        correlation = np.fft.irfft(power) / np.sum(sound**2)
        assert np.abs(correlation[200:2000]).max() < 0.6


def test_kick_falls_in_pitch() -> None:
    kick = span(played((0, 0.1, KICK, 100), is_drum=True), 0, 0.3)
    crossings = np.flatnonzero((kick[:-1] < 0) & (kick[1:] >= 0)) / RATE_HZ
    periods = np.diff(crossings[crossings > 0.004])
    assert periods[0] < 0.75 * periods[-1]


def test_harder_is_louder_and_brighter() -> None:
    audio = played((0, 0.1, SNARE, 40), (2, 2.1, SNARE, 120), is_drum=True)
    soft, hard = span(audio, 0, 0.3), span(audio, 2, 2.3)
    assert rms(hard) > 3 * rms(soft)
    assert centroid_hz(hard) > centroid_hz(soft)


def test_note_length_does_not_matter() -> None:
    short, long = (played((0, d, CRASH, 90), is_drum=True) for d in (0.01, 3))
    frames = min(short.samples.shape[1], long.samples.shape[1])
    np.testing.assert_array_equal(
        short.samples[:, : frames - 1000], long.samples[:, : frames - 1000]
    )


def test_a_closing_hat_stops_the_open_one() -> None:
    starts, keys = np.array([0.0, 0.0, 0.5, 0.7, 1.0]), np.array([46, 49, 42, 46, 38])
    np.testing.assert_array_equal(choked_ends(starts, keys), [0.5, np.inf, np.inf, np.inf, np.inf])
    rings = played((0, 0.1, OPEN_HAT, 100), is_drum=True)
    stopped = played((0, 0.1, OPEN_HAT, 100), (0.2, 0.3, 44, 1), is_drum=True)
    assert rms(span(stopped, 0.3, 0.5)) < 0.05 * rms(span(rings, 0.3, 0.5))
