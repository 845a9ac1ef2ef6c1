"""New sound from a generator: so many seconds, from nothing or as the continuation of a prime."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rnnmusic.audio import Audio
from rnnmusic.encodings.protocol import Steps
from rnnmusic.errors import UsageError
from rnnmusic.generator import Generator
from rnnmusic.heads.protocol import Controls
from rnnmusic.sampling.kinds import audio_encoding
from rnnmusic.sampling.sampler import Sampler

MAX_SECONDS = 3600.0


def generate_audio(
    generator: Generator,
    *,
    seconds: float,
    seed: int,
    controls: Controls | None = None,
    prime: Audio | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> Audio:
    """Sample `seconds` of new sound, mono; the same arguments give the same samples.

    With a prime the sound is the prime as the encoding hears it, and then so many new seconds.
    on_step(done, steps) is told of every step drawn.

    UsageError unless 0 < seconds <= 3600 and the generator is one of sound; InputError when the
    encoding can't hear the prime, or the model has diverged.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise UsageError(
            f"Asked for {seconds:g} seconds of sound; give more than 0 and at most {MAX_SECONDS:g}."
        )
    encoding = audio_encoding(generator.encoding)
    sampler = Sampler(generator, seed=seed, controls=controls)
    heard = np.empty((0, len(encoding.sizes)), dtype=encoding.dtype)
    sample_count = max(1, round(seconds * encoding.sample_rate_hz))
    if prime is not None:
        primed = encoding.encode(prime)
        heard = primed.steps
        sampler.prime(heard, primed.clock)
        sample_count += round(prime.duration_s * encoding.sample_rate_hz)
    # Frames stand at both ends of what they say.
    step_count = max(1, math.ceil(sample_count / encoding.hop_size) + 1 - len(heard))
    drawn: list[Steps] = []
    for done in range(1, step_count + 1):
        drawn.append(sampler.next())
        if on_step is not None:
            on_step(done, step_count)
    audio = encoding.decode(np.concatenate([heard, np.stack(drawn)]))
    return Audio(audio.samples[:, :sample_count], audio.sample_rate_hz)
