"""What goes through the pitches one by one, exported: torch's numbers, torch's draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.compiling import Kernel
from rnnmusic.errors import InputError, UsageError
from rnnmusic.heads import Controls, Head, build
from rnnmusic.heads import pitch_axis as torch_heads
from rnnmusic.sampling.compiled import (
    HEADS,
    export,
    pitch_heads,
    pitch_rows,
    spatial,
    tied_parallel,
)
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.shaping import Shaping, plain
from tests.sampling.compiled.conftest import PLAIN_ROLL, ROLL, generator_of, random_steps
from tests.sampling.compiled.test_network import assert_same

NUMBERS = 3  # per pitch
NAMES = ("tied", "pitch-axis")
FLAVOURS = [
    {"name": "tied-parallel", "cell": "gru"},
    {"name": "tied-parallel", "cell": "lstm"},
    {"name": "spatial"},
]
names = pytest.mark.parametrize("name", NAMES)


def head_of(name: str, pitches: int, planes: int, seed: int, width: int = 7) -> Head:
    torch.manual_seed(seed)
    options = {"width": width} if name == "pitch-axis" else {}
    head = build(name, pitches * NUMBERS, (2,) * (pitches * planes), pitches=pitches, **options)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return head


def hidden_of(pitches: int, seed: int) -> Any:
    return np.random.default_rng(seed).uniform(-1, 1, pitches * NUMBERS).astype(np.float32)


def compiled(head: Head) -> Any:
    return HEADS[type(head)](head)


def torch_draw(head: Head, hidden: Any, controls: Controls, uniforms: Any) -> Any:
    """What the head itself draws with these numbers for dice, u < p being logit > limit."""

    def limits(*_: Any) -> Any:
        if controls.temperature == 0.0:
            return torch.zeros(1, len(uniforms))
        odds = math.inf
        if controls.top_p < 1.0:
            odds = max(0.0, math.log(controls.top_p) - math.log1p(-controls.top_p))
        return (controls.temperature * torch.tensor(uniforms).logit().clamp(-odds, odds))[None]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_heads, "thresholds", limits)
        drawn = head.double().sample(torch.tensor(hidden)[None].double(), controls, Any)
        return drawn[0].numpy()


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    pitches=st.integers(1, 25),
    planes=st.integers(1, 3),
    width=st.integers(1, 20),
    temperature=st.sampled_from([0.0, 1e-3, 0.5, 1.0, 3.0]),
    top_p=st.sampled_from([0.1, 0.5, 0.8, 0.97, 1.0]),
    seed=st.integers(0, 2**31),
)
def test_the_same_dice_draw_what_torch_draws(
    name: str, pitches: int, planes: int, width: int, temperature: float, top_p: float, seed: int
) -> None:
    head = head_of(name, pitches, planes, seed, width)
    exported, dice = compiled(head), Dice(seed)
    shaping = plain(head.sizes, temperature, top_p)
    for index in range(10):
        hidden = hidden_of(pitches, seed + index)
        uniforms = dice.uniforms(0, index, exported.draws)
        drawn = exported.draw(hidden, shaping, uniforms)
        assert drawn.dtype == np.int64
        expected = torch_draw(head, hidden, Controls(temperature, top_p), uniforms)
        np.testing.assert_array_equal(drawn, expected)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(NAMES), pitches=st.integers(1, 20), data=st.data())
def test_forced_and_forbidden_columns(name: str, pitches: int, data: Any) -> None:
    columns = 2 * pitches
    kinds = st.lists(
        st.sampled_from([-math.inf, 0.0, math.inf]), min_size=columns, max_size=columns
    )
    bias, most = np.array(data.draw(kinds)), data.draw(st.integers(-1, columns))
    exported = compiled(head_of(name, pitches, 2, 1))
    shaping = Shaping(bias, np.ones(columns), 0.9, most)
    step = exported.draw(hidden_of(pitches, 2), shaping, np.linspace(0.01, 0.99, columns))
    assert step[bias == math.inf].all()
    assert not step[bias == -math.inf].any()
    if most >= 0:
        assert step.sum() <= max(most, (bias == math.inf).sum())


def test_a_forced_note_is_heard_by_those_above() -> None:
    exported, hidden = compiled(head_of("pitch-axis", 20, 1, 3)), hidden_of(20, 3)
    bias, drawn = np.zeros(20), []
    for forced in (-math.inf, math.inf):
        bias[4] = forced
        steps = [
            exported.draw(hidden, Shaping(bias, np.ones(20)), Dice(0).uniforms(0, i, 20))
            for i in range(300)
        ]
        drawn.append(np.mean(steps, axis=0))
    np.testing.assert_array_equal(drawn[0][:4], drawn[1][:4])
    assert (drawn[0][5:] != drawn[1][5:]).any()


@names
def test_what_makes_no_sense_is_refused(name: str) -> None:
    head = head_of(name, 4, 1, 0)
    exported, good, dice = compiled(head), plain(head.sizes), np.full(4, 0.5)
    with pytest.raises(InputError, match="NaN"):
        exported.draw(np.full(4 * NUMBERS, np.nan, np.float32), good, dice)
    with pytest.raises(UsageError, match="temperature"):
        exported.draw(hidden_of(4, 0), good._replace(temperature=np.full(4, -1.0)), dice)


@pytest.mark.parametrize("encoding", [ROLL, PLAIN_ROLL], ids=["two planes", "one plane"])
@pytest.mark.parametrize("flavour", FLAVOURS, ids=str)
@pytest.mark.parametrize("layers", [1, 3])
def test_the_layer_stays_with_torch(encoding: Any, flavour: dict[str, str], layers: int) -> None:
    generator = generator_of(
        encoding, "pitch-axis", size=7, layers=layers, learned_initial_state=True, **flavour
    )
    assert export(generator).is_compiled
    assert_same(generator, 100)


def test_no_argument_makes_a_kernel_compile_again() -> None:
    for encoding in (ROLL, PLAIN_ROLL):
        for flavour, head in zip(FLAVOURS, ("tied", "pitch-axis", "tied"), strict=True):
            made = generator_of(encoding, head, layers=2, size=5, **flavour)
            stepper, rng = export(made), np.random.default_rng(0)
            state = stepper.mix(stepper.initial(), stepper.initial(), 0.5)
            for index, step in enumerate(random_steps(encoding, 3, rng)):
                hidden, state = stepper.hear(step, encoding.clock_at(index), state)
                stepper.draw(hidden, plain(encoding.sizes), rng.random(stepper.draws))
    kernels = [
        kernel
        for module in (pitch_heads, pitch_rows, spatial, tied_parallel)
        for kernel in vars(module).values()
        if isinstance(kernel, Kernel)
    ]
    assert len(kernels) == 6
    for kernel in kernels:
        assert len(kernel.for_work(1).signatures) == 1  # type: ignore[attr-defined]
