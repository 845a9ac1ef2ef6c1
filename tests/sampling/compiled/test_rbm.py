"""The exported rbm head draws what torch's draws, and what is given is given from the start."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import InputError, UsageError
from rnnmusic.heads import Controls, RbmHead, binary
from rnnmusic.sampling.compiled import HEADS, export
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.shaping import Shaping, plain
from tests.sampling.compiled.conftest import ROLL, generator_of

HIDDEN = 9


def head_of(columns: int, width: int, seed: int) -> RbmHead:
    torch.manual_seed(seed)
    head = RbmHead(HIDDEN, (2,) * columns, width=width)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return head


def hidden_of(seed: int) -> Any:
    return np.random.default_rng(seed).uniform(-1, 1, HIDDEN).astype(np.float32)


def torch_draw(head: RbmHead, hidden: Any, controls: Controls, uniforms: Any) -> Any:
    """What the head itself draws with these numbers for dice, one after another."""
    left = torch.tensor(uniforms)

    def next_ones(shape: Any, *_: Any) -> torch.Tensor:
        nonlocal left
        given, left = left[: math.prod(shape)], left[math.prod(shape) :]
        return given.view(*shape)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binary, "uniform", next_ones)
        drawn = head.sample(torch.tensor(hidden)[None], controls, torch.Generator())[0].numpy()
    assert not len(left)
    return drawn


@settings(max_examples=60, deadline=None)
@given(
    columns=st.integers(1, 40),
    width=st.integers(1, 20),
    temperature=st.sampled_from([0.0, 1e-3, 0.5, 1.0, 3.0]),
    top_p=st.sampled_from([0.1, 0.8, 1.0]),
    seed=st.integers(0, 2**31),
)
def test_the_same_dice_draw_what_torch_draws(
    columns: int, width: int, temperature: float, top_p: float, seed: int
) -> None:
    head = head_of(columns, width, seed)
    exported, dice = HEADS[RbmHead](head), Dice(seed)
    shaping = plain((2,) * columns, temperature, top_p)
    for index in range(5):
        hidden, uniforms = hidden_of(seed + index), dice.uniforms(0, index, exported.draws)
        drawn = exported.draw(hidden, shaping, uniforms)
        expected = torch_draw(head, hidden, Controls(temperature, top_p), uniforms)
        assert drawn.dtype == np.int64
        np.testing.assert_array_equal(drawn, expected)


def test_the_rest_is_drawn_given_what_is_forced() -> None:
    """p(v_2, v_3 | v_0 = 1, v_1 = 0), with a bias on v_2: by enumeration."""
    head, count = head_of(4, 5, 3), 4000
    exported, dice, hidden = HEADS[RbmHead](head), Dice(0), hidden_of(2)
    bias = np.array([math.inf, -math.inf, 0.7, 0.0])
    draws = np.stack(
        [
            exported.draw(hidden, Shaping(bias, np.ones(4)), dice.uniforms(0, i, exported.draws))
            for i in range(count)
        ]
    )
    legal = torch.tensor([(1, 0, *rest) for rest in itertools.product((0, 1), repeat=2)])
    with torch.no_grad():
        nats = head.double().exact_log_prob(torch.tensor(hidden).double().expand(4, -1), legal)
    expected = (nats + 0.7 * legal[:, 2]).softmax(0)
    for row, p in zip(legal.numpy(), expected.tolist(), strict=True):
        found = (draws == row).all(1).mean()
        assert abs(found - p) < 5 * (p * (1 - p) / count) ** 0.5
    assert (draws[:, :2] == (1, 0)).all()


def test_no_more_columns_than_allowed() -> None:
    exported, dice = HEADS[RbmHead](head_of(30, 10, 5)), Dice(1)
    shaping = plain((2,) * 30)
    for index in range(20):
        hidden, uniforms = hidden_of(index), dice.uniforms(0, index, exported.draws)
        free = exported.draw(hidden, shaping, uniforms)
        few = exported.draw(hidden, shaping._replace(most=3), uniforms)
        assert free.sum() > 3
        assert few.sum() == 3
        assert (free >= few).all()


def test_what_is_not_a_number() -> None:
    exported = HEADS[RbmHead](head_of(5, 3, 0))
    dice, good = np.full(exported.draws, 0.5), plain((2,) * 5)
    with pytest.raises(InputError, match="NaN"):
        exported.draw(np.full(HIDDEN, np.nan, np.float32), good, dice)
    for trouble in (math.nan, -1.0, math.inf):
        with pytest.raises(UsageError, match="temperature"):
            exported.draw(hidden_of(0), good._replace(temperature=np.full(5, trouble)), dice)
    with pytest.raises(UsageError, match="fit"):
        exported.draw(hidden_of(0), good, dice[1:])


def test_it_plays() -> None:
    stepper = export(generator_of(ROLL, "rbm", name="gru"))
    assert stepper.is_compiled
    state, previous = stepper.initial(), ROLL.start_step()
    dice, shaping = Dice(3), plain(ROLL.sizes)
    for index in range(20):
        hidden, state = stepper.hear(previous, ROLL.clock_at(index), state)
        previous = stepper.draw(hidden, shaping, dice.uniforms(0, index, stepper.draws))
    assert set(np.unique(previous)) <= {0, 1}
