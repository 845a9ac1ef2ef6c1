"""Exported heads draw what torch's draw from the same dice, and shapings mean what they say."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.compiling import Kernel
from rnnmusic.errors import InputError, UsageError
from rnnmusic.generator import build
from rnnmusic.heads import (
    BernoulliHead,
    Controls,
    FactoredCategoricalHead,
    GaussianMixtureHead,
    Head,
    NadeHead,
)
from rnnmusic.heads import binary as torch_binary
from rnnmusic.heads import categorical as torch_categorical
from rnnmusic.sampling.compiled import (
    HEADS,
    binary,
    categorical,
    export,
    gated,
    inputs,
    linear,
    network,
)
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.shaping import Shaping, plain
from tests.sampling.compiled.conftest import EVENTS, PLAIN_ROLL, ROLL, generator_of

INF = math.inf
HIDDEN = 9
BINARY = ("bernoulli", "nade")


def head_of(name: str, sizes: tuple[int, ...], seed: int, width: int = 7) -> Head:
    torch.manual_seed(seed)
    options = {} if name == "bernoulli" else {"width": width}
    head: Head = {"bernoulli": BernoulliHead, "nade": NadeHead}.get(name, FactoredCategoricalHead)(
        HIDDEN, sizes, **options
    )
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return head


def hidden_of(seed: int) -> Any:
    return np.random.default_rng(seed).uniform(-1, 1, HIDDEN).astype(np.float32)


def compiled(head: Head) -> Any:
    return HEADS[type(head)](head)


def torch_draw(head: Head, hidden: Any, controls: Controls, uniforms: Any) -> Any:
    """What the head itself draws with these numbers for dice."""
    draws = torch.tensor(uniforms)[None]
    with pytest.MonkeyPatch.context() as patch:
        for module in (torch_binary, torch_categorical):
            patch.setattr(module, "uniform", lambda *_: draws)
        return head.sample(torch.tensor(hidden)[None], controls, torch.Generator())[0].numpy()


sizes_of = {
    "bernoulli": st.integers(1, 50).map(lambda count: (2,) * count),
    "nade": st.integers(1, 50).map(lambda count: (2,) * count),
    "categorical": st.lists(st.integers(1, 30), min_size=1, max_size=4).filter(
        lambda sizes: set(sizes) != {2}
    ),
}


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    name=st.sampled_from(sorted(sizes_of)),
    temperature=st.sampled_from([0.0, 1e-3, 0.5, 1.0, 3.0]),
    top_p=st.sampled_from([0.1, 0.5, 0.8, 0.97, 1.0]),
    width=st.integers(1, 20),
    seed=st.integers(0, 2**31),
)
def test_the_same_dice_draw_what_torch_draws(
    data: Any, name: str, temperature: float, top_p: float, width: int, seed: int
) -> None:
    sizes = tuple(data.draw(sizes_of[name]))
    head = head_of(name, sizes, seed, width)
    exported = compiled(head)
    shaping, dice = plain(sizes, temperature, top_p), Dice(seed)
    for index in range(20):
        hidden, uniforms = hidden_of(seed + index), dice.uniforms(0, index, exported.draws)
        drawn = exported.draw(hidden, shaping, uniforms)
        expected = torch_draw(head, hidden, Controls(temperature, top_p), uniforms)
        assert drawn.dtype == np.int64
        np.testing.assert_array_equal(drawn, expected)


# -- the distribution under a shaping, from the equations ------------------------------------


def log_odds_of(head: Head, hidden: Any, step: Any) -> Any:
    """The logit of each column given those below, in double precision."""
    h = torch.tensor(hidden).double()
    if isinstance(head, BernoulliHead):
        return (head.logits.weight.double() @ h + head.logits.bias.double()).detach().numpy()
    b = head.visible_bias.weight.double() @ h + head.visible_bias.bias.double()
    c = head.hidden_bias.weight.double() @ h + head.hidden_bias.bias.double()
    moves = torch.tensor(step)[:, None] * head.weight.double()
    states = torch.sigmoid(c + moves.cumsum(0) - moves)
    return (b + (states * head.readout.double()).sum(1)).detach().numpy()


def chance(logit: float, temperature: float, top_p: float) -> float:
    """The probability that a column with this biased logit is set."""
    if temperature == 0.0:
        return float(logit > 0)
    p = 0.5 * (1 + math.tanh(0.5 * logit / temperature))
    if top_p < 1.0 and max(p, 1 - p) >= top_p:
        return float(p > 0.5)
    return p


@pytest.mark.parametrize("name", BINARY)
def test_each_column_is_set_up_to_its_probability(name: str) -> None:
    """The dice at which a decision turns are the probability, to 1e-5: so are the logits."""
    columns, rng = 21, np.random.default_rng(0)
    head, hidden = head_of(name, (2,) * columns, 3), hidden_of(3)
    exported = compiled(head)
    for _ in range(20):
        step = rng.integers(0, 2, columns)
        bias, temperature = rng.normal(size=columns), rng.uniform(0.3, 2.0, columns)
        logits = (log_odds_of(head, hidden, step) + bias) / temperature
        for column in range(columns):
            # All others are given.
            biases = np.where(step == 1, INF, -INF)
            biases[column] = bias[column]
            shaping = Shaping(biases, temperature)
            for nudge, expected in ((-1e-5, 1), (1e-5, 0)):
                uniforms = rng.random(columns)
                uniforms[column] = 1 / (1 + math.exp(-logits[column])) + nudge
                if 0 <= uniforms[column] < 1:
                    drawn = exported.draw(hidden, shaping, uniforms)
                    assert drawn[column] == expected
                    np.testing.assert_array_equal(np.delete(drawn, column), np.delete(step, column))


def assert_distributed(probabilities: dict[tuple[int, ...], float], draws: Any, count: int) -> None:
    """Pearson's test at one in a million, over the outcomes that aren't rare."""
    seen: dict[tuple[int, ...], int] = dict.fromkeys(probabilities, 0)
    for draw in draws:
        assert probabilities[tuple(draw)] > 0
        seen[tuple(draw)] += 1
    statistic, degrees = 0.0, -1
    for outcome, p in probabilities.items():
        if p * count >= 5:
            statistic += (seen[outcome] - p * count) ** 2 / (p * count)
            degrees += 1
        else:
            assert seen[outcome] < 30
    assert statistic < degrees + 8 * math.sqrt(2 * max(degrees, 1)) + 20


SHAPED = st.tuples(
    st.lists(st.sampled_from([-INF, -1.0, 0.0, 0.7, INF]), min_size=3, max_size=3),
    st.lists(st.sampled_from([0.0, 0.4, 1.0, 2.5]), min_size=3, max_size=3),
    st.sampled_from([0.6, 0.9, 1.0]),
)


@settings(max_examples=12, deadline=None)
@given(name=st.sampled_from(BINARY), shaped=SHAPED, seed=st.integers(0, 1000))
def test_binary_frames_by_enumeration(name: str, shaped: Any, seed: int) -> None:
    bias, temperature, top_p = shaped
    head, hidden, count = head_of(name, (2, 2, 2), seed), hidden_of(seed), 4000
    probabilities = {}
    for step in itertools.product((0, 1), repeat=3):
        logits = log_odds_of(head, hidden, step)
        p = 1.0
        for d in range(3):
            odds = bias[d] if math.isinf(bias[d]) else logits[d] + bias[d]
            one = float(odds > 0) if math.isinf(odds) else chance(odds, temperature[d], top_p)
            p *= one if step[d] else 1 - one
        probabilities[step] = p
    exported, dice = compiled(head), Dice(seed)
    shaping = Shaping(np.array(bias), np.array(temperature), top_p)
    draws = [exported.draw(hidden, shaping, dice.uniforms(0, i, 3)) for i in range(count)]
    assert_distributed(probabilities, draws, count)


def nucleus(logits: Any, temperature: float, top_p: float) -> Any:
    """Probabilities of values with these biased logits, -inf for those that can't be."""
    if temperature == 0.0:
        return (np.arange(len(logits)) == np.argmax(logits)).astype(float)
    weights = np.exp((logits - logits.max()) / temperature)
    weights /= weights.sum()
    order = np.argsort(-weights, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    weights[order[before >= top_p]] = 0.0
    return weights / weights.sum()


CATEGORICAL_SIZES = (3, 4)


def categorical_probabilities(head: Any, hidden: Any, shaping: Shaping) -> Any:
    h = torch.tensor(hidden).double()
    direct = (head.direct.weight.double() @ h + head.direct.bias.double()).split(CATEGORICAL_SIZES)
    biases = np.split(shaping.bias, [3])
    state = head.start.weight.double() @ h + head.start.bias.double()
    first_logits = direct[0] + head.readouts[0].weight.double() @ torch.tanh(state)
    probabilities = {}
    first = nucleus(
        masked(first_logits.detach().numpy(), biases[0]), shaping.temperature[0], shaping.top_p
    )
    for a in range(3):
        moved = torch.tanh(state + head.embeddings[0].weight[a].double())
        logits = (direct[1] + head.readouts[1].weight.double() @ moved).detach().numpy()
        second = nucleus(masked(logits, biases[1]), shaping.temperature[1], shaping.top_p)
        for b in range(4):
            probabilities[a, b] = first[a] * second[b]
    return probabilities


def masked(logits: Any, bias: Any) -> Any:
    if (bias == INF).any():
        return np.where(bias == INF, logits, -INF)
    return logits + bias


@settings(max_examples=20, deadline=None)
@given(
    bias=st.lists(st.sampled_from([-INF, -1.0, 0.0, 0.5, INF]), min_size=7, max_size=7).filter(
        lambda bias: max(bias[:3]) > -INF and max(bias[3:]) > -INF
    ),
    temperature=st.lists(st.sampled_from([0.0, 0.4, 1.0, 2.5]), min_size=2, max_size=2),
    top_p=st.sampled_from([0.3, 0.8, 1.0]),
    seed=st.integers(0, 1000),
)
def test_categories_by_enumeration(
    bias: list[float], temperature: list[float], top_p: float, seed: int
) -> None:
    head, hidden, count = head_of("categorical", CATEGORICAL_SIZES, seed), hidden_of(seed), 4000
    shaping = Shaping(np.array(bias), np.array(temperature), top_p)
    exported, dice = compiled(head), Dice(seed)
    draws = [exported.draw(hidden, shaping, dice.uniforms(0, i, 2)) for i in range(count)]
    assert_distributed(categorical_probabilities(head, hidden, shaping), draws, count)


# -- what is forced, forbidden and limited ---------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(BINARY), columns=st.integers(1, 40), data=st.data())
def test_forced_and_forbidden_columns(name: str, columns: int, data: Any) -> None:
    seed = data.draw(st.integers(0, 2**31))
    bias = np.array(
        data.draw(st.lists(st.sampled_from([-INF, 0.0, INF]), min_size=columns, max_size=columns))
    )
    dice = st.sampled_from([0.0, 1e-300, 0.5, 1 - 2**-53])
    uniforms = np.array(data.draw(st.lists(dice, min_size=columns, max_size=columns)))
    temperature = np.full(columns, data.draw(st.sampled_from([0.0, 1e-300, 1.0, 1e300])))
    most = data.draw(st.integers(-1, columns))
    exported = compiled(head_of(name, (2,) * columns, seed))
    step = exported.draw(hidden_of(seed), Shaping(bias, temperature, 0.9, most), uniforms)
    assert step[bias == INF].all()
    assert not step[bias == -INF].any()
    if most >= 0:
        certain = (bias == INF).sum()
        assert step.sum() <= max(most, certain)


@settings(max_examples=60, deadline=None)
@given(columns=st.integers(2, 40), data=st.data(), seed=st.integers(0, 2**31))
def test_the_most_likely_columns_stay(columns: int, data: Any, seed: int) -> None:
    most = data.draw(st.integers(0, columns))
    head, hidden = head_of("bernoulli", (2,) * columns, seed), hidden_of(seed)
    rng = np.random.default_rng(seed)
    bias, temperature = rng.normal(2.0, 1.0, columns), rng.uniform(0.5, 2, columns)
    uniforms = rng.random(columns)
    bias[data.draw(st.integers(0, columns - 1))] = INF
    step = compiled(head).draw(hidden, Shaping(bias, temperature, 1.0, most), uniforms)
    logits = log_odds_of(head, hidden, step)
    margins = logits + bias - temperature * np.log(uniforms / (1 - uniforms))
    ranked = [int(d) for d in np.argsort(-margins, kind="stable") if margins[d] > 0]
    assert set(np.flatnonzero(step)) == set(ranked[: max(most, 1)])


@pytest.mark.parametrize("name", BINARY)
def test_a_limit_that_is_not_reached_changes_nothing(name: str) -> None:
    exported = compiled(head_of(name, (2,) * 30, 5))
    shaping, dice = plain((2,) * 30), Dice(1)
    for index in range(50):
        hidden, uniforms = hidden_of(index), dice.uniforms(0, index, 30)
        free = exported.draw(hidden, shaping, uniforms)
        for most in (int(free.sum()), 30):
            again = exported.draw(hidden, shaping._replace(most=most), uniforms)
            np.testing.assert_array_equal(again, free)
        assert not exported.draw(hidden, shaping._replace(most=0), uniforms).any()


# -- what doesn't fit ------------------------------------------------------------------------

NAMES_AND_SIZES = [("bernoulli", (2,) * 5), ("nade", (2,) * 5), ("categorical", (3, 4))]


@pytest.mark.parametrize(("name", "sizes"), NAMES_AND_SIZES)
def test_outputs_that_are_not_numbers(name: str, sizes: tuple[int, ...]) -> None:
    exported = compiled(head_of(name, sizes, 0))
    hidden = np.full(HIDDEN, np.nan, np.float32)
    with pytest.raises(InputError, match="NaN"):
        exported.draw(hidden, plain(sizes), np.full(exported.draws, 0.5))


@pytest.mark.parametrize(("name", "sizes"), NAMES_AND_SIZES)
def test_a_shaping_that_makes_no_sense(name: str, sizes: tuple[int, ...]) -> None:
    exported, good = compiled(head_of(name, sizes, 0)), plain(sizes)
    hidden, dice = hidden_of(0), np.full(len(sizes), 0.5)
    for trouble in (np.nan, -1.0, INF):
        with pytest.raises(UsageError, match="temperature"):
            exported.draw(hidden, good._replace(temperature=np.full(len(sizes), trouble)), dice)
    with pytest.raises(UsageError, match="number"):
        exported.draw(hidden, good._replace(bias=np.full_like(good.bias, np.nan)), dice)
    for top_p in (0.0, -0.5, 1.5, np.nan):
        with pytest.raises(UsageError, match="top_p"):
            exported.draw(hidden, good._replace(top_p=top_p), dice)
    for shaping, uniforms in (
        (good, dice[1:]),
        (good._replace(bias=good.bias[1:]), dice),
        (good._replace(temperature=good.temperature[1:]), dice),
    ):
        with pytest.raises(UsageError, match="fit"):
            exported.draw(hidden, shaping, uniforms)


def test_a_column_without_a_legal_value() -> None:
    exported = compiled(head_of("categorical", (3, 4), 0))
    bias = np.array([0.0, 0, 0, -INF, -INF, -INF, -INF])
    with pytest.raises(UsageError, match="forbids"):
        exported.draw(hidden_of(0), Shaping(bias, np.ones(2)), np.full(2, 0.5))


def test_a_head_that_is_not_exported() -> None:
    generator = generator_of(ROLL)
    generator.head = GaussianMixtureHead(16, (0, 0))
    with pytest.raises(UsageError, match=r"gaussian-mixture.*bernoulli, nade, categorical"):
        export(generator)


def test_no_argument_makes_a_kernel_compile_again() -> None:
    """It would take seconds in the middle of a performance."""
    for encoding, head in ((ROLL, "nade"), (PLAIN_ROLL, "bernoulli"), (EVENTS, "categorical")):
        for name in ("rnn", "lstm", "gru", "linear", "iir", "ssm"):
            stepper = export(generator_of(encoding, head, name=name, layers=2))
            shaping = plain(encoding.sizes)
            frozen, strided = shaping.bias.copy(), np.ones(2 * len(encoding.sizes))[::2]
            frozen.flags.writeable = False
            shaping = Shaping(frozen.astype(np.float32), strided, 1, np.int64(3))  # type: ignore[arg-type]
            previous = encoding.start_step().astype(np.uint16)
            previous.flags.writeable = False
            clock = encoding.clock_at(1).astype(np.int64)[::-1][::-1]
            state = stepper.mix(stepper.initial(), stepper.initial(), 0.5)
            hidden, _ = stepper.hear(previous, clock, state)
            stepper.draw(hidden, shaping, np.full(2 * stepper.draws, 0.5)[::2])
    kernels = [
        kernel
        for module in (binary, categorical, gated, inputs, linear, network)
        for kernel in vars(module).values()
        if isinstance(kernel, Kernel)
    ]
    assert len(kernels) == 10
    for kernel in kernels:
        assert len(kernel.for_work(1).signatures) == 1


def test_a_stepper_plays() -> None:
    generator = build(generator_of(EVENTS).config, seed=2).eval()
    stepper, shaping, dice = export(generator), plain(EVENTS.sizes), Dice(3)

    def play() -> list[Any]:
        state, previous, steps = stepper.initial(), EVENTS.start_step(), []
        for index in range(100):
            hidden, state = stepper.hear(previous, EVENTS.clock_at(index), state)
            previous = stepper.draw(hidden, shaping, dice.uniforms(0, index, stepper.draws))
            steps.append(previous)
        return steps

    steps = np.stack(play())
    np.testing.assert_array_equal(steps, np.stack(play()))
    assert ((steps >= 0) & (steps < EVENTS.sizes)).all()
    assert len(np.unique(steps[:, 1])) > 5
