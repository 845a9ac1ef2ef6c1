"""Exported networks give torch's numbers, whatever the flavour, and keep nothing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

from rnnmusic import recurrent
from rnnmusic.encodings import LogMel
from rnnmusic.errors import InputError, UsageError
from rnnmusic.generator import Generator, GeneratorConfig, build
from rnnmusic.recurrent import Gru, Stack
from rnnmusic.recurrent.belief import variational
from rnnmusic.sampling.compiled import LAYERS, export
from rnnmusic.sampling.compiled.arithmetic import sigmoid, tanh
from rnnmusic.sampling.compiled.states import map_leaves
from rnnmusic.sampling.shaping import plain
from tests.sampling.compiled.conftest import EVENTS, PLAIN_ROLL, ROLL, generator_of, random_steps

ENCODINGS = {"roll": ROLL, "plain roll": PLAIN_ROLL, "events": EVENTS}
# Latent variables are drawn, through torch, and don't stack: tests/sampling/test_latent.py.
DRAWN = set(variational.FLAVOURS)
PLAIN = sorted(set(recurrent.RECURRENT) - DRAWN)
EXPORTED = [name for name in PLAIN if type(recurrent.RECURRENT[name].make(8, 16)) in LAYERS]


def torch_hidden(generator: Generator, steps: Any) -> Any:
    """What torch's own step makes of the same steps, (T, H)."""
    encoding, outputs = generator.encoding, []
    with torch.inference_mode():
        state = generator.initial_state(1)
        for index, step in enumerate(steps):
            clock = torch.tensor(encoding.clock_at(index)[None].astype(np.int64))
            y, state = generator.step(torch.tensor(step[None]), clock, state)
            outputs.append(y[0].numpy().copy())
    return np.stack(outputs)


def exported_hidden(generator: Generator, steps: Any) -> Any:
    stepper = export(generator)
    state, outputs = stepper.initial(), []
    for index, step in enumerate(steps):
        y, state = stepper.hear(step, generator.encoding.clock_at(index), state)
        outputs.append(y)
    return np.stack(outputs)


def assert_same(generator: Generator, count: int, seed: int = 0) -> None:
    steps = random_steps(generator.encoding, count, np.random.default_rng(seed))
    expected, got = torch_hidden(generator, steps), exported_hidden(generator, steps)
    assert got.dtype == np.float32
    # Linear layers have no bound: 1e-5 of the largest output, of 1 where all are smaller.
    assert np.abs(got - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("name", EXPORTED)
def test_every_exported_flavour_stays_with_torch_for_a_thousand_steps(name: str) -> None:
    generator = generator_of(ROLL, name=name, layers=2, learned_initial_state=True)
    assert_same(generator, 1000)


@pytest.mark.parametrize("kind", sorted(ENCODINGS))
@pytest.mark.parametrize("name", PLAIN)
def test_every_flavour_plays_every_encoding_as_torch_does(name: str, kind: str) -> None:
    generator = generator_of(ENCODINGS[kind], name=name, learned_initial_state=True)
    assert_same(generator, 60)


@pytest.mark.parametrize("name", EXPORTED)
def test_every_exported_flavour_runs_without_torch(name: str) -> None:
    stepper = export(generator_of(name=name, layers=2))
    assert stepper.is_compiled
    shaping, dice = plain(ROLL.sizes), np.full(stepper.draws, 0.5)

    class NoTorch(TorchFunctionMode):
        def __torch_function__(self, function: Any, *rest: Any, **more: Any) -> Any:
            raise AssertionError(f"{function} was called")

    with NoTorch():
        hidden, state = stepper.hear(ROLL.start_step(), ROLL.clock_at(0), stepper.initial())
        stepper.draw(hidden, shaping, dice)
        stepper.mix(state, stepper.initial(), 0.5)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(EXPORTED),
    kind=st.sampled_from(sorted(ENCODINGS)),
    size=st.integers(1, 40),
    layers=st.integers(1, 3),
    embedding_size=st.integers(1, 9),
    learned=st.booleans(),
    scale=st.floats(0.3, 1.5),
    seed=st.integers(0, 2**31),
)
def test_any_size_and_depth(
    name: str,
    kind: str,
    size: int,
    layers: int,
    embedding_size: int,
    learned: bool,
    scale: float,
    seed: int,
) -> None:
    generator = generator_of(
        ENCODINGS[kind],
        name=name,
        size=size,
        layers=layers,
        embedding_size=embedding_size,
        learned_initial_state=learned,
        scale=scale,
        seed=seed,
    )
    assert_same(generator, 24, seed)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rnn", {"nonlinearity": "relu"}),
        ("linear", {"orthogonal": True, "states": 5, "max_radius": 0.99}),
        ("iir", {"sections": 3}),
        ("ssm", {"discretization": "zoh", "start": "s4d-lin", "modes": 7}),
        ("ssm", {"discretization": "bilinear", "modes": 3}),
        ("ssm", {"discretization": "lru", "modes": 33}),
        ("ssm", {"feedthrough": "dense", "time_step": (0.1, 1.0), "start": "s4d-lin"}),
        ("lru", {"modes": 5}),
        ("s4d", {"modes": 3, "discretization": "bilinear"}),
        ("s5", {"modes": 9}),
        ("arma", {"p": 0, "q": 3}),
        ("arma", {"p": 4, "q": 1}),
    ],
)
def test_options_of_the_flavours(name: str, options: dict[str, Any]) -> None:
    generator = generator_of(ROLL)
    size = generator.embedding.output_size
    generator.recurrent = recurrent.build(name, size, 16, layers=2, **options)
    assert_same(generator.eval(), 300)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_the_size_that_is_played(name: str) -> None:
    assert_same(generator_of(ROLL, name=name, size=512, scale=0.9), 200)


