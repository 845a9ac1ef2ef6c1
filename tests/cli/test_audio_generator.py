"""From a folder of recordings to a generator of sound, as a person does it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from rnnmusic.audio import Audio
from tests.cli.conftest import Run, Studio, call

RATE_HZ = 16_000
NOTE_S = 0.25
PITCHES = (60, 65, 69, 74)  # MIDI numbers
FADE_S = 0.02


def frequency_hz(pitch: float) -> float:
    return float(440.0 * 2 ** ((pitch - 69) / 12))


def melody(seed: int, notes: int = 12) -> Audio:
    """Decaying tones of the four pitches, one after the other."""
    time_s = np.arange(round(NOTE_S * RATE_HZ)) / RATE_HZ
    fades = np.minimum(1, np.minimum(time_s, NOTE_S - time_s) / FADE_S)
    shape = 0.4 * fades * np.exp(-time_s / 0.15)
    chosen = np.random.default_rng(seed).choice(PITCHES, notes)
    tones = [shape * np.sin(2 * np.pi * frequency_hz(p) * time_s) for p in chosen]
    return Audio(np.concatenate(tones), RATE_HZ)


def energy_at(audio: Audio, pitches: tuple[float, ...]) -> float:
    """Share of the energy within a semitone and a half of any of the pitches."""
    samples = audio.samples[0] * np.hanning(audio.samples.shape[1])
    power = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(audio.samples.shape[1], 1 / audio.sample_rate_hz)
    near = np.zeros(len(hz), dtype=bool)
    for pitch in pitches:
        near |= (hz > frequency_hz(pitch - 1.5)) & (hz < frequency_hz(pitch + 1.5))
    return float(power[near].sum() / power.sum())


class Sound(NamedTuple):
    """Paths of what the program made."""

    recordings: Path
    store: Path
    run: Path


def record(folder: Path, pieces: int) -> Path:
    folder.mkdir()
    for seed in range(pieces):
        melody(seed).save(folder / f"melody {seed}.wav")
    return folder


def build_and_train(folder: Path, pieces: int, *options: object) -> Sound:
    made = Sound(record(folder / "recordings", pieces), folder / "store", folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        mels = ("--encoding", "log-mel", "--set", "mels=40", "--set", "hop_size=512")
        assert call(patch, "corpus", "build", made.recordings, "-o", made.store, *mels) == 0
        assert call(patch, "train", made.store, "-o", made.run, *options) == 0
    return made


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """A run that was trained for a moment only."""
    size = ("--size", 16, "--epochs", 2, "--batch-size", 4)
    return build_and_train(tmp_path_factory.mktemp("sound"), 10, *size)


def test_train_takes_the_head_that_fits(sound: Sound) -> None:
    config = json.loads((sound.run / "best" / "config.json").read_text())
    assert config["head"]["name"] == "gaussian-mixture"
    assert config["encoding"]["name"] == "log-mel"
    assert config["notes"]["likelihood"] == "exact density"
    assert 'name = "gaussian-mixture"' in (sound.run / "recipe.toml").read_text()


def test_evaluate_says_that_it_is_a_density(rnnmusic: Run, sound: Sound, studio: Studio) -> None:
    text = rnnmusic("evaluate", sound.run, sound.store)
    assert text.code == 0, text.err
    assert "density" in text.out
    figures = json.loads(rnnmusic("evaluate", sound.run, sound.store, "--json").out)
    assert figures["train"]["is_density"] is True
    notes = json.loads(rnnmusic("evaluate", studio.run, studio.store, "--json").out)
    assert notes["train"]["is_density"] is False
    mixed = rnnmusic("evaluate", studio.run, sound.store)
    assert mixed.code == 3
    assert "log-mel" in mixed.err


def test_the_same_seed_gives_the_same_sound(rnnmusic: Run, sound: Sound, tmp_path: Path) -> None:
    a, b, c = (tmp_path / name for name in ("a.wav", "b.wav", "c.wav"))
    for path, seed in ((a, 5), (b, 5), (c, 6)):
        made = rnnmusic("generate", sound.run, "-o", path, "--seconds", 1.5, "--seed", seed)
        assert made.code == 0, made.err
        assert f"{path.name}: 1.5 s, mono, 16000 Hz" in made.out
    assert a.read_bytes() == b.read_bytes() != c.read_bytes()
    assert Audio.load(a).samples.shape == (1, 24_000)


def test_count_numbers_files_and_seeds(rnnmusic: Run, sound: Sound, tmp_path: Path) -> None:
    many, one = tmp_path / "many.flac", tmp_path / "one.flac"
    assert rnnmusic("generate", sound.run, "-o", many, "--count", 2, "--seconds", 1).code == 0
    assert rnnmusic("generate", sound.run, "-o", one, "--seed", 1, "--seconds", 1).code == 0
    assert (tmp_path / "many-2.flac").read_bytes() == one.read_bytes()


def test_a_recording_is_continued(rnnmusic: Run, sound: Sound, tmp_path: Path) -> None:
    prime, out = tmp_path / "prime.wav", tmp_path / "out.wav"
    melody(99, notes=4).save(prime)
    made = rnnmusic("generate", sound.run, "-o", out, "--prime", prime, "--seconds", 0.5)
    assert made.code == 0, made.err
    audio = Audio.load(out)
    assert audio.duration_s == pytest.approx(1.5)
    heard = Audio(audio.samples[:, :RATE_HZ], RATE_HZ)
    assert energy_at(heard, PITCHES) > 0.8


def test_scores_can_be_written_as_sound(rnnmusic: Run, studio: Studio, tmp_path: Path) -> None:
    out = tmp_path / "out.ogg"
    made = rnnmusic("generate", studio.run, "-o", out, "--bars", 1, "--seed", 1)
    assert made.code == 0, made.err
    assert Audio.load(out).rms > 0.01


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("generate {sound} -o x.wav --bars 4", ["--bars", "--seconds"]),
        ("generate {sound} -o x.wav --tempo 100", ["--tempo"]),
        ("generate {sound} -o x.wav --program 3", ["--program"]),
        ("generate {sound} -o x.mid", ["sound", ".wav"]),
        ("generate {notes} -o x.mid --seconds 4", ["--seconds", "--bars"]),
        ("live {sound} --out memory", ["sound", "generate"]),
        ("train {store} -o run --head nade", ["nade", "gaussian-mixture"]),
        ("train {store} -o run --transpose 2", ["log-mel", "transpose = 0"]),
    ],
)
def test_what_means_nothing_to_sound_is_refused(
    rnnmusic: Run,
    sound: Sound,
    studio: Studio,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = {"sound": sound.run, "store": sound.store, "notes": studio.run}
    ran = rnnmusic(*(part.format(**paths) for part in command.split()))
    assert ran.code == 2, ran.err
    assert all(word in ran.err for word in words), ran.err
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.slow
def test_what_is_generated_sounds_like_what_was_heard(rnnmusic: Run, tmp_path: Path) -> None:
    size = ("--size", 96, "--epochs", 60, "--batch-size", 8, "--learning-rate", 0.006)
    made = build_and_train(tmp_path, 40, *size)
    heard = np.concatenate([melody(seed).samples for seed in range(8)], axis=1)
    for seed in (0, 1):
        out = tmp_path / f"{seed}.wav"
        assert rnnmusic("generate", made.run, "-o", out, "--seconds", 12, "--seed", seed).code == 0
        sampled = Audio.load(out)
        # Of noise the four pitches would get 3 %; of the recordings they have more than 99 %.
        assert energy_at(sampled, PITCHES) > 0.6
        assert sum(energy_at(sampled, (pitch,)) > 0.03 for pitch in PITCHES) >= 2
        assert 0.3 < sampled.rms / Audio(heard, RATE_HZ).rms < 3.0
