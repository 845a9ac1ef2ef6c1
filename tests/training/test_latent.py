"""Generators with latent variables: what they learn, how they are judged, and what is carried."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rnnmusic import checkpoint
from rnnmusic.corpus import Corpus, Piece, Pieces
from rnnmusic.corpus.batches import CarriedStreams, WholePieces
from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import UsageError
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.recurrent.belief.bounds import Bound
from rnnmusic.recurrent.protocol import detach
from rnnmusic.training.evaluation import evaluate
from rnnmusic.training.loop import train
from rnnmusic.training.objective import Objective
from rnnmusic.training.recipe import Recipe
from tests.training import corpora

ROLL = PianoRoll(
    steps_per_quarter=1, lowest_pitch=60, highest_pitch=67, articulation=False, metrical=False
)
LENGTH, SURPRISE = 10, 0.03


def choruses(pieces: int, seed: int) -> Pieces:
    """Eight voices that sing or rest together, as they nearly always did two steps ago."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(pieces):
        sings = rng.integers(2, size=LENGTH)
        for t in range(2, LENGTH):
            sings[t] = sings[t - 2] ^ (rng.random() < SURPRISE)
        steps = np.repeat(sings[:, None], 8, axis=1).astype(np.uint8)
        made.append(Piece(str(index), steps, np.zeros((LENGTH, 0), dtype=np.uint8)))
    return Pieces.of(made)


def entropy() -> float:
    """Nats per step that one such voice costs at least."""
    later = -SURPRISE * math.log(SURPRISE) - (1 - SURPRISE) * math.log(1 - SURPRISE)
    return (2 * math.log(2) + (LENGTH - 2) * later) / LENGTH


@pytest.mark.parametrize("name", ["storn", "vrnn", "srnn", "dmm"])
def test_latents_learn_voices_that_move_together_and_what_came_before(
    tmp_path: Path, name: str
) -> None:
    corpus = Corpus(
        Path("choruses"), ROLL, {"train": choruses(64, 0), "valid": choruses(20, 1), "test": []}
    )
    recipe = Recipe().with_overrides(
        model={"name": name, "size": 24, "options": {"latent_size": 4}},
        head={"name": "bernoulli"},
        training={"learning_rate": 0.02, "max_epochs": 40, "average_decay": 0.9, "patience": 40},
    )
    train(corpus, recipe, tmp_path / "run")
    generator = checkpoint.load(tmp_path / "run").generator
    found = evaluate(generator, choruses(100, 2), bound=Bound("fivo", 16))
    assert (found.kind, found.bound) == ("bound", "fivo, 16 particles")
    # Without a memory a step costs ln 2. Without latents each of the voices pays for itself.
    assert found.pooled < 0.8 * math.log(2) < 8 * entropy()


def generator_of(name: str, **options: Any) -> Generator:
    config = GeneratorConfig(
        corpora.ENCODING,
        ModelConfig(name, 12, options={"latent_size": 3, **options}, learned_initial_state=True),
        HeadConfig("bernoulli"),
    )
    return build(config, seed=3).double().eval()


@pytest.mark.parametrize("bound", [Bound(), Bound("iwae", 3), Bound("fivo", 3)], ids=str)
@pytest.mark.parametrize("name", ["storn", "vrnn", "srnn", "dmm"])
def test_an_evaluation_is_a_function_of_its_seed(name: str, bound: Bound) -> None:
    generator, pieces = generator_of(name), corpora.scales(6, seed=1)
    first = evaluate(generator, pieces, bound=bound)
    torch.manual_seed(77)
    assert evaluate(generator, pieces, bound=bound) == first
    assert evaluate(generator, pieces, bound=bound, seed=1) != first


def infer(objective: Objective, batch: Any, noise: Any, state: Any = None) -> Any:
    heard = objective._heard(batch)
    latent = objective.generator.recurrent.latent
    assert latent is not None
    return latent.infer(
        heard.x, heard.heard, state, noise=noise, reset=batch.reset, lengths=batch.lengths
    )