class Damped(Gru):
    """A GRU of a kind that nobody exports."""

    def step(self, x: Any, state: Any, dt: Any = 1.0) -> Any:
        y, after = super().step(x, state, dt)
        return 0.5 * y, after


def with_damped_layer() -> Generator:
    generator = generator_of(ROLL, learned_initial_state=True)
    size = generator.embedding.output_size
    generator.recurrent = Stack([Gru(size, 16), Damped(16, 16, learned_initial_state=True)])
    return generator.eval()


def test_an_unknown_flavour_runs_through_torch() -> None:
    generator = with_damped_layer()
    stepper = export(generator)
    assert Damped not in LAYERS
    assert not stepper.is_compiled
    assert_same(generator, 50)
    threads = torch.get_num_threads()
    hidden, state = stepper.hear(ROLL.start_step(), ROLL.clock_at(0), stepper.initial())
    map_leaves(lambda leaf: isinstance(leaf, np.ndarray) or pytest.fail(str(type(leaf))), state)
    assert stepper.draw(hidden, plain(ROLL.sizes), np.full(24, 0.5)).shape == (24,)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("name", [*sorted(recurrent.RECURRENT), "through torch"])
def test_states_are_values(name: str) -> None:
    generator = with_damped_layer() if name == "through torch" else generator_of(ROLL, name=name)
    stepper, rng = export(generator), np.random.default_rng(0)
    steps = random_steps(ROLL, 20, rng)
    state, kept = stepper.initial(), []
    for index, step in enumerate(steps):
        copies = map_leaves(np.copy, state)
        y, after = stepper.hear(step, ROLL.clock_at(index), state)
        kept.append((state, copies, y, y.copy()))
        state = after
    for index, (before, copies, y, y_copy) in enumerate(kept):
        map_leaves(np.testing.assert_array_equal, before, copies)
        np.testing.assert_array_equal(y, y_copy)
        again, _ = stepper.hear(steps[index], ROLL.clock_at(index), before)
        np.testing.assert_array_equal(again, y)


@pytest.mark.parametrize("name", [*sorted(recurrent.RECURRENT), "through torch"])
def test_mixing_states(name: str) -> None:
    generator = with_damped_layer() if name == "through torch" else generator_of(ROLL, name=name)
    stepper = export(generator)
    first = stepper.initial()
    second = stepper.hear(np.ones(24), ROLL.clock_at(3), first)[1]
    map_leaves(np.testing.assert_array_equal, stepper.mix(first, second, 0.0), first)
    map_leaves(np.testing.assert_array_equal, stepper.mix(first, second, 1.0), second)
    quarter = stepper.mix(first, second, 0.25)

    def check(a: Any, b: Any, mixed: Any) -> None:
        assert mixed.dtype == a.dtype
        np.testing.assert_allclose(mixed, 0.75 * a + 0.25 * b, atol=1e-6)

    map_leaves(check, first, second, quarter)
    y, _ = stepper.hear(np.zeros(24), ROLL.clock_at(0), quarter)
    assert np.isfinite(y).all()


