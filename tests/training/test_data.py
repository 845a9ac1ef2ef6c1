"""What training takes from pieces: batches, and a sample of steps to measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnmusic import checkpoint
from rnnmusic.audio import Audio
from rnnmusic.corpus import Corpus, Piece, Pieces
from rnnmusic.encodings import AudioEncoding, LogMel
from rnnmusic.encodings.waveform import Waveform
from rnnmusic.errors import UsageError
from rnnmusic.sampling.sound import generate_audio
from rnnmusic.training import data
from rnnmusic.training.data import make_batches, some_steps
from rnnmusic.training.evaluation import evaluate
from rnnmusic.training.loop import train
from rnnmusic.training.recipe import Recipe
from tests.training import corpora

MEL = LogMel(sample_rate_hz=8000, fft_size=256, hop_size=128, mels=20, highest_hz=4000.0)


def tones(pieces: int, *, seed: int, encoding: AudioEncoding = MEL) -> Pieces:
    """Two tones in alternation, each 64 ms, from either of them on."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(512) / 8000
    pair = [0.5 * np.sin(2 * np.pi * hz * time_s) for hz in (500.0, 1500.0)]
    made = []
    for index in range(pieces):
        first = int(rng.integers(2))
        sound = Audio(np.concatenate([pair[(first + n) % 2] for n in range(6)]), 8000)
        encoded = encoding.encode(sound)
        made.append(Piece(f"tones {index}", encoded.steps, encoded.clock))
    return Pieces.of(made)


def corpus(encoding: AudioEncoding = MEL) -> Corpus:
    splits = {
        name: tones(count, seed=seed, encoding=encoding)
        for seed, (name, count) in enumerate({"train": 16, "valid": 4, "test": 4}.items())
    }
    return Corpus(Path("tones"), encoding, splits)


def recipe(**training: Any) -> Recipe:
    return Recipe().with_overrides(
        model={"size": 24, "dropout": 0.1},
        data={"batch_size": 4, "chunk_length": 10},
        training={"learning_rate": 0.01, "max_epochs": 15, **training},
    )


def test_notes_are_sampled_whole_and_frames_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    scales = corpora.scales(5, seed=0)
    monkeypatch.setattr(data, "MARGINAL_FRAMES", 20)
    steps = some_steps(scales, corpora.ENCODING)
    assert steps.dtype == torch.int64
    assert np.array_equal(steps, np.concatenate([piece.steps for piece in scales]))
    frames = tones(5, seed=0)
    few = some_steps(frames, MEL)
    assert few.dtype == torch.float32
    assert np.array_equal(few, np.concatenate([piece.steps[::7] for piece in frames]))


def test_frames_of_sound_are_learnt_far_better_than_by_a_gaussian(tmp_path: Path) -> None:
    made = corpus()
    train(made, recipe(), tmp_path / "run")
    loaded = checkpoint.load(tmp_path / "run")
    assert loaded.notes["likelihood"] == "exact density"
    assert loaded.generator.config.head.name == "gaussian-mixture"
    likelihood = evaluate(loaded.generator, made.splits["test"])
    assert likelihood.is_density
    frames = np.concatenate([piece.steps for piece in made.splits["test"]]).astype(np.float64)
    spread = frames.std(0).clip(1e-3)
    gaussian = float((np.log(spread) + 0.5 * np.log(2 * np.pi) + 0.5).sum())
    assert likelihood.pooled < gaussian - 20


def test_samples_of_a_waveform_are_learnt_as_categories(tmp_path: Path) -> None:
    made = corpus(Waveform(sample_rate_hz=8000, frame_size=4))
    chosen = recipe(max_epochs=2).with_overrides(
        model={"embedding_size": 4}, head={"width": 16}, data={"chunk_length": 100}
    )
    train(made, chosen, tmp_path / "run")
    generator = checkpoint.load(tmp_path / "run").generator
    assert generator.config.head.name == "categorical"
    likelihood = evaluate(generator, made.splits["test"])
    assert not likelihood.is_density
    assert likelihood.pooled < 4 * np.log(256) - 5
    prime = Audio(0.5 * np.ones(100), 8000)
    audio = generate_audio(generator, seconds=0.02, seed=0, prime=prime)
    assert audio.samples.shape == (1, 260)
    np.testing.assert_allclose(audio.samples[0, :100], 0.5, atol=0.02)


@pytest.mark.parametrize("stop_at", [3, 8])
def test_resuming_on_frames_gives_the_bits_of_an_unbroken_run(tmp_path: Path, stop_at: int) -> None:
    made = corpus()
    train(made, recipe(), tmp_path / "whole", max_steps=12)
    train(made, recipe(), tmp_path / "parts", max_steps=stop_at)
    train(made, recipe(), tmp_path / "parts", resume=True, max_steps=12)
    one, other = (
        checkpoint.load(tmp_path / name / "last").generator.state_dict()
        for name in ("whole", "parts")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_writes_down_the_head_that_fitted(tmp_path: Path) -> None:
    assert Recipe().head.name == ""
    train(corpus(), recipe(), tmp_path / "sound", max_steps=1)
    train(corpora.corpus(), recipe(), tmp_path / "roll", max_steps=1)
    assert Recipe.load(tmp_path / "sound" / "recipe.toml").head.name == "gaussian-mixture"
    assert Recipe.load(tmp_path / "roll" / "recipe.toml").head.name == "nade"


def test_options_of_another_head_are_refused(tmp_path: Path) -> None:
    wide = recipe().with_overrides(head={"width": 8})
    with pytest.raises(UsageError, match="gaussian-mixture head has no option 'width'"):
        train(corpus(), wide, tmp_path / "run")
    mixed = recipe().with_overrides(head={"components": 4})
    with pytest.raises(UsageError, match="nade head has no option 'components'"):
        train(corpora.corpus(), mixed, tmp_path / "run")


def test_sound_is_not_transposed() -> None:
    transposing = recipe().with_overrides(data={"transpose": 2})
    with pytest.raises(UsageError, match=r"log-mel.*transpose = 0"):
        make_batches(tones(2, seed=0), MEL, transposing, 0, 1)
