"""What a batch teaches: last steps, and inputs the model makes up."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rnnmusic.corpus.batches import Batch, WholePieces
from rnnmusic.errors import UsageError
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.training.loop import train
from rnnmusic.training.recipe import Recipe
from rnnmusic.training.teaching import Teaching, sampled_inputs
from tests.training import corpora


def generator(**options: object) -> Generator:
    model = ModelConfig(size=8, options=dict(options))
    return build(GeneratorConfig(corpora.ENCODING, model))


def batch() -> Batch:
    pieces = corpora.corpus().splits["train"]
    return next(iter(WholePieces(pieces, corpora.ENCODING, 6, seed=0).epoch(0)))


@pytest.mark.parametrize(("teach", "count"), [("last", 1), ("last 3", 3)])
def test_the_last_steps_of_each_piece_are_taught(teach: str, count: int) -> None:
    recipe = Recipe().with_overrides(training={"teach": teach})
    given = batch()
    found = Teaching(generator(), recipe).applied(given, None, 5)
    for mask, length in zip(found.mask, given.lengths.tolist(), strict=True):
        assert mask.nonzero().flatten().tolist() == list(range(length - count, length))
    assert torch.equal(found.inputs, given.inputs)
    with pytest.raises(UsageError, match="chunk_length = 0"):
        Teaching(generator(), recipe.with_overrides(data={"chunk_length": 8}))


@pytest.mark.parametrize("head", ["bernoulli", "nade"])
def test_only_chosen_pitches_are_taught(head: str) -> None:
    """Through the others' columns no gradient comes, and with all chosen the loss is the same."""
    encoding, given = corpora.ENCODING, batch()
    model = build(GeneratorConfig(encoding, ModelConfig(size=8), HeadConfig(head)), seed=0)
    hidden = torch.randn(*given.mask.shape, 8)
    whole = model.head.loss(hidden, given.targets, given.mask)
    low, high = encoding.lowest_pitch, encoding.highest_pitch
    everything = Recipe().with_overrides(training={"teach_pitches": f"{low}-{high}"})
    Teaching(model, everything)
    torch.testing.assert_close(model.head.loss(hidden, given.targets, given.mask), whole)
    Teaching(model, Recipe().with_overrides(training={"teach_pitches": f"{low + 2}-127"}))
    model.head.loss(hidden, given.targets, given.mask).backward()
    bias = (model.head.logits if head == "bernoulli" else model.head.visible_bias).bias
    others = 2 * encoding.columns_per_pitch
    assert not bias.grad[:others].any()
    assert bias.grad[others:].any()


@pytest.mark.parametrize(
    ("head", "pitches", "told"),
    [
        ("rbm", "60-70", "rbm"),
        ("nade", "0-1", "none"),
        ("nade", "60", "as in"),
        ("nade", "a-b", "as in"),
    ],
)
def test_pitches_that_cannot_be_taught_are_refused(head: str, pitches: str, told: str) -> None:
    config = GeneratorConfig(corpora.ENCODING, ModelConfig(size=8), HeadConfig(head))
    with pytest.raises(UsageError, match=told):
        Teaching(build(config), Recipe().with_overrides(training={"teach_pitches": pitches}))


def test_inputs_are_replaced_as_often_as_said() -> None:
    torch.manual_seed(0)
    model, given = generator(), batch()
    assert sampled_inputs(model, given, None, 0.0) is given.inputs
    some = (sampled_inputs(model, given, None, 0.3) != given.inputs).any(2)
    every = (sampled_inputs(model, given, None, 1.0) != given.inputs).any(2)
    assert not some[:, 0].any()
    assert not every[:, 0].any()
    # An untrained model hardly ever draws the frame that stands there.
    assert 0.2 < float(some[:, 1:].double().mean()) < 0.4
    assert float(every[:, 1:].double().mean()) > 0.95


def test_a_piece_keeps_its_own_beginning() -> None:
    torch.manual_seed(0)
    given = batch()
    reset = torch.zeros_like(given.mask)
    reset[:, 3] = True
    found = sampled_inputs(generator(), given._replace(reset=reset), None, 1.0)
    assert torch.equal(found[:, 3], given.inputs[:, 3])


def test_certain_draws_are_what_the_model_says_after_its_own_inputs() -> None:
    """With a head that leaves nothing to chance the inputs are the model's free run."""
    torch.manual_seed(0)
    model, given = generator(), batch()
    for parameter in model.head.parameters():
        parameter.data *= 1e4
    found = sampled_inputs(model, given, None, 1.0)
    hidden, _ = model(found, given.clock)
    likelihood = model.head.log_prob(hidden[:, :-1].flatten(0, 1), found[:, 1:].flatten(0, 1))
    assert float(likelihood.detach().mean()) > -0.5


@pytest.mark.parametrize(
    "training",
    [
        {"sampled_inputs": 0.5, "sampled_inputs_steps": 3},
        {"teach": "last 2"},
        {"clip_value": 1e-3, "clip_norm": 0.0},
    ],
)
def test_training_runs_with_it_and_learns(tmp_path: Path, training: dict[str, object]) -> None:
    recipe = Recipe().with_overrides(
        model={"size": 16, "options": {"zoneout": 0.1, "weight_drop": 0.2}},
        training={"max_epochs": 8, "learning_rate": 1e-2, **training},
        head={"name": "bernoulli"},
    )
    result = train(corpora.corpus(), recipe, tmp_path / "run")
    log = (tmp_path / "run" / "log.csv").read_text().splitlines()
    first, last = (float(line.split(",")[3]) for line in (log[1], log[-1]))
    assert last < first
    assert result.reason == "epochs"


@pytest.mark.parametrize(
    ("key", "value"),
    [("teach", "first"), ("teach", "last 0"), ("sampled_inputs", 1.5), ("clip_value", -1.0)],
)
def test_settings_that_cannot_be_are_refused(key: str, value: object) -> None:
    with pytest.raises(UsageError, match=key):
        Recipe().with_overrides(training={key: value})