def test_mixing_complex_and_whole_numbers() -> None:
    stepper = export(generator_of(ROLL))
    first, second = ((np.array([1 + 2j, 0]), np.array([4])), (np.array([3j, 2]), np.array([9])))
    numbers, count = stepper.mix(first, second, 0.5)
    np.testing.assert_allclose(numbers, [0.5 + 2.5j, 1])
    assert count.dtype == first[1].dtype
    assert count[0] in (4, 9)


def test_states_that_do_not_mix() -> None:
    small, large = (export(generator_of(ROLL, size=size)) for size in (8, 9))
    deep = export(generator_of(ROLL, size=8, layers=2))
    for other in (large, deep):
        with pytest.raises(UsageError, match="different networks"):
            small.mix(small.initial(), other.initial(), 0.5)
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="share"):
            small.mix(small.initial(), small.initial(), share)


@pytest.mark.parametrize(
    ("encoding", "step", "clock"),
    [
        (ROLL, np.full(24, 2), [0, 0]),
        (ROLL, np.full(24, -1), [0, 0]),
        (ROLL, np.zeros(23), [0, 0]),
        (ROLL, np.zeros(24), [4, 0]),
        (ROLL, np.zeros(24), [0, 16]),
        (ROLL, np.zeros(24), []),
        (EVENTS, [-1, 0, 0, 0], []),
        (EVENTS, [0, 13, 0, 0], []),
        (EVENTS, [0, 0, 0, 5], []),
        (EVENTS, [0, 0, 0, 0], [1]),
    ],
)
def test_what_is_no_step_is_refused(encoding: Any, step: Any, clock: Any) -> None:
    stepper = export(generator_of(encoding))
    with pytest.raises(InputError, match="encoding"):
        stepper.hear(np.asarray(step), np.array(clock, dtype=np.uint8), stepper.initial())


def test_export_is_of_the_moment() -> None:
    generator = generator_of(ROLL, learned_initial_state=True)
    stepper = export(generator)
    before = stepper.hear(ROLL.start_step(), ROLL.clock_at(0), stepper.initial())[0].copy()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.zero_()
    after, _ = stepper.hear(ROLL.start_step(), ROLL.clock_at(0), stepper.initial())
    np.testing.assert_array_equal(before, after)


def test_other_precisions_are_rounded_once() -> None:
    generator = generator_of(ROLL)
    steps = random_steps(ROLL, 50, np.random.default_rng(0))
    single = exported_hidden(generator, steps)
    np.testing.assert_array_equal(exported_hidden(generator.double(), steps), single)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers(value: float) -> None:
    generator = generator_of(ROLL)
    with torch.no_grad():
        generator.head.readout[0, 0] = value
    with pytest.raises(InputError, match=r"head\.readout.*finite"):
        export(generator)


def test_a_generator_of_sound() -> None:
    with pytest.raises(UsageError, match="sound"):
        export(build(GeneratorConfig(LogMel())))


def test_importing_compiles_nothing() -> None:
    code = "import sys, rnnmusic.sampling.compiled; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_tanh_and_sigmoid() -> None:
    x = np.concatenate([np.geomspace(1e-30, 90, 500), [0.0, 1e4, np.inf]]).astype(np.float32)
    for value in (*x, *-x):
        exact = np.tanh(np.float64(value))
        assert abs(np.float64(tanh(value)) - exact) <= 2.5e-7 * abs(exact)
        assert tanh(-value) == -tanh(value)
        assert abs(sigmoid(value) - 0.5 * (1 + np.tanh(0.5 * np.float64(value)))) <= 1.5e-7
    assert np.isnan(tanh(np.float32("nan")))


def test_a_step_has_the_same_bits_everywhere() -> None:
    """Written down; the numbers going in are made without rounding that could differ."""
    size = 24

    def numbers(*shape: int) -> Any:
        count = int(np.prod(shape))
        return torch.tensor((np.arange(count) * 7919 % 2003 - 1001) / 2048).reshape(shape)

    generator = generator_of(ROLL, "bernoulli", size=size)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.copy_(numbers(*parameter.shape))
    steps = (np.arange(40 * 24) * 31 % 7 < 2).astype(np.int64).reshape(40, 24)
    hidden = exported_hidden(generator, steps)
    assert hashlib.sha256(hidden.astype("<f4").tobytes()).hexdigest()[:16] == "611efa30261d10b1"
