"""Stft, LogMel, Chroma and Cqt against librosa, against known sounds, and back to sound."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnnmusic.audio import Audio
from rnnmusic.encodings import Chroma, Cqt, LogMel, Stft
from rnnmusic.errors import UsageError
from tests.encodings.sounds import RATE_HZ, chord, noise, tone


def padded(audio: Audio, hop: int) -> NDArray[np.float32]:
    """The samples with the zeros that make them a whole number of hops."""
    samples = audio.samples[0]
    return np.pad(samples, (0, -len(samples) % hop))


def hann_scale(size: int) -> float:
    """Power of |X|^2 re a sine at full scale."""
    return float((2 / librosa.filters.get_window("hann", size).sum()) ** 2)


# -- Stft ----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(samples=st.integers(1, 5000), half=st.integers(8, 300), hop=st.integers(1, 300))
def test_stft_comes_back_whatever_the_length(samples: int, half: int, hop: int) -> None:
    encoding = Stft(fft_size=2 * half, hop_size=min(hop, half))
    audio = noise(samples, seed=samples)
    back = encoding.decode(encoding.encode(audio).steps).samples[0]
    np.testing.assert_allclose(back[:samples], audio.samples[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(back[samples:], 0.0, rtol=0, atol=1e-5)


def test_stft_is_librosas_but_for_its_scale() -> None:
    encoding = Stft(fft_size=512, hop_size=100)
    audio = noise(8_001)
    theirs = librosa.stft(padded(audio, 100), n_fft=512, hop_length=100, pad_mode="constant").T
    theirs /= np.sqrt(np.square(librosa.filters.get_window("hann", 512)).sum())
    steps = encoding.encode(audio).steps
    np.testing.assert_allclose(steps[:, :257], theirs.real, atol=1e-5)
    np.testing.assert_allclose(steps[:, 257:], theirs.imag[:, 1:-1], atol=1e-5)


def test_stft_of_noise_is_as_large_as_the_noise() -> None:
    steps = Stft().encode(noise(160_000)).steps[3:-3, 1:]
    assert np.sqrt(np.mean(steps**2)) == pytest.approx(0.1 * np.sqrt(0.5), rel=0.02)


# -- LogMel --------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [LogMel(), LogMel(fft_size=2048, hop_size=300, mels=128)])
def test_log_mel_is_librosas_in_its_units(encoding: LogMel) -> None:
    audio = chord()
    power = librosa.feature.melspectrogram(
        y=padded(audio, encoding.hop_size),
        sr=RATE_HZ,
        n_fft=encoding.fft_size,
        hop_length=encoding.hop_size,
        n_mels=encoding.mels,
        fmin=encoding.lowest_hz,
        fmax=encoding.highest_hz,
        norm=None,
        pad_mode="constant",
    )
    level_db = librosa.power_to_db(
        power * hann_scale(encoding.fft_size), ref=1.0, amin=1e-8, top_db=None
    )
    wanted = 2 - 4 * level_db.T / encoding.floor_db
    np.testing.assert_allclose(encoding.encode(audio).steps, wanted, rtol=0, atol=1e-4)


def test_log_mel_of_silence_and_of_full_scale() -> None:
    loud = LogMel().encode(tone(1_000.0, peak=1.0)).steps
    assert LogMel().encode(Audio(np.zeros(4000), RATE_HZ)).steps.max() == -2.0
    assert loud[10:-10].max() == pytest.approx(2.0, abs=0.1)
    quieter = LogMel().encode(tone(1_000.0, peak=0.1)).steps
    band = loud[30].argmax()
    assert loud[30, band] - quieter[30, band] == pytest.approx(1.0, abs=1e-3)  # 20 of 80 dB


def test_log_mel_of_music_is_near_zero_mean_and_unit_size() -> None:
    from tests.synthesis.measure import played

    notes = [(0.25 * i, 0.25 * i + 0.5, 48 + 7 * i % 30, 90) for i in range(16)]
    steps = LogMel().encode(played(*notes).normalised()).steps
    assert abs(steps.mean()) < 1.0
    assert 0.5 < steps.std() < 1.5


def test_bands_too_fine_for_the_fft_are_refused() -> None:
    encoding = LogMel(fft_size=256, hop_size=128, mels=128)
    for use in (lambda: encoding.encode(noise(1000)), lambda: encoding.decode(np.zeros((2, 128)))):
        with pytest.raises(UsageError, match="fewer mels or a larger fft_size"):
            use()


# -- Chroma --------------------------------------------------------------------------------


def test_chroma_is_librosas() -> None:
    audio = chord()
    encoding = Chroma()
    theirs = librosa.feature.chroma_stft(
        y=padded(audio, 512),
        sr=RATE_HZ,
        n_fft=4096,
        hop_length=512,
        tuning=0.0,
        pad_mode="constant",
    )
    np.testing.assert_allclose(encoding.encode(audio).steps, theirs.T, rtol=0, atol=1e-4)


def test_chroma_tells_pitch_classes_and_silence() -> None:
    for octave_hz in (220.0, 440.0, 880.0):
        steps = Chroma().encode(tone(octave_hz)).steps
        assert (steps[5:-5].argmax(axis=1) == 9).all()
    assert Chroma().encode(Audio(np.zeros(9000), RATE_HZ)).steps.max() == 0.0


def test_chroma_is_heard_again_in_what_it_decodes_to() -> None:
    steps = Chroma().encode(chord()).steps
    again = Chroma().encode(Chroma().decode(steps)).steps
    middle = slice(5, -5)
    assert set(np.argsort(again[middle].mean(axis=0))[-3:]) == {1, 4, 9}  # C sharp, E, A
    assert np.abs(again[middle] - steps[middle]).mean() < 0.25


# -- Cqt -----------------------------------------------------------------------------------


def test_cqt_is_librosas_to_half_a_decibel() -> None:
    encoding = Cqt(bins=60, lowest_hz=65.406)
    audio = Audio(chord().samples + noise(16_000).samples, RATE_HZ)
    theirs = np.abs(
        librosa.cqt(
            padded(audio, 512),
            sr=RATE_HZ,
            hop_length=512,
            fmin=65.406,
            n_bins=60,
            tuning=0.0,
            pad_mode="constant",
        )
    ).T
    q = 1 / (2 ** (1 / 12) - 1)
    lengths = q * RATE_HZ / encoding.frequencies_hz
    wanted_db = 20 * np.log10(np.maximum(theirs, 1e-9) / np.sqrt(lengths) * 2)
    ours_db = (2 - encoding.encode(audio).steps) / 4 * encoding.floor_db
    # librosa halves the rate octave by octave and so rounds windows and filters a little.
    loud = wanted_db[8:-8] > -30
    assert loud.mean() > 0.15
    apart = np.abs(ours_db - wanted_db)[8:-8][loud]
    assert apart.max() < 0.4


@pytest.mark.parametrize("pitch", [36, 45, 60, 69, 81, 95])
def test_cqt_of_a_full_scale_sine_is_0_db_at_its_pitch(pitch: int) -> None:
    encoding = Cqt()
    sine = tone(440.0 * 2 ** ((pitch - 69) / 12), 2.0, peak=1.0)
    steps = encoding.encode(sine).steps[20:-20]
    assert (steps.argmax(axis=1) == pitch - 24).all()
    np.testing.assert_allclose(steps[:, pitch - 24], 2.0, atol=0.01)


def test_a_transposition_is_a_shift_of_the_cqt() -> None:
    encoding = Cqt()
    low = encoding.encode(tone(220.0, 2.0)).steps[30]
    high = encoding.encode(tone(220.0 * 2 ** (5 / 12), 2.0)).steps[30]
    loud = low[30:60] > -1.0
    assert loud.sum() >= 5
    np.testing.assert_allclose(high[35:65][loud], low[30:60][loud], atol=0.05)


# -- estimates -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "within"), [(LogMel(), 0.15), (Cqt(bins=48, lowest_hz=110.0), 0.35)]
)
def test_decoded_estimates_encode_to_nearly_the_same(encoding: LogMel | Cqt, within: float) -> None:
    steps = encoding.encode(chord()).steps
    again = encoding.encode(encoding.decode(steps)).steps
    assert again.shape == steps.shape
    loud = steps > -0.5
    assert np.abs(again - steps)[loud].mean() < within


def test_a_decoded_tone_has_its_pitch() -> None:
    audio = LogMel().decode(LogMel().encode(tone(1_000.0, 2.0)).steps)
    magnitude = np.abs(np.fft.rfft(audio.samples[0]))
    peak_hz = magnitude.argmax() * RATE_HZ / audio.samples.shape[1]
    assert peak_hz == pytest.approx(1_000.0, abs=40.0)  # a band's width
    assert audio.rms == pytest.approx(0.5 / np.sqrt(2), rel=0.2)
