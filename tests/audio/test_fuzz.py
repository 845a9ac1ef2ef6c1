"""Mutated sound files: whatever is in them, only sound or an InputError comes out."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from rnnmusic.audio import read_audio
from rnnmusic.audio.decoder import borrowed_decoder
from rnnmusic.errors import InputError
from tests.audio.sounds import noise

EDGES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0)


def mutant(original: bytes, rng: random.Random) -> bytes:
    """The file with one to many changes, half of them in its header."""
    data = bytearray(original)
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        if not data:
            break
        at = rng.randrange(min(len(data), rng.choice((64, 256, len(data)))))
        match rng.randrange(7):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                del data[at : at + rng.randrange(1, 64)]
            case 3:
                data[at:at] = rng.randbytes(rng.randrange(1, 32))
            case 4:
                order = rng.choice(("little", "big"))
                data[at : at + 4] = rng.choice(EDGES).to_bytes(4, order)  # type: ignore[arg-type]
            case 5:
                del data[at:]
            case _:
                data[at:at] = data[at : at + rng.randrange(1, 2000)]
    return bytes(data)


def survive(tmp_path: Path, extension: str, mutants: int, seed: int) -> None:
    path = tmp_path / f"a.{extension}"
    noise(4000, 2).save(path)
    original = path.read_bytes()
    rng = random.Random(seed)
    kept = 0
    with borrowed_decoder() as process:
        before = process.pid
    for _ in range(mutants):
        path.write_bytes(mutant(original, rng))
        try:
            audio, _ = read_audio(path)
        except InputError:
            continue
        kept += 1
        assert np.isfinite(audio.samples).all()
        assert audio.samples.shape[1] >= 1
    # Both ways were taken, and no mutant killed or hung the decoder.
    assert 0 < kept < mutants
    with borrowed_decoder() as process:
        assert process.pid == before


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
def test_mutants_give_sound_or_an_input_error(tmp_path: Path, extension: str) -> None:
    survive(tmp_path, extension, 300, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
def test_many_mutants_give_sound_or_an_input_error(tmp_path: Path, extension: str) -> None:
    survive(tmp_path, extension, 5000, seed=2)
