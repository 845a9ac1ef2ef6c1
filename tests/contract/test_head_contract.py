"""What every output distribution promises: one set of tests over the whole registry."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.heads import HEADS, Controls, Head, build, fitting

HIDDEN = 3
SIZES = {
    "bernoulli": (2,) * 4,
    "nade": (2,) * 4,
    # A row of hidden per pitch.
    "tied": (2,) * HIDDEN,
    "pitch-axis": (2,) * HIDDEN,
    "rbm": (2,) * 4,
    "categorical": (3, 2, 4),
    "gaussian-mixture": (0,) * 3,
}
#: Every weight is checked by a difference: the fewer the better.
OPTIONS = {"pitch-axis": {"width": 4}}
heads = pytest.mark.parametrize("name", HEADS)
# What a density promises of its integral and its samples stands in tests/heads/test_mixture.py.
DISCRETE = [n for n in HEADS if HEADS[n].columns != "real"]
discrete = pytest.mark.parametrize("name", DISCRETE)
# What is estimated is tested beside its oracle: tests/heads/test_rbm.py.
exact = pytest.mark.parametrize("name", [n for n in HEADS if HEADS[n].kind == "exact"])
exact_discrete = pytest.mark.parametrize("name", [n for n in DISCRETE if HEADS[n].kind == "exact"])


def make(name: str, seed: int = 1) -> Head:
    torch.manual_seed(seed)
    head = build(name, HIDDEN, SIZES[name], **OPTIONS.get(name, {})).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(std=0.7)
    return head


def all_steps(head: Head) -> Tensor:
    return torch.tensor(list(product(*(range(size) for size in head.sizes))))


def some_steps(head: Head) -> Tensor:
    """A few dozen different steps (N, F) that the head is for."""
    if head.columns == "real":
        return torch.linspace(-2, 2, 24 * len(head.sizes)).view(24, -1).double()
    return all_steps(head)


def table(head: Head, hidden: Tensor) -> Tensor:
    """Probabilities of all steps given hidden (HIDDEN,), shaped like `sizes`."""
    steps = all_steps(head)
    with torch.no_grad():
        return head.log_prob(hidden.expand(len(steps), -1), steps).exp().view(head.sizes)


def controlled(joint: Tensor, controls: Controls) -> Tensor:
    """The oracle: a joint table's conditionals, bent by the controls, multiplied again."""
    result = torch.ones_like(joint)
    for k in range(joint.dim()):
        marginal = joint.sum(tuple(range(k + 1, joint.dim()))) if k + 1 < joint.dim() else joint
        p = marginal / marginal.sum(-1, keepdim=True)
        for row in p.view(-1, p.shape[-1]):
            if controls.temperature == 0:
                row.copy_(torch.zeros_like(row).index_fill(0, row.argmax(), 1.0))
                continue
            row.copy_((row.log() / controls.temperature).softmax(0))
            kept, total = torch.zeros_like(row), 0.0
            for i in row.argsort(descending=True):
                if total < controls.top_p:
                    kept[i] = row[i]
                    total += float(row[i])
            row.copy_(kept / kept.sum())
        result = result * p.view(*p.shape, *[1] * (joint.dim() - k - 1))
    return result


@exact_discrete
@given(seed=st.integers(0, 999))
@settings(max_examples=20, deadline=None)
def test_an_exact_head_sums_to_one(name: str, seed: int) -> None:
    head = make(name, seed)
    assert table(head, torch.randn(HIDDEN).double()).sum() == pytest.approx(1.0, abs=1e-12)


@exact_discrete
@pytest.mark.parametrize(
    "controls",
    [
        Controls(),
        Controls(temperature=0.5),
        Controls(temperature=2.0),
        Controls(top_p=0.7),
        Controls(top_p=0.3),
        Controls(temperature=1.5, top_p=0.8),
        Controls(temperature=0.0),
        Controls(temperature=1e-300),
    ],
    ids=str,
)
def test_samples_follow_the_distribution_and_the_controls(name: str, controls: Controls) -> None:
    head, rows = make(name), 20_000
    hidden = torch.randn(HIDDEN).double()
    expected = controlled(table(head, hidden), controls).flatten() * rows
    drawn = head.sample(hidden.expand(rows, -1), controls, torch.Generator().manual_seed(0))
    assert drawn.dtype == torch.int64
    place = torch.zeros(rows, dtype=torch.int64)
    for column, size in zip(drawn.unbind(1), head.sizes, strict=True):
        place = place * size + column
    counts = torch.bincount(place, minlength=len(expected)).double()
    possible = expected > 1e-9
    assert not counts[~possible].any()
    # Chi-square needs a few counts per cell: the rare ones are pooled.
    rare = expected < 10
    expected = torch.cat([expected[~rare], expected[rare].sum().clamp(min=1e-9).view(1)])
    counts = torch.cat([counts[~rare], counts[rare].sum().view(1)])
    statistic = ((counts - expected).square() / expected).sum()
    assert chi2.sf(float(statistic), max(1, len(expected) - 1)) > 1e-3


@heads
def test_a_seed_gives_one_result_and_rows_see_their_own_hidden(name: str) -> None:
    head, hidden = make(name), torch.randn(64, HIDDEN).double()

    def draw(hidden: Tensor, seed: int) -> Tensor:
        return head.sample(hidden, Controls(), torch.Generator().manual_seed(seed))

    assert torch.equal(draw(hidden, 3), draw(hidden, 3))
    assert not torch.equal(draw(hidden, 3), draw(hidden, 4))
    other = hidden.clone()
    other[10] += 3.0
    changed = (draw(hidden, 3) != draw(other, 3)).any(1).nonzero().flatten()
    assert changed.tolist() in ([10], [])
    value = some_steps(head)[torch.arange(64) % len(some_steps(head))]
    moved = head.log_prob(hidden, value) != head.log_prob(other, value)
    assert moved.nonzero().flatten().tolist() == [10]


