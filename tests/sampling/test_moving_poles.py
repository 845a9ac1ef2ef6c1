"""Poles that follow a player: the gradient is that of backpropagation through time, the steps are
bounded, and what was learned is a value."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rnnmusic.encodings import NoteEvents, PianoRoll
from rnnmusic.errors import UsageError
from rnnmusic.generator import GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.recurrent.diagonal import ResidualBlock
from rnnmusic.sampling.adaptation import AdaptiveStepper
from rnnmusic.sampling.compiled import export
from rnnmusic.sampling.compiled.adapting_poles import LIMIT, RATE
from tests.sampling.test_adaptation import nats, random_step

ROLL = PianoRoll(lowest_pitch=60, highest_pitch=71)
EVENTS = NoteEvents(lowest_pitch=60, highest_pitch=71, velocity_bins=4)
KINDS = [
    ("lru", "bernoulli", ROLL, 1),
    ("s5", "nade", ROLL, 2),
    ("ssm", "categorical", EVENTS, 1),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind[0])
def generator(request):
    flavour, head, encoding, layers = request.param
    model = ModelConfig(flavour, size=12, layers=layers)
    made = build(GeneratorConfig(encoding, model, HeadConfig(head)), seed=3)
    with torch.no_grad():
        for parameter in made.head.parameters():
            parameter.mul_(2.0)
    return made.eval()


def played(generator, seed: int, count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [random_step(generator.encoding, rng) for _ in range(count)]


def by_backpropagation(generator, steps, change: torch.Tensor) -> torch.Tensor:
    """The log-likelihood of the last step after those before, with poles moved by (a, b)."""
    clock = torch.stack(
        [torch.as_tensor(generator.encoding.clock_at(0).astype(np.int64)) for _ in steps[:-1]]
    )
    x = generator.embedding(torch.as_tensor(np.stack(steps[:-1]))[None], clock[None]).double()
    *below, last = generator.recurrent.layers
    for layer in below:
        x = layer.double()(x)[0]
    last = last.double()
    block = last if isinstance(last, ResidualBlock) else None
    mixer = last if block is None else block.mixer
    heard = x if block is None else block.heard(x)
    p, b, c, d = (torch.as_tensor(part) for part in mixer.system())
    k, turn = (1 - p.abs()) / (1 + p.abs()), 1j * (1 - p.abs()) / (1 + p.abs()) * change[1]
    moved = k * (1 + change[0] * (1 - k))
    pole = (1 - moved) / (1 + moved) * (p / p.abs()) * (1 + turn) / (1 - turn)
    h = torch.view_as_complex(mixer.initial_state(1)[0].double().reshape(-1, 2))
    for now in heard[0]:
        h = pole * h + b @ now.to(b.dtype)
    y = (c @ h).real + d @ heard[0, -1]
    if block is not None:
        y = block._entered(x)[0, -1] + block._gated(y)
    last_step = torch.as_tensor(steps[-1])
    return generator.head.double().log_prob(y[None], last_step[None])[0]


def listened(stepper: AdaptiveStepper, steps, state=None):
    """hidden for the last step and the state after those before."""
    state = stepper.initial() if state is None else state
    clock = stepper.encoding.clock_at(0)
    for step in steps[:-1]:
        hidden, state = stepper.hear(step, clock, state)
    return hidden, state


def test_the_gradient_is_that_of_backpropagation_through_time(generator) -> None:
    stepper = AdaptiveStepper(export(generator), readout=False, poles=True)
    steps = played(generator, 0, 20)
    hidden, state = listened(stepper, steps)
    size = generator.recurrent.output_size
    judge, back = export(generator).step_logits(), export(generator).logit_gradient()
    logits = torch.tensor(judge(hidden[:size], steps[-1])).double().requires_grad_()
    nats(generator.encoding.sizes, logits, steps[-1]).backward()
    error = logits.grad.numpy().astype(np.float32)
    by_hidden = back(hidden[:size], steps[-1], error)
    found = stepper._poles.gradient(by_hidden, state.network[-1])
    modes = found.shape[1]
    change = torch.zeros(2, modes, dtype=torch.float64, requires_grad=True)
    by_backpropagation(generator, steps, change).backward()
    expected = change.grad.numpy()
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())


def test_one_lesson_goes_up_that_gradient(generator) -> None:
    stepper = AdaptiveStepper(export(generator), readout=False, poles=True)
    steps = played(generator, 1, 12)
    hidden, state = listened(stepper, steps)
    taught = stepper.learn(hidden, steps[-1], state)
    change = taught.network[-1].change
    assert 0 < np.linalg.norm(change) <= RATE * 1.001
    before, after = (
        float(by_backpropagation(generator, steps, torch.as_tensor(part).double()).detach())
        for part in (np.zeros_like(change), 0.1 * change)
    )
    assert after > before


def test_until_something_is_learned_it_plays_as_the_model_does(generator) -> None:
    stepper, plain = AdaptiveStepper(export(generator), poles=True), export(generator)
    state, other, clock = stepper.initial(), plain.initial(), stepper.encoding.clock_at(0)
    for step in played(generator, 2, 30):
        hidden, state = stepper.hear(step, clock, state)
        expected, other = plain.hear(step, clock, other)
        np.testing.assert_allclose(hidden[: len(expected)], expected, atol=2e-5)


def test_a_repeated_figure_becomes_likelier_by_its_poles_alone(generator) -> None:
    """What comes round every five steps; the readout stays as it was trained."""
    stepper = AdaptiveStepper(export(generator), readout=False, poles=True)
    figure, sizes = played(generator, 3, 5), generator.encoding.sizes
    judge, size = export(generator).step_logits(), generator.recurrent.output_size
    state, clock, rounds = stepper.initial(), stepper.encoding.clock_at(0), []
    for _ in range(60):
        total = 0.0
        for previous, step in zip(figure[-1:] + figure[:-1], figure, strict=True):
            hidden, state = stepper.hear(previous, clock, state)
            assert not hidden[size:].any()
            logits = torch.tensor(judge(hidden[:size], step)).double()
            total += float(nats(sizes, logits, step))
            state = stepper.learn(hidden, step, state)
        rounds.append(total)
    assert np.mean(rounds[-5:]) > np.mean(rounds[1:6]) + 0.2


def test_however_long_it_is_taught_it_stays_within_its_limits_and_stable(generator) -> None:
    stepper = AdaptiveStepper(export(generator), readout=False, poles=True)
    state, clock, rng = stepper.initial(), stepper.encoding.clock_at(0), np.random.default_rng(4)
    for _ in range(400):
        hidden, state = stepper.hear(random_step(stepper.encoding, rng), clock, state)
        state = stepper.learn(hidden, random_step(stepper.encoding, rng), state)
    last = state.network[-1]
    assert np.abs(last.change).max() <= LIMIT
    assert np.hypot(*last.pole).max() < 1.0


def test_it_is_a_value_that_can_be_kept_and_forgotten(generator) -> None:
    stepper = AdaptiveStepper(export(generator), readout=False, poles=True)
    steps = played(generator, 5, 6)
    hidden, state = listened(stepper, steps)
    kept = [part.copy() for part in state.network[-1]]
    taught = stepper.learn(hidden, steps[-1], state)
    assert all(map(np.array_equal, state.network[-1], kept))
    off = stepper.switched(taught, is_on=False)
    assert stepper.learn(hidden, steps[-1], off) is off
    again = stepper.forgotten(taught).network[-1]
    assert not again.change.any()
    assert np.array_equal(again.pole, state.network[-1].pole)


def test_the_logits_changed_by_the_readout_count_in_the_gradient(generator) -> None:
    both = AdaptiveStepper(export(generator), poles=True)
    steps = played(generator, 6, 4)
    hidden, state = listened(both, steps)
    state = both.learn(hidden, steps[-1], state)
    assert both.change(state).any()
    hidden, state = listened(both, steps, state)
    with_change = both.learn(hidden, steps[-1], state)
    assert not np.array_equal(with_change.network[-1].change, state.network[-1].change)


def test_other_layers_are_refused() -> None:
    config = GeneratorConfig(ROLL, ModelConfig("gru", size=8), HeadConfig("bernoulli"))
    with pytest.raises(UsageError, match="--adapt-cell"):
        AdaptiveStepper(export(build(config, seed=0)), poles=True)


def test_the_slope_of_gelu_is_torchs() -> None:
    from rnnmusic.sampling.compiled.arithmetic import gelu, slope_of_gelu

    x = torch.linspace(-4, 4, 101, requires_grad=True)
    y = F.gelu(x, approximate="tanh")
    y.sum().backward()
    values = x.detach().numpy()
    np.testing.assert_allclose([gelu(v) for v in values], y.detach(), atol=1e-6)
    np.testing.assert_allclose([slope_of_gelu(v) for v in values], x.grad, atol=3e-6)
