"""Playing with latent variables: they are drawn, by dice that can be thrown again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnmusic.encodings import PianoRoll
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.heads import Controls
from rnnmusic.sampling.compiled import export
from rnnmusic.sampling.compiled.states import map_leaves
from rnnmusic.sampling.compiled.through_torch import TorchNetwork
from rnnmusic.sampling.sampler import Sampler

ROLL = PianoRoll(lowest_pitch=60, highest_pitch=71)
names = pytest.mark.parametrize("name", ["storn", "vrnn", "srnn", "dmm"])


def generator_of(name: str) -> Generator:
    model = ModelConfig(name, 16, options={"latent_size": 4}, learned_initial_state=True)
    generator = build(GeneratorConfig(ROLL, model, HeadConfig("bernoulli")), seed=1)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(2.0)
    return generator


def draw(sampler: Sampler, count: int) -> np.ndarray:
    return np.array([sampler.next() for _ in range(count)])


@names
def test_a_snapshot_brings_the_latents_back(name: str) -> None:
    sampler = Sampler(generator_of(name), seed=3)
    draw(sampler, 5)
    snapshot = sampler.snapshot()
    future = draw(sampler, 10)
    sampler.restore(snapshot)
    np.testing.assert_array_equal(draw(sampler, 10), future)


@names
def test_the_latents_are_drawn_and_at_temperature_zero_they_are_not(name: str) -> None:
    generator = generator_of(name)

    def state(seed: int, temperature: float) -> list[torch.Tensor]:
        sampler = Sampler(generator, seed=seed, controls=Controls(temperature))
        sampler.next()
        sampler._previous = torch.zeros_like(sampler._previous)  # whatever else was drawn
        sampler.next()
        return list(sampler.snapshot().state[0])

    hot = [torch.equal(a, b) for a, b in zip(state(1, 1.0), state(2, 1.0), strict=True)]
    assert not all(hot)
    assert all(map(torch.equal, state(1, 0.0), state(2, 0.0)))


@names
def test_live_the_dice_are_those_of_the_moment(name: str) -> None:
    generator = generator_of(name)
    stepper = export(generator)
    step, clock = np.zeros(ROLL.start_step().shape), ROLL.clock_at(3)
    other = step.copy()
    other[2] = 1
    state = stepper.hear(ROLL.start_step(), ROLL.clock_at(0), stepper.initial())[1]
    once, again = (stepper.hear(step, clock, state) for _ in range(2))
    np.testing.assert_array_equal(once[0], again[0])
    map_leaves(np.testing.assert_array_equal, once[1], again[1])
    # Not the means, and not the same dice for another step.
    before = map_leaves(torch.from_numpy, state)
    with torch.inference_mode():
        network = TorchNetwork(generator)
        noises = [network._noise(torch.tensor(given[None]), before) for given in (step, other)]
        hidden, _ = generator.step(
            torch.tensor(step[None]).long(), torch.tensor(clock[None]).long(), before
        )
    assert noises[0] is not None
    assert noises[1] is not None
    assert not torch.equal(noises[0], noises[1])
    assert not np.allclose(hidden[0].numpy(), once[0])


@names
def test_what_is_heard_reaches_the_latents(name: str) -> None:
    """Two steps heard, of which the last one can't be told from the input: it is inferred."""
    latent = generator_of(name).recurrent.latent
    assert latent is not None
    x = torch.zeros(2, latent.input_size)
    x[1, : latent.columns] = 1.0
    _, state = latent.step(x, latent.initial_state(2))
    assert not all(torch.equal(part[0], part[1]) for part in state)


def test_the_dice_are_standard_normal() -> None:
    network, rows = TorchNetwork(generator_of("vrnn")), []
    state = map_leaves(torch.from_numpy, network.initial())
    for bits in range(2000):
        step = torch.tensor([[bits >> k & 1 for k in range(len(ROLL.sizes))]])
        drawn = network._noise(step, state)
        assert drawn is not None
        rows.append(drawn)
    noise = torch.cat(rows)
    assert noise.mean(0).abs().max() < 0.1
    assert (noise.std(0) - 1).abs().max() < 0.08
    assert torch.corrcoef(noise.T).fill_diagonal_(0).abs().max() < 0.1
