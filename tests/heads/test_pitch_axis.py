"""The heads that go through the pitches: their equations, and who hears whom."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.heads import Controls, Head, PitchAxisHead, TiedHead, build

NUMBERS = 4  # per pitch


def make(kind: type[Head], pitches: int, planes: int, seed: int = 0) -> Head:
    torch.manual_seed(seed)
    options = {"width": 5} if kind is PitchAxisHead else {}
    head = kind(pitches * NUMBERS, (2,) * (pitches * planes), pitches=pitches, **options).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(std=0.8)
    return head


def logits_of(head: PitchAxisHead, hidden: Tensor, value: Tensor) -> Tensor:
    """From the docstring: hidden (P, numbers) and value (P, planes) of one frame -> logits (F,)."""
    state, told = torch.zeros(5).double(), torch.zeros(head.planes).double()
    found = []
    for p in range(head.pitches):
        x = head.weight_ih @ torch.cat([hidden[p], told]) + head.bias_ih
        h = head.weight_hh @ state + head.bias_hh
        r, z = torch.sigmoid(x[:5] + h[:5]), torch.sigmoid(x[5:10] + h[5:10])
        n = torch.tanh(x[10:] + r * h[10:])
        state, told = (1 - z) * n + z * state, value[p].double()
        for k in range(head.planes):
            before = sum(head.coupling[k, j] * told[j] for j in range(k))
            found.append(head.bias[p * head.planes + k] + head.readout[k] @ state + before)
    return torch.stack(found)


@given(pitches=st.integers(1, 9), planes=st.integers(1, 3), seed=st.integers(0, 999))
@settings(max_examples=20, deadline=None)
def test_the_likelihood_is_that_of_the_equations(pitches: int, planes: int, seed: int) -> None:
    head = make(PitchAxisHead, pitches, planes, seed)
    hidden = torch.randn(3, pitches * NUMBERS).double()
    value = torch.randint(0, 2, (3, pitches * planes))
    expected = []
    for h, v in zip(hidden.view(3, pitches, -1), value, strict=True):
        logits = logits_of(head, h, v.view(pitches, planes))
        expected.append(torch.distributions.Bernoulli(logits=logits).log_prob(v.double()).sum())
    torch.testing.assert_close(head.log_prob(hidden, value), torch.stack(expected))


def table(head: Head, hidden: Tensor) -> Tensor:
    """Probabilities of all frames."""
    steps = torch.tensor(list(product((0, 1), repeat=len(head.sizes))))
    nats = head.log_prob(hidden.expand(len(steps), -1), steps)
    return nats.exp().view(head.sizes)


def test_a_note_hears_those_below_and_none_above() -> None:
    head, hidden = make(PitchAxisHead, 5, 1), torch.randn(5 * NUMBERS).double()
    joint = table(head, hidden)
    for p in range(4):
        changed = hidden.clone()
        changed[(p + 1) * NUMBERS :] = torch.randn((4 - p) * NUMBERS).double()
        upto = tuple(range(p + 1, 5))
        torch.testing.assert_close(table(head, changed).sum(upto), joint.sum(upto))
        above = table(head, changed) / table(head, changed).sum(upto, keepdim=True)
        assert not torch.allclose(above, joint / joint.sum(upto, keepdim=True))


@pytest.mark.parametrize("kind", [TiedHead, PitchAxisHead])
def test_two_columns_per_pitch_are_drawn_as_likely_as_they_are(kind: type[Head]) -> None:
    head, rows = make(kind, 2, 2), 40_000
    hidden = torch.randn(2 * NUMBERS).double()
    drawn = head.sample(hidden.expand(rows, -1), Controls(), torch.Generator().manual_seed(1))
    place = (drawn * torch.tensor([8, 4, 2, 1])).sum(1)
    shares = torch.bincount(place, minlength=16).double() / rows
    # Six standard deviations of the worst share.
    torch.testing.assert_close(shares, table(head, hidden).flatten(), atol=0.015, rtol=0)


@given(shift=st.integers(1, 5), planes=st.integers(1, 2))
@settings(max_examples=10, deadline=None)
def test_tied_rows_are_alike_but_for_their_bias(shift: int, planes: int) -> None:
    head = make(TiedHead, 6, planes)
    hidden, value = torch.randn(3, 6, NUMBERS).double(), torch.randint(0, 2, (3, 6, planes))
    moved = hidden.roll(shift, 1).flatten(1), value.roll(shift, 1).flatten(1)
    plain = head.log_prob(hidden.flatten(1), value.flatten(1))
    assert not torch.allclose(head.log_prob(*moved), plain)
    torch.nn.init.constant_(head.bias, 0.3)
    plain = head.log_prob(hidden.flatten(1), value.flatten(1))
    torch.testing.assert_close(head.log_prob(*moved), plain)


def test_rows_of_unequal_length_are_refused() -> None:
    for name in ("tied", "pitch-axis"):
        with pytest.raises(UsageError, match="recurrence over pitches, such as tied-parallel"):
            build(name, 256, (2,) * 88)
        with pytest.raises(UsageError, match="each of 3 pitches"):
            build(name, 9, (2,) * 8, pitches=3)
