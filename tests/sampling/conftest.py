from __future__ import annotations

import pytest
import torch

from rnnmusic.encodings import NoteEvents, PianoRoll
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig, build

ROLL = PianoRoll(lowest_pitch=60, highest_pitch=71)
EVENTS = NoteEvents(lowest_pitch=60, highest_pitch=71, velocity_bins=4)
CONFIGS = {
    "roll": GeneratorConfig(ROLL, ModelConfig("gru", size=16), HeadConfig("nade")),
    "events": GeneratorConfig(
        EVENTS, ModelConfig("lstm", size=16, embedding_size=4), HeadConfig("categorical")
    ),
}


def untrained(kind: str) -> Generator:
    """A small generator that is far from indifferent: its weights are several times too large."""
    generator = build(CONFIGS[kind], seed=1)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(3.0)
    return generator


@pytest.fixture(params=sorted(CONFIGS))
def generator(request) -> Generator:
    return untrained(request.param)
