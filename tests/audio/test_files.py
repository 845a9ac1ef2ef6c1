"""Sound files as they are found: cut short, lying, absurd, no sound at all."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rnnmusic.audio import Audio, read_audio
from rnnmusic.errors import InputError
from tests.audio.sounds import chunk, noise, tone, wav


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def refused(path: Path, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Audio.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def encoded(audio: Audio, file_format: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(
        file, audio.samples.T, audio.sample_rate_hz, format=file_format, subtype=subtype
    )
    return file.getvalue()


# -- whole files ---------------------------------------------------------------------------


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [22_050, 48_000])
def test_files_load_as_soundfile_reads_them_whole(
    tmp_path: Path, extension: str, channels: int, rate_hz: int
) -> None:
    # Several of the decoder's blocks: MP3 read piece by piece through soundfile has faulty seams.
    audio = noise(50_000, channels, rate_hz)
    path = tmp_path / f"a.{extension}"
    audio.save(path)
    wanted, _ = soundfile.read(path, dtype="float32", always_2d=True)
    loaded, repairs = read_audio(path)
    np.testing.assert_allclose(loaded.samples, wanted.T, rtol=0, atol=3e-7)
    assert loaded.sample_rate_hz == rate_hz
    assert repairs == ()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_mixing_and_resampling_while_loading_is_the_same_as_afterwards(
    tmp_path: Path, rate_hz: int
) -> None:
    noise(30_001, 2).save(tmp_path / "a.wav", subtype="FLOAT")
    at_once = Audio.load(tmp_path / "a.wav", sample_rate_hz=rate_hz, mono=True)
    after = Audio.load(tmp_path / "a.wav").mono().resample(rate_hz)
    assert at_once.samples.shape == after.samples.shape
    np.testing.assert_allclose(at_once.samples, after.samples, atol=1e-6)


def test_names_of_any_kind_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ä \n\"'.wav", "no extension", "wrong.mp3", os.fsdecode(b"\xff\xfe.wav")):
        audio = Audio.load(written(tmp_path / name, wav()))
        assert audio.samples.shape == (1, 1000)
    Audio.load(str(tmp_path / "wrong.mp3"))
    monkeypatch.chdir(tmp_path)  # the decoder runs already, in another folder
    assert Audio.load("wrong.mp3").duration_s == 1000 / 16_000


# -- files that lie about their length -----------------------------------------------------


@pytest.mark.parametrize("announced", [2002, 4000, 0x7FFFFFFE])
def test_a_wav_that_announces_more_than_it_has_is_cut_short(tmp_path: Path, announced: int) -> None:
    path = written(tmp_path / "a.wav", wav(announced=announced))
    refused(path, f"cut short: 2000 of {announced} bytes are there")
    audio, repairs = read_audio(path)
    assert audio.samples.shape == (1, 1000)
    assert repairs == (f"it is cut short: 2000 of {announced} bytes are there",)


def test_a_wav_that_announces_less_than_it_has_is_not_believed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", wav(announced=1000))
    refused(path, "1000 bytes follow the 1000 it announces")
    assert read_audio(path).audio.samples.shape == (1, 500)


def test_a_wav_written_into_a_pipe_says_nothing_of_its_length(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", wav(announced=0xFFFFFFFF))
    assert read_audio(path).audio.samples.shape == (1, 1000)
    assert read_audio(path).repairs == ()


@pytest.mark.parametrize("after", [chunk(b"LIST", b"INFO"), chunk(b"id3 ", b"abcd"), bytes(30)])
def test_other_chunks_and_padding_after_the_sound_are_no_lie(tmp_path: Path, after: bytes) -> None:
    path = written(tmp_path / "a.wav", wav(after=after))
    assert read_audio(path).repairs == ()


def test_a_long_wav_with_its_length_elsewhere(tmp_path: Path) -> None:
    noise(1000).save(tmp_path / "b.wav")
    data = (tmp_path / "b.wav").read_bytes()[12:]
    data = data.replace(b"data" + struct.pack("<I", 2000), b"data\xff\xff\xff\xff")

    def rf64(length: int) -> bytes:
        sizes = chunk(b"ds64", struct.pack("<QQQI", 2068, length, 1000, 0))
        return b"RF64\xff\xff\xff\xffWAVE" + sizes + data

    assert read_audio(written(tmp_path / "a.wav", rf64(2000))).repairs == ()
    refused(written(tmp_path / "a.wav", rf64(1 << 61)), "cut short|lasts")


@pytest.mark.parametrize(
    ("file_format", "subtype", "words"),
    [
        ("WAV", "PCM_16", "cut short"),
        ("AIFF", "PCM_16", "cut short"),
        ("FLAC", "PCM_16", "damaged|cut short"),
        ("OGG", "VORBIS", "last page is missing"),
        ("MP3", "MPEG_LAYER_III", "cut short"),
    ],
)
def test_a_file_cut_in_half_is_refused_and_its_first_half_salvaged(
    tmp_path: Path, file_format: str, subtype: str, words: str
) -> None:
    audio = noise(200_000)
    data = encoded(audio, file_format, subtype)
    whole = read_audio(written(tmp_path / "whole", data)).audio.samples
    path = written(tmp_path / "half", data[: len(data) // 2])
    refused(path, words)
    part, repairs = read_audio(path)
    assert len(repairs) == 1
    kept = part.samples.shape[1]
    assert 0.35 * 200_000 < kept < 0.6 * 200_000
    np.testing.assert_array_equal(part.samples[:, : kept - 5000], whole[:, : kept - 5000])


def test_a_flac_damaged_in_the_middle_keeps_what_comes_before(tmp_path: Path) -> None:
    data = bytearray(encoded(noise(200_000), "FLAC", "PCM_16"))
    data[len(data) // 2 : len(data) // 2 + 20_000] = bytes(20_000)
    path = written(tmp_path / "a.flac", bytes(data))
    refused(path, "damaged after 2|damaged after 1|cut short")
    assert read_audio(path).audio.duration_s > 1.5


# -- absurdities ---------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [0, 1, 999, 1_000_001, 10**9, 2**32 - 1])
def test_absurd_sample_rates_are_refused(tmp_path: Path, rate_hz: int) -> None:
    refused(written(tmp_path / "a.wav", wav(rate_hz=rate_hz)), "sample rate|can't be read as audio")


@pytest.mark.parametrize("channels", [0, 65, 1000, 65_535])
def test_absurd_numbers_of_channels_are_refused(tmp_path: Path, channels: int) -> None:
    data = wav(bytes(2 * 65_535), channels=channels)
    refused(written(tmp_path / "a.wav", data), "channels|can't be read as audio")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinities_in_a_file_are_refused(tmp_path: Path, bad: float) -> None:
    sound = np.zeros(1000, dtype="<f4")
    sound[500] = bad
    refused(written(tmp_path / "a.wav", wav(sound.tobytes(), bits=32, code=3)), "NaN or infinite")


def test_what_announces_too_much_is_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    data = bytearray(encoded(noise(5000), "FLAC", "PCM_16"))
    # STREAMINFO: the last 36 bits before the checksum, 18 bytes into it, are the samples.
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    refused(written(tmp_path / "a.flac", bytes(data)), "lasts 433 hours or more")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"not audio" * 100,
        bytes(10_000),
        b"MThd\0\0\0\6\0\0\0\1\0\x60",
        wav(b""),
        wav(b"", announced=4000),
        wav(announced=0),
        wav()[:40],
        wav(code=0x1234),
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.raw", "a"])
def test_what_holds_no_sound_is_refused(tmp_path: Path, data: bytes, name: str) -> None:
    refused(written(tmp_path / name, data), "holds no sound|can't be read as audio|bytes follow")


def test_places_without_a_file_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "nowhere.wav")
    for path in (
        tmp_path,
        tmp_path / "none.wav",
        tmp_path / "pipe.wav",
        tmp_path / "link.wav",
        Path("/dev/null"),
    ):
        refused(path, "no audio file")
    for name in ("nul\0.wav", "x" * 5000):
        with pytest.raises(InputError, match=r"no audio file|Can't read"):
            Audio.load(tmp_path / name)


def test_transposed_samples_are_not_taken_for_channels() -> None:
    with pytest.raises(InputError, match=r"shape \(44100, 2\).*1 to 64 channels"):
        Audio(tone(440, 1.0).samples.repeat(2, axis=0).T, 44_100)