@pytest.mark.parametrize("name", ["storn", "vrnn", "srnn", "dmm"])
def test_carried_rows_of_pieces_are_what_the_pieces_are_by_themselves(name: str) -> None:
    """Truncated BPTT with resets inside the rows, whose chunks a reader of the past can join."""
    generator = generator_of(name, smoothing=False)
    objective, pieces = Objective(generator), corpora.scales(7, seed=1)
    chunks = list(CarriedStreams(pieces, corpora.ENCODING, 2, 5, seed=0).epoch(0))
    state, carried = None, []
    for batch in chunks:
        found = infer(objective, batch, None, state)
        state = detach(found.state)
        carried += [found.kl[batch.mask], found.hidden[batch.mask].sum(-1)]
    whole = []
    for batch in WholePieces(pieces, corpora.ENCODING, 1, seed=0).epoch(0):
        found = infer(objective, batch, None)
        whole += [found.kl[batch.mask], found.hidden[batch.mask].sum(-1)]
    for kind in (0, 1):
        one, other = (torch.cat(parts[kind::2]).sort().values for parts in (carried, whole))
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", ["srnn", "dmm"])
def test_the_future_stops_at_resets_and_at_ends(name: str) -> None:
    objective, pieces = Objective(generator_of(name)), corpora.scales(7, seed=1)
    (rows,) = CarriedStreams(pieces, corpora.ENCODING, 2, 200, seed=0).epoch(0)
    packed = infer(objective, rows, None).kl[rows.mask]
    alone = [
        infer(objective, batch, None).kl[batch.mask]
        for batch in WholePieces(pieces, corpora.ENCODING, 1, seed=0).epoch(0)
    ]
    torch.testing.assert_close(packed.sort().values, torch.cat(alone).sort().values)


@pytest.mark.parametrize("name", ["vrnn", "srnn"])
def test_particles_are_rows_of_their_own(name: str) -> None:
    objective = Objective(generator_of(name))
    (batch,) = CarriedStreams(corpora.scales(5, seed=1), corpora.ENCODING, 2, 60, seed=0).epoch(0)
    heard, latent = objective._heard(batch), objective.generator.recurrent.latent
    assert latent is not None
    noise = torch.randn(2 * 3, *batch.mask.shape[1:], latent.noise_size).double()
    three = latent.infer(heard.x, heard.heard, noise=noise, reset=batch.reset, particles=3)
    for k in range(3):
        one = latent.infer(heard.x, heard.heard, noise=noise[k::3], reset=batch.reset)
        torch.testing.assert_close(three.kl[k::3], one.kl)
        torch.testing.assert_close([part[k::3] for part in three.state], list(one.state))


def test_gradients_reach_everything() -> None:
    for name in ("storn", "vrnn", "srnn", "dmm"):
        generator = generator_of(name).train()
        objective = Objective(generator, Bound("fivo", 2))
        (batch,) = WholePieces(corpora.scales(4, seed=1), corpora.ENCODING, 4, seed=0).epoch(0)
        objective(batch)[0].backward()
        assert all(p.grad is not None and p.grad.any() for p in generator.parameters()), name


@pytest.mark.parametrize("bound", ["elbo", "fivo"])
@pytest.mark.parametrize("name", ["vrnn", "srnn"])
def test_resuming_gives_the_bits_of_an_unbroken_run(tmp_path: Path, name: str, bound: str) -> None:
    """With what is carried, with noise and with the share of the KL that was reached."""
    recipe = Recipe().with_overrides(
        model={"name": name, "size": 12, "dropout": 0.2, "options": {"latent_size": 3}},
        head={"name": "bernoulli"},
        data={"batch_size": 4, "chunk_length": 7},
        training={
            "bound": bound, "particles": 1 if bound == "elbo" else 3, "kl_warmup_steps": 30,
            "max_epochs": 2, "free_bits": 0.1 if bound == "elbo" else 0.0,
        },
    )  # fmt: skip
    corpus = corpora.corpus(12, 2)
    train(corpus, recipe, tmp_path / "whole")
    train(corpus, recipe, tmp_path / "broken", max_steps=5)
    train(corpus, recipe, tmp_path / "broken", resume=True)
    whole, broken = (
        load_file(tmp_path / run / "last" / "model.safetensors") for run in ("whole", "broken")
    )
    assert all(torch.equal(whole[key], broken[key]) for key in whole)


def test_short_floats_are_fine(tmp_path: Path) -> None:
    recipe = Recipe().with_overrides(
        model={"name": "srnn", "size": 12, "options": {"latent_size": 3}},
        head={"name": "bernoulli"},
        training={"precision": "bf16-mixed", "max_epochs": 1},
    )
    result = train(corpora.corpus(8, 2), recipe, tmp_path / "run")
    assert result.best_nll is not None
    assert math.isfinite(result.best_nll)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"bound": "nelbo"}, "bound"),
        ({"particles": 4}, "elbo"),
        ({"bound": "fivo", "free_bits": 0.1}, "free_bits"),
        ({"kl_warmup_steps": -1}, "kl_warmup_steps"),
    ],
)
def test_recipes_that_ask_for_what_isnt(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        Recipe().with_overrides(training=settings)


def test_latents_do_not_stack() -> None:
    with pytest.raises(UsageError, match="stack"):
        build(GeneratorConfig(corpora.ENCODING, ModelConfig("vrnn", 8, layers=2)))
