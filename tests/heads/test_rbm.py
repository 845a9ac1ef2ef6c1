"""The rbm head beside machines so small that everything about them can be summed up."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from torch import Tensor

from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import UsageError
from rnnmusic.generator import GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.heads import BernoulliHead, Controls, RbmHead
from rnnmusic.heads.rbm_annealing import Rbm, anneal, free_energy, gibbs, log_partition

HIDDEN, COLUMNS, WIDTH = 3, 4, 3


def head_of(seed: int = 1, *, scale: float = 0.7, **options: int) -> RbmHead:
    torch.manual_seed(seed)
    head = RbmHead(HIDDEN, (2,) * COLUMNS, **{"width": WIDTH, **options}).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(std=scale)
    return head


def machine_of(columns: int, units: int, seed: int = 0, rows: int = 3) -> Rbm:
    torch.manual_seed(seed)
    shapes = (rows, columns), (rows, units), (columns, units)
    return Rbm(*(torch.randn(*shape, dtype=torch.float64) for shape in shapes))


def bits(count: int) -> Tensor:
    return torch.tensor(list(product((0, 1), repeat=count))).double()


def energies(rbm: Rbm, row: int) -> Tensor:
    """-E(v, h) of all v and h: (2 ** F, 2 ** K), straight from the definition."""
    columns, units = rbm.weight.shape
    v, h = bits(columns), bits(units)
    inner = v @ rbm.weight @ h.T
    return v @ rbm.visible_bias[row, :, None] + h @ rbm.hidden_bias[row] + inner


@pytest.mark.parametrize(("columns", "units"), [(1, 1), (4, 3), (3, 6), (5, 5)])
def test_energies_and_the_normaliser_are_those_of_the_definition(columns: int, units: int) -> None:
    rbm = machine_of(columns, units)
    for row, total in enumerate(log_partition(rbm)):
        joint = energies(rbm, row)
        torch.testing.assert_close(total, joint.flatten().logsumexp(0))
        alone = Rbm(rbm.visible_bias[row], rbm.hidden_bias[row], rbm.weight)
        torch.testing.assert_close(-free_energy(alone, bits(columns)), joint.logsumexp(1))


def test_large_machines_are_not_summed_up() -> None:
    with pytest.raises(UsageError, match="at most 20"):
        log_partition(machine_of(21, 21, rows=1))


@given(seed=st.integers(0, 99), steps=st.sampled_from([1, 3, 20]))
@settings(max_examples=12, deadline=None)
def test_annealing_is_right_on_average_at_any_number_of_steps(seed: int, steps: int) -> None:
    rbm, chains = machine_of(COLUMNS, WIDTH, seed, rows=1), 20_000
    many = Rbm(rbm.visible_bias.expand(chains, -1), rbm.hidden_bias.expand(chains, -1), rbm.weight)
    estimates, _ = anneal(many, steps, torch.Generator().manual_seed(seed))
    ratios = (estimates - log_partition(rbm)).exp()
    assert abs(ratios.mean() - 1) < 5 * ratios.std() / chains**0.5


def test_annealing_comes_to_the_exact_figure_with_more_steps() -> None:
    rbm = machine_of(12, 8, rows=200)
    exact, rng = log_partition(rbm), torch.Generator().manual_seed(0)
    misses = [(anneal(rbm, steps, rng)[0] - exact).abs().mean() for steps in (3, 30, 1000)]
    assert misses[1] < 0.5 * misses[0]
    assert misses[2] < 0.3 * misses[1]
    assert misses[2] < 0.05


def test_its_likelihood_is_an_estimate_close_to_the_exact_one() -> None:
    head = head_of(annealing_steps=1000)
    hidden = torch.randn(16, HIDDEN).double()
    every = bits(COLUMNS)
    exact = head.exact_log_prob(hidden, every)
    assert head.kind == head.likelihood == "estimate"
    torch.testing.assert_close(head.log_prob(hidden, every), exact, atol=0.1, rtol=0)
    one = hidden[:1].expand(16, -1)
    assert float(head.exact_log_prob(one, every).exp().sum().detach()) == pytest.approx(1.0)


def expected_gradient(head: RbmHead, hidden: Tensor, v: Tensor) -> list[Tensor]:
    nll = -head.exact_log_prob(hidden, v).sum()
    return list(torch.autograd.grad(nll, list(head.parameters())))


def test_the_gradient_of_the_loss_is_that_of_the_likelihood_once_the_chains_have_mixed() -> None:
    head, rows = head_of(gibbs_steps=20), 8000
    hidden = torch.randn(1, HIDDEN).double().expand(rows, -1)
    v = (torch.rand(1, COLUMNS) < 0.5).double().expand(rows, -1)
    mask = torch.ones(rows, dtype=torch.bool)
    torch.manual_seed(0)
    found = torch.autograd.grad(head.loss(hidden, v, mask), list(head.parameters()))
    by_annealing = torch.autograd.grad(-head.log_prob(hidden, v).sum(), list(head.parameters()))
    for exact, loss, annealed in zip(
        expected_gradient(head, hidden, v), found, by_annealing, strict=True
    ):
        # Of means of 8,000 numbers between 0 and 1, times hidden.
        torch.testing.assert_close(loss / rows, exact / rows, atol=0.04, rtol=0)
        torch.testing.assert_close(annealed / rows, exact / rows, atol=0.04, rtol=0)


def test_the_loss_sees_only_what_the_mask_shows() -> None:
    head = head_of()
    hidden = torch.randn(2, 5, HIDDEN).double().requires_grad_()
    steps = torch.randint(2, (2, 5, COLUMNS))
    mask = torch.tensor([[True, True, False, True, False], [True] * 2 + [False] * 3])

    def loss(steps: Tensor) -> Tensor:
        torch.manual_seed(3)
        return head.loss(hidden, steps, mask)

    (gradient,) = torch.autograd.grad(loss(steps), hidden)
    assert not gradient[~mask].any()
    assert gradient[mask].any()
    assert loss(steps * mask.unsqueeze(2)) == loss(steps)
    assert head.loss(hidden, steps, torch.zeros_like(mask)) == 0


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_samples_follow_the_energy_divided_by_the_temperature(temperature: float) -> None:
    head, rows = head_of(), 20_000
    hidden = torch.randn(1, HIDDEN).double()
    with torch.no_grad():
        joint = energies(head.machine(hidden), 0) / temperature
    expected = joint.logsumexp(1).softmax(0) * rows
    rng = torch.Generator().manual_seed(0)
    drawn = head.sample(hidden.expand(rows, -1), Controls(temperature), rng)
    assert drawn.dtype == torch.int64
    places = (drawn * 2 ** torch.arange(COLUMNS - 1, -1, -1)).sum(1)
    counts = torch.bincount(places, minlength=2**COLUMNS).double()
    rare = expected < 10
    expected = torch.cat([expected[~rare], expected[rare].sum().clamp(min=1e-9).view(1)])
    counts = torch.cat([counts[~rare], counts[rare].sum().view(1)])
    statistic = ((counts - expected).square() / expected).sum()
    assert chi2.sf(float(statistic), len(expected) - 1) > 1e-3


def test_nothing_is_left_to_chance_at_temperature_0_and_small_top_p() -> None:
    head, hidden = head_of(), torch.randn(64, HIDDEN).double()
    for controls in (Controls(0.0), Controls(1e-300)):
        first, second = (
            head.sample(hidden, controls, torch.Generator().manual_seed(seed)) for seed in (1, 2)
        )
        assert torch.equal(first, second)
    # A mode: every column agrees with the hidden units that it calls for, and they with it.
    rbm = head.machine(hidden)
    called = (rbm.hidden_bias + first.double() @ rbm.weight > 0).double()
    assert torch.equal((rbm.visible_bias + called @ rbm.weight.T > 0).long(), first)


def test_gibbs_sweeps_leave_the_distribution_as_it_is() -> None:
    rbm, rows = machine_of(COLUMNS, WIDTH, rows=1), 40_000
    p = energies(rbm, 0).logsumexp(1).softmax(0)
    rng = torch.Generator().manual_seed(0)
    places = torch.multinomial(p, rows, replacement=True, generator=rng)
    many = Rbm(rbm.visible_bias.expand(rows, -1), rbm.hidden_bias.expand(rows, -1), rbm.weight)
    after = gibbs(many, bits(COLUMNS)[places], 3, rng)
    assert not torch.equal(after, bits(COLUMNS)[places])
    found = (after * 2 ** torch.arange(COLUMNS - 1, -1, -1)).sum(1).long()
    shares = torch.bincount(found, minlength=2**COLUMNS) / rows
    assert (shares - p).abs().max() < 5 * (0.25 / rows) ** 0.5


def test_it_learns_what_independent_columns_cannot() -> None:
    """Of three columns the second repeats the first: two bits are chance."""
    torch.manual_seed(0)
    v = (torch.rand(256, 3) < 0.5).long()
    v[:, 1] = v[:, 0]
    hidden, mask = torch.ones(256, 1), torch.ones(256, dtype=torch.bool)
    bits_of = {}
    for head in (RbmHead(1, (2,) * 3, width=8, gibbs_steps=3), BernoulliHead(1, (2,) * 3)):
        optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
        for _ in range(300):
            optimizer.zero_grad()
            (head.loss(hidden, v, mask) / 256).backward()
            optimizer.step()
        exact = head.exact_log_prob if isinstance(head, RbmHead) else head.log_prob
        bits_of[head.name] = -float(exact(hidden, v).mean().detach()) / math.log(2)
    assert bits_of["bernoulli"] > 2.9
    assert bits_of["rbm"] < 2.2


def test_a_generator_takes_its_options_and_learns_with_it() -> None:
    roll = PianoRoll(lowest_pitch=60, highest_pitch=65, articulation=False, metrical=False)
    config = HeadConfig("rbm", width=4, options={"gibbs_steps": 2, "annealing_steps": 200})
    generator = build(GeneratorConfig(roll, ModelConfig("rtrbm", size=16), config))
    assert isinstance(generator.head, RbmHead)
    assert (generator.head.gibbs_steps, generator.kind) == (2, "estimate")
    # One note after another, up and round again: certain, but for the first.
    steps = torch.eye(6, dtype=torch.int64).repeat(4, 1)[None]
    before, clock = steps[:, :-1], torch.zeros(1, 23, 0, dtype=torch.int64)
    mask = torch.ones(1, 23, dtype=torch.bool)
    optimizer = torch.optim.Adam(generator.parameters(), lr=0.03)
    torch.manual_seed(0)
    for _ in range(150):
        optimizer.zero_grad()
        hidden, _ = generator(before, clock)
        (generator.head.loss(hidden, steps[:, 1:], mask) / 23).backward()
        optimizer.step()
    nats = -generator.head.exact_log_prob(generator(before, clock)[0], steps[:, 1:]).mean()
    assert float(nats.detach()) < 0.5
