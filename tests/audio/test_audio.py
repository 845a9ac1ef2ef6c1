"""Audio: measures, files in four formats, and what is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rnnmusic.audio import Audio, db_to_gain, gain_to_db
from rnnmusic.errors import InputError

RATE_HZ = 44_100


def chirp(seconds: float = 1.0, peak: float = 0.8) -> Audio:
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    left = peak * np.sin(2 * np.pi * (200 + 300 * t) * t)
    right = 0.5 * peak * np.sin(2 * np.pi * 330 * t)
    return Audio(np.stack([left, right]).astype(np.float32), RATE_HZ)


def test_measures_of_a_sine() -> None:
    t = np.arange(RATE_HZ) / RATE_HZ
    audio = Audio(0.5 * np.sin(2 * np.pi * 441 * t), RATE_HZ)
    assert audio.samples.shape == (1, RATE_HZ)
    assert audio.samples.dtype == np.float32
    assert audio.duration_s == 1.0
    assert audio.peak == pytest.approx(0.5, abs=1e-3)
    assert audio.rms == pytest.approx(0.5 / np.sqrt(2), rel=1e-4)


def test_nothing_has_no_level() -> None:
    empty = Audio(np.zeros((2, 0)), RATE_HZ)
    assert (empty.duration_s, empty.peak, empty.rms) == (0.0, 0.0, 0.0)
    assert empty.normalised().samples.shape == (2, 0)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(0, 50)),
        elements=st.floats(-1e4, 1e4, width=32),
    ),
    st.floats(-30, 0),
)
def test_normalising_sets_the_peak_and_keeps_the_shape(
    samples: np.ndarray, peak_dbfs: float
) -> None:
    audio = Audio(samples, RATE_HZ)
    result = audio.normalised(peak_dbfs)
    if audio.peak < 1e-37:
        assert np.all(np.isfinite(result.samples))
    else:
        assert gain_to_db(result.peak) == pytest.approx(peak_dbfs, abs=1e-3)
        np.testing.assert_allclose(
            result.samples * audio.peak, samples * result.peak, rtol=1e-4, atol=1e-6 * audio.peak
        )


def test_decibels_are_inverse_to_gains() -> None:
    assert db_to_gain(-20) == pytest.approx(0.1)
    assert gain_to_db(db_to_gain([-3.0, 0.0, 6.0])) == pytest.approx([-3.0, 0.0, 6.0])
    assert gain_to_db(0.0) == -np.inf


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", None, 2**-15),
        ("a.WAV", "pcm_24", 2**-23),
        ("a.wav", "FLOAT", 0.0),
        ("a.flac", None, 2**-23),
        ("a.flac", "PCM_16", 2**-15),
    ],
)
def test_lossless_files_come_back(
    tmp_path: Path, name: str, subtype: str | None, tolerance: float
) -> None:
    audio = chirp()
    audio.save(tmp_path / name, subtype=subtype)
    back = Audio.load(tmp_path / name)
    assert back.sample_rate_hz == RATE_HZ
    assert back.samples.shape == audio.samples.shape
    assert np.abs(back.samples - audio.samples).max() <= tolerance


@pytest.mark.parametrize("extension", ["ogg", "mp3"])
def test_lossy_files_come_back_alike(tmp_path: Path, extension: str) -> None:
    # More than one block long, so that a seam between blocks would show.
    audio = chirp(3.0, peak=0.5)
    path = tmp_path / f"a.{extension}"
    audio.save(path)
    back = Audio.load(path)
    assert back.sample_rate_hz == RATE_HZ
    assert back.samples.shape[0] == 2
    frames = min(back.samples.shape[1], audio.samples.shape[1])
    assert abs(back.samples.shape[1] - audio.samples.shape[1]) < 3000
    error = back.samples[:, :frames] - audio.samples[:, :frames]
    assert np.sqrt(np.mean(error**2)) < 0.03 * audio.rms


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["a.wav", "a.mp3"])
def test_nan_and_infinities_are_refused(tmp_path: Path, bad: float, name: str) -> None:
    samples = chirp().samples.copy()
    samples[1, 77] = bad
    audio = Audio(samples, RATE_HZ)
    with pytest.raises(InputError, match="1 samples that are NaN or infinite"):
        audio.save(tmp_path / name)
    with pytest.raises(InputError, match="NaN"):
        audio.normalised()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_clipped_in_silence(tmp_path: Path) -> None:
    loud = Audio(chirp().samples * 2, RATE_HZ)
    with pytest.raises(InputError, match="clipped"):
        loud.save(tmp_path / "a.wav")
    assert list(tmp_path.iterdir()) == []
    loud.save(tmp_path / "a.wav", subtype="FLOAT")
    np.testing.assert_array_equal(Audio.load(tmp_path / "a.wav").samples, loud.samples)
    loud.normalised(0.0).save(tmp_path / "b.flac")
    assert Audio.load(tmp_path / "b.flac").peak == pytest.approx(1.0, abs=1e-6)


def test_a_refused_save_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(InputError):
        Audio(np.full((1, 10), np.nan), RATE_HZ).save(path)
    # 12,345,678 Hz is beyond MP3's table of sample rates: libsndfile refuses while writing.
    with pytest.raises(InputError, match="12345678 Hz"):
        Audio(np.zeros((1, 10)), 12_345_678).save(tmp_path / "b.mp3")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("name", ["a.txt", "a", "a.aiff"])
def test_unknown_extensions_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"\.wav, \.flac, \.ogg, \.mp3"):
        chirp().save(tmp_path / name)


def test_unknown_subtypes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="PCM_24"):
        chirp().save(tmp_path / "a.flac", subtype="FLOAT")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        chirp().save(tmp_path / "nowhere" / "a.wav")


def test_what_is_not_audio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audio file"):
        Audio.load(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_text("not audio")
    with pytest.raises(InputError, match="can't be read as audio"):
        Audio.load(tmp_path / "a.wav")
    with pytest.raises(InputError, match="no audio file"):
        Audio.load(tmp_path)


@pytest.mark.parametrize("shape", [(2, 3, 4), (0, 5)])
def test_shapes_other_than_channels_and_frames_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="channels, frames"):
        Audio(np.zeros(shape), RATE_HZ)


def test_a_sample_rate_must_be_positive() -> None:
    with pytest.raises(InputError, match="0 Hz"):
        Audio(np.zeros((1, 5)), 0)
