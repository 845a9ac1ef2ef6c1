"""What comes out is music: judged by its notes, levels, onsets and pitches."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from rnnmusic import midi
from rnnmusic.audio import Audio
from rnnmusic.score import Score
from tests.cli.conftest import Run, Studio

MAJOR_SCALE = [0, 2, 4, 5, 7, 9, 11]


def best_key_share(score: Score) -> float:
    """Share of the sounding time that lies within the best-fitting diatonic scale."""
    notes = score.notes()
    lengths = (notes["end_tick"] - notes["start_tick"]).astype(float)
    classes = np.bincount(notes["pitch"] % 12, weights=lengths, minlength=12)
    shares = [classes[(np.array(MAJOR_SCALE) + tonic) % 12].sum() for tonic in range(12)]
    return float(max(shares) / classes.sum())


def voices(score: Score) -> NDArray[np.int64]:
    """Number of notes sounding at each sixteenth."""
    notes, step = score.notes(), score.ticks_per_quarter // 4
    at = np.arange(0, score.end_tick, step)[:, None]
    sounding = (notes["start_tick"] <= at) & (at < notes["end_tick"])
    return np.asarray(sounding.sum(axis=1))


def check_sound(audio: Audio, score: Score) -> None:
    """The sound is that of the score: level, length, onsets where notes begin, their pitches."""
    assert 0.5 < audio.peak <= 0.9
    assert 0.03 < audio.rms < 0.35
    assert score.duration_s <= audio.duration_s < score.duration_s + 10
    mono, rate = audio.samples.mean(axis=0), audio.sample_rate_hz
    starts_s = np.unique(score.seconds(score.notes()["start_tick"]))
    heard_s = librosa.onset.onset_detect(y=mono, sr=rate, units="time", hop_length=512)
    distance = np.abs(heard_s[:, None] - starts_s[None]).min(axis=1)
    assert len(heard_s) > 0.25 * len(starts_s)
    assert np.mean(distance < 0.08) > 0.7
    # What sounds, by pitch class, is what is written; noise would spread over all alike.
    chroma = librosa.feature.chroma_stft(y=mono, sr=rate, n_fft=8192, norm=None).sum(axis=1)
    notes = score.notes()
    lengths = score.seconds(notes["end_tick"]) - score.seconds(notes["start_tick"])
    written = np.bincount(notes["pitch"] % 12, weights=lengths, minlength=12)
    assert np.corrcoef(chroma, written)[0, 1] > 0.5
    assert float(librosa.feature.spectral_flatness(y=mono).mean()) < 0.1


def test_the_shipped_model_writes_chorales(rnnmusic: Run, tmp_path: Path) -> None:
    shares = []
    for seed in range(4):
        path = tmp_path / f"{seed}.mid"
        options = ("--bars", 16, "--seed", seed, "--temperature", 0.9)
        assert rnnmusic("generate", "bach-gru", "-o", path, *options).code == 0
        score = midi.read(path)
        assert 150 < score.note_count < 700
        assert np.median(voices(score)) in (3, 4)
        assert score.notes()["pitch"].min() >= 33
        assert score.notes()["pitch"].max() <= 84
        shares.append(best_key_share(score))
    # Bach's own chorales have 0.87 to 0.95; any pitch alike would give 7/12.
    assert np.mean(shares) > 0.8
    sound = tmp_path / "bach.wav"
    assert rnnmusic("render", path, "-o", sound, "--sample-rate", 22050).code == 0
    check_sound(Audio.load(sound), score)


def test_the_demo_leaves_a_score_a_sound_and_a_picture(
    rnnmusic: Run, studio: Studio, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    for _ in range(2):  # again and again
        ran = rnnmusic("demo", "-o", folder, "--source", studio.music, "--minutes", 0.05)
        assert ran.code == 0, ran.err
        for name in ("bach.mid", "bach.wav", "bach.png"):
            assert str(folder / name) in ran.out
    assert (
        midi.read(folder / "bach.mid").end_tick
        <= 16 * 4 * midi.read(folder / "bach.mid").ticks_per_quarter
    )
    assert Audio.load(folder / "bach.wav").peak <= 1.0
    assert (folder / "bach.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_demo_learns_from_bach(rnnmusic: Run, tmp_path: Path) -> None:
    pytest.importorskip("music21")
    folder = tmp_path / "demo"
    ran = rnnmusic("demo", "-o", folder, "--minutes", 1)
    assert ran.code == 0, ran.err
    score = midi.read(folder / "bach.mid")
    check_sound(Audio.load(folder / "bach.wav"), score)
    # The untrained network plays every pitch alike, so this is learnt: a share of 0.58 is chance.
    assert best_key_share(score) > 0.65
