from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import torch

from rnnmusic.encodings import NoteEvents, PianoRoll
from rnnmusic.encodings.protocol import ScoreEncoding, Steps
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig, build

ROLL = PianoRoll(lowest_pitch=60, highest_pitch=71)
PLAIN_ROLL = PianoRoll(lowest_pitch=60, highest_pitch=71, articulation=False, metrical=False)
EVENTS = NoteEvents(lowest_pitch=60, highest_pitch=71, velocity_bins=4, longest_quarters=8)


def generator_of(
    encoding: ScoreEncoding = ROLL,
    head: str = "",
    *,
    seed: int = 1,
    scale: float = 1.0,
    **model: Any,
) -> Generator:
    """A generator with no parameter at 0, so that none can be forgotten without a trace.

    Moderate ones: a network that is chaotic takes any two roundings apart.
    """
    torch.manual_seed(seed)
    own = {field.name for field in fields(ModelConfig)}
    settings = {"size": 16, **{key: model[key] for key in model if key in own}}
    options = {key: model[key] for key in model if key not in own}
    made = build(
        GeneratorConfig(encoding, ModelConfig(**settings, options=options), HeadConfig(head)),
        seed=seed,
    )
    spread = 0.4 * made.config.model.size**-0.5
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(spread * torch.randn_like(parameter)).mul_(scale)
    return made.eval()


def random_steps(encoding: ScoreEncoding, count: int, rng: np.random.Generator) -> Steps:
    """Legal steps (count, F) of all values; the first is the start step."""
    columns = [rng.integers(0, size, count) for size in encoding.sizes]
    steps = np.stack(columns, axis=1)
    steps[0] = encoding.start_step()
    return steps
