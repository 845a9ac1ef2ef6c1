"""Adaptive steppers: what they learn is the gradient of what is played, bounded, and a value."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.generator import GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.sampling.adaptation import LIMIT_NATS, PRIOR, RESET, AdaptiveStepper
from rnnmusic.sampling.compiled import export
from rnnmusic.sampling.shaping import plain
from tests.sampling.conftest import CONFIGS, ROLL, untrained

KINDS = ["bernoulli", "nade", "events"]


def generator_of(kind: str):
    if kind == "bernoulli":
        config = GeneratorConfig(ROLL, ModelConfig("rnn", size=12), HeadConfig("bernoulli"))
        return build(config, seed=2)
    return untrained("roll" if kind == "nade" else "events")


@pytest.fixture(params=KINDS)
def model(request):
    generator = generator_of(request.param)
    return generator, AdaptiveStepper(export(generator))


def random_step(encoding, rng) -> np.ndarray:
    return np.array([rng.integers(0, size) for size in encoding.sizes], dtype=np.int64)


def nats(sizes, logits: torch.Tensor, step) -> torch.Tensor:
    """The log-likelihood of a step by the logits of its choices."""
    if all(size == 2 for size in sizes):
        target = torch.tensor(step, dtype=logits.dtype)
        return -torch.nn.functional.binary_cross_entropy_with_logits(
            logits, target, reduction="sum"
        )
    parts = zip(logits.split(list(sizes)), step, strict=True)
    return torch.stack([part.log_softmax(0)[int(value)] for part, value in parts]).sum()


@given(seed=st.integers(0, 999), kind=st.sampled_from(KINDS))
@settings(max_examples=30, deadline=None)
def test_the_logits_of_a_step_are_its_likelihood(seed: int, kind: str) -> None:
    generator, rng = generator_of(kind), np.random.default_rng(seed)
    hidden = rng.standard_normal(generator.recurrent.output_size).astype(np.float32)
    step = random_step(generator.encoding, rng)
    logits = export(generator).step_logits()(hidden, step)
    got = nats(generator.encoding.sizes, torch.tensor(logits).double(), step)
    expected = generator.head.log_prob(torch.tensor(hidden)[None], torch.tensor(step)[None])
    assert float(got) == pytest.approx(float(expected.detach()), rel=1e-4, abs=1e-4)


def heard(stepper, rng, state=None):
    state = stepper.initial() if state is None else state
    clock = stepper.encoding.clock_at(0)
    return stepper.hear(random_step(stepper.encoding, rng), clock, state)


def test_lessons_are_recursive_least_squares(model) -> None:
    """Against the filter written out in double precision, on what was wrong each time."""
    generator, stepper = model
    rng, size = np.random.default_rng(0), generator.recurrent.output_size
    judge, state = export(generator).step_logits(), stepper.initial()
    start = PRIOR / (size + 1) * np.eye(size + 1)
    covariance, change = start.copy(), None
    for _ in range(6):
        hidden, state = heard(stepper, rng, state)
        step, h = random_step(stepper.encoding, rng), hidden[:size]
        r = np.append(h, 1.0).astype(np.float64)
        logits = torch.tensor(judge(h, step) + hidden[size:]).double().requires_grad_()
        nats(stepper.encoding.sizes, logits, step).backward()
        q = covariance @ r
        moved = np.outer(q, logits.grad.numpy()) / (1 + r @ q)
        change = moved if change is None else change + moved
        limit = LIMIT_NATS / np.linalg.norm(r)
        change = change * np.minimum(1.0, limit / np.linalg.norm(change, axis=0).clip(1e-30))
        covariance = covariance + RESET * (start - covariance) - np.outer(q, q) / (1 + r @ q)
        state = stepper.learn(hidden, step, state)
        np.testing.assert_allclose(stepper.change(state), change, atol=2e-5)
    np.testing.assert_allclose(stepper.readout(state).covariance, covariance, atol=1e-4)


def test_the_covariance_stays_one_however_long_is_played() -> None:
    stepper, rng = AdaptiveStepper(export(generator_of("bernoulli"))), np.random.default_rng(5)
    state = stepper.initial()
    for _ in range(3000):
        hidden, state = heard(stepper, rng, state)
        state = stepper.learn(hidden, random_step(stepper.encoding, rng), state)
    eigenvalues = np.linalg.eigvalsh(stepper.readout(state).covariance.astype(np.float64))
    assert eigenvalues.min() > 0
    assert eigenvalues.max() <= PRIOR / len(eigenvalues) * 1.001


def test_only_their_choices_count() -> None:
    stepper, rng = AdaptiveStepper(export(generator_of("nade"))), np.random.default_rng(0)
    hidden, state = heard(stepper, rng)
    theirs = rng.random(len(stepper.encoding.sizes)) < 0.5
    step = random_step(stepper.encoding, rng)
    learned = stepper.change(stepper.learn(hidden, step, state, theirs))
    assert learned.any(0)[theirs].all()
    assert not learned.any(0)[~theirs].any()


def test_what_is_repeated_becomes_likelier_up_to_a_limit(model) -> None:
    generator, stepper = model
    rng = np.random.default_rng(1)
    judge, size = export(generator).step_logits(), generator.recurrent.output_size
    previous, step = (random_step(stepper.encoding, rng) for _ in range(2))
    clock, state, found = stepper.encoding.clock_at(0), stepper.initial(), []
    for _ in range(60):
        again = state._replace(network=stepper.initial().network)
        hidden, _ = stepper.hear(previous, clock, again)
        logits = torch.tensor(judge(hidden[:size], step) + hidden[size:]).double()
        found.append(float(nats(stepper.encoding.sizes, logits, step)))
        assert np.abs(hidden[size:]).max() <= LIMIT_NATS * 1.001
        state = stepper.learn(hidden, step, state)
    assert found[0] < found[1] < found[5] < found[-1]
    assert np.abs(hidden[size:]).max() > 0.5 * LIMIT_NATS


def test_until_something_is_learned_it_plays_as_the_model_does(model) -> None:
    generator, stepper = model
    unchanged, rng = export(generator), np.random.default_rng(2)
    state, other = stepper.initial(), unchanged.initial()
    previous = stepper.encoding.start_step()
    for index in range(40):
        clock = stepper.encoding.clock_at(index)
        hidden, state = stepper.hear(previous, clock, state)
        expected, other = unchanged.hear(previous, clock, other)
        shaping, dice = plain(stepper.encoding.sizes), rng.random(stepper.draws)
        previous = stepper.draw(hidden, shaping, dice)
        assert np.array_equal(previous, unchanged.draw(expected, shaping, dice))


def test_what_is_learned_is_a_value_and_can_be_forgotten(model) -> None:
    _, stepper = model
    rng = np.random.default_rng(3)
    hidden, state = heard(stepper, rng)
    step, before = random_step(stepper.encoding, rng), stepper.change(state).copy()
    learned = stepper.learn(hidden, step, state)
    change = stepper.change(learned)
    assert np.array_equal(stepper.change(state), before)
    assert np.array_equal(stepper.change(stepper.learn(hidden, step, state)), change)
    off = stepper.switched(learned, is_on=False)
    assert stepper.learn(hidden, step, off) is off
    assert np.array_equal(stepper.change(off), change)
    assert not stepper.change(stepper.forgotten(learned)).any()
    half = stepper.mix(state, learned, 0.5)
    np.testing.assert_allclose(stepper.change(half), change / 2, atol=1e-6)


def test_a_past_of_any_length_can_be_returned_to_to_the_bit(model) -> None:
    """States far apart, asked for in any order: the matrix is made again from the lessons."""
    generator, stepper = model
    rng = np.random.default_rng(4)
    hidden, state = heard(stepper, rng)
    past, changes = [state], [stepper.change(state)]
    for _ in range(80):
        hidden, state = heard(stepper, rng, state)
        state = stepper.learn(hidden, random_step(stepper.encoding, rng), state)
        past.append(state)
        changes.append(stepper.change(state))
    other = AdaptiveStepper(export(generator))
    for index in rng.permutation(len(past)):
        for judge in (stepper, other):
            assert np.array_equal(judge.change(past[index]), changes[index])


def test_heads_that_cannot_judge_a_step_are_refused() -> None:
    class Silent:
        """A stepper of another kind."""

    with pytest.raises(UsageError, match="follow"):
        AdaptiveStepper(Silent())  # type: ignore[arg-type]
    assert set(CONFIGS) == {"roll", "events"}