@exact
def test_the_loss_is_the_sum_over_the_mask_and_sees_nothing_else(name: str) -> None:
    head = make(name)
    hidden = torch.randn(2, 5, HIDDEN).double().requires_grad_()
    steps = some_steps(head)[torch.randint(len(some_steps(head)), (2, 5))]
    mask = torch.tensor([[True, True, False, True, False], [True] * 2 + [False] * 3])
    loss = head.loss(hidden, steps, mask)
    assert head.log_prob(hidden, steps).shape == (2, 5)
    torch.testing.assert_close(loss, -(head.log_prob(hidden, steps) * mask).sum())
    (gradient,) = torch.autograd.grad(loss, hidden)
    assert not gradient[~mask].any()
    assert gradient[mask].any(1).all()
    torch.testing.assert_close(head.loss(hidden, steps * mask.unsqueeze(2), mask), loss)
    assert head.loss(hidden, steps, torch.zeros_like(mask)) == 0


@exact
def test_gradients_are_right(name: str) -> None:
    head = make(name)
    steps = some_steps(head)[::2]
    hidden = torch.randn(len(steps), HIDDEN).double().requires_grad_()
    names, weights = zip(*head.named_parameters(), strict=True)

    class Run(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = head

        def forward(self, hidden: Tensor) -> Tensor:
            return self.head.log_prob(hidden, steps)

    run = Run()

    def call(hidden: Tensor, *parts: Tensor) -> Tensor:
        given = {f"head.{name}": part for name, part in zip(names, parts, strict=True)}
        return torch.func.functional_call(run, given, (hidden,))

    assert torch.autograd.gradcheck(call, (hidden, *weights))


@heads
def test_float32_is_finite_for_any_hidden(name: str) -> None:
    head = make(name).float()
    hidden = torch.tensor([[1e4, -1e4, 1e4], [0.0, 0.0, 0.0], [-1e4, 1e4, -1e4]]).requires_grad_()
    nats = head.log_prob(hidden, some_steps(head)[:3])
    nats.sum().backward()
    assert nats.isfinite().all()
    assert hidden.grad is not None
    assert hidden.grad.isfinite().all()


@discrete
def test_biases_start_from_the_frequencies(name: str) -> None:
    torch.manual_seed(0)
    head = build(name, HIDDEN, SIZES[name])
    # Very uneven columns, the last value of each never seen.
    steps = (torch.rand(4000, len(head.sizes)) < 0.1).long() * (torch.tensor(head.sizes) > 2)
    nothing = torch.zeros(len(steps), HIDDEN)
    head.initialise_bias(steps)
    frequencies = [
        torch.bincount(c, minlength=n) / len(c) for c, n in zip(steps.T, head.sizes, strict=True)
    ]
    entropy = -sum(float(torch.special.xlogy(p, p).sum()) for p in frequencies)
    reached = -float(head.log_prob(nothing, steps).mean().detach())
    assert reached == pytest.approx(entropy, abs=0.1)


@heads
def test_what_does_not_fit_is_refused(name: str) -> None:
    head = make(name)
    with pytest.raises(UsageError, match="columns"):
        head.log_prob(torch.zeros(4, HIDDEN).double(), torch.zeros(4, 1, dtype=torch.int64))
    with pytest.raises(UsageError, match="columns"):
        head.log_prob(torch.zeros(3, HIDDEN).double(), some_steps(head)[:4])
    with pytest.raises(UsageError, match="no option 'colour'"):
        build(name, HIDDEN, SIZES[name], colour="blue")
    for wrong in ((2, 2), (2, 3), (0, 0)):
        right = fitting(wrong)
        if head.columns != HEADS[right].columns:
            with pytest.raises(UsageError, match=f"use the {right} head with this encoding"):
                build(name, HIDDEN, wrong)
    with pytest.raises(UsageError, match="mix"):
        build(name, HIDDEN, (2, 0))
    with pytest.raises(UsageError, match="1 or more"):
        build(name, 0, SIZES[name])


@heads
def test_it_says_what_its_figures_are(name: str) -> None:
    head = make(name)
    assert head.is_density == (head.columns == "real")
    assert head.likelihood == (f"{head.kind} density" if head.is_density else head.kind)


@heads
def test_the_fitting_head_is_of_the_same_kind(name: str) -> None:
    assert HEADS[fitting(SIZES[name])].columns == HEADS[name].columns


def test_unknown_heads_and_impossible_controls_are_refused() -> None:
    with pytest.raises(UsageError, match=", ".join(HEADS)):
        build("softmax", 3, (2, 2))
    for name in ("nade", "pitch-axis", "rbm", "categorical"):
        with pytest.raises(UsageError, match="width is 0"):
            build(name, HIDDEN, SIZES[name], width=0)
    with pytest.raises(UsageError, match="0 components"):
        build("gaussian-mixture", HIDDEN, (0, 0), components=0)
    for temperature in (-0.1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="temperature"):
            Controls(temperature=temperature)
    for top_p in (0.0, 1.1, float("nan")):
        with pytest.raises(UsageError, match="top_p"):
            Controls(top_p=top_p)
