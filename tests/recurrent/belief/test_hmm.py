"""Hidden Markov models beside the sum over every path."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnmusic.errors import InputError, UsageError
from rnnmusic.recurrent.belief import chains
from rnnmusic.recurrent.belief.emissions import (
    BernoulliEmission,
    CategoricalEmission,
    Emission,
    GaussianEmission,
)
from rnnmusic.recurrent.belief.hmm import HiddenMarkovModel

KINDS = ("bernoulli", "categorical", "gaussian")
kinds = pytest.mark.parametrize("kind", KINDS)


def emission_of(kind: str, states: int) -> Emission:
    if kind == "bernoulli":
        return BernoulliEmission(torch.rand(states, 4).double())
    if kind == "categorical":
        return CategoricalEmission(torch.rand(states, 5).double().softmax(1))
    return GaussianEmission(torch.randn(states, 2).double(), torch.rand(states, 2).double() + 0.1)


def model_of(kind: str, states: int, seed: int = 0) -> HiddenMarkovModel:
    torch.manual_seed(seed)
    rows = torch.randn(states + 1, states).double().log_softmax(1)
    return HiddenMarkovModel(rows[0], rows[1:], emission_of(kind, states))


def guessed(kind: str, states: int, x: Tensor, seed: int, **more: Any) -> HiddenMarkovModel:
    rng = torch.Generator().manual_seed(seed)
    emission: Emission = {
        "bernoulli": lambda: BernoulliEmission.guess(x, states, rng, **more),
        "categorical": lambda: CategoricalEmission.guess(x, states, rng, symbols=5, **more),
        "gaussian": lambda: GaussianEmission.guess(x, states, rng, **more),
    }[kind]()
    return HiddenMarkovModel.guess(states, emission, rng)


def paths(model: HiddenMarkovModel, x: Tensor) -> tuple[Tensor, Tensor]:
    """Every path (N, T) of one sequence, and log p(x, z) of each."""
    time = x.shape[0]
    every = torch.tensor(list(product(range(len(model.initial)), repeat=time)))
    emitted = model.emission.log_prob(x[None])[0]
    total = model.initial[every[:, 0]] + emitted[torch.arange(time), every].sum(1)
    return every, total + model.transition[every[:, :-1], every[:, 1:]].sum(1)


@given(
    kind=st.sampled_from(KINDS),
    states=st.integers(1, 3),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    seed=st.integers(0, 999),
)
@settings(max_examples=40, deadline=None)
def test_everything_equals_enumeration(
    kind: str, states: int, lengths: list[int], seed: int
) -> None:
    model = model_of(kind, states, seed)
    rng = torch.Generator().manual_seed(seed)
    _, x = model.sample(len(lengths), 6, rng)
    ends = torch.tensor(lengths)
    found, (best, score) = model.posterior(x, ends), model.viterbi(x, ends)
    torch.testing.assert_close(found.log_likelihood, model.log_likelihood(x, ends))
    for row, length in enumerate(lengths):
        every, joint = paths(model, x[row, :length])
        total = joint.logsumexp(0)
        torch.testing.assert_close(found.log_likelihood[row], total, atol=1e-10, rtol=0)
        share = (joint - total).exp()
        visits = torch.nn.functional.one_hot(every, states).double()
        expected = (share.view(-1, 1, 1) * visits).sum(0)
        torch.testing.assert_close(found.states[row, :length], expected, atol=1e-10, rtol=0)
        assert not found.states[row, length:].any()
        pairs = (visits[:, :-1, :, None] * visits[:, 1:, None, :]).sum(1)
        expected = (share.view(-1, 1, 1) * pairs).sum(0)
        torch.testing.assert_close(found.moves[row], expected, atol=1e-10, rtol=0)
        torch.testing.assert_close(score[row], joint.max(), atol=1e-10, rtol=0)
        chosen = (every == best[row, :length]).all(1)
        torch.testing.assert_close(joint[chosen], joint.max()[None], atol=1e-10, rtol=0)
        assert (best[row, length:] == -1).all()


def test_the_slopes_of_the_likelihood_are_the_posterior() -> None:
    model = model_of("gaussian", 3)
    _, x = model.sample(2, 9, torch.Generator().manual_seed(0))
    emitted = model.emission.log_prob(x).requires_grad_()
    transition = model.transition.clone().requires_grad_()
    total = chains.log_likelihood(model.initial, transition, emitted).sum()
    by_states, by_moves = torch.autograd.grad(total, (emitted, transition))
    found = model.posterior(x)
    torch.testing.assert_close(by_states, found.states)
    torch.testing.assert_close(by_moves, found.moves.sum(0))


@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 999), states=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_em_never_falls_and_never_breaks(kind: str, seed: int, states: int) -> None:
    """From single-precision data, with rows of any length, one of them empty."""
    truth, rng = model_of(kind, 3, seed), torch.Generator().manual_seed(seed)
    _, x = truth.sample(6, 20, rng)
    x = x.float() if kind != "categorical" else x
    ends = torch.tensor([20, 1, 7, 20, 13, 0])
    _, history = guessed(kind, states, x, seed, lengths=ends).fit(x, ends, rounds=15, tolerance=0)
    gains = torch.tensor(history).diff()
    assert torch.tensor(history).isfinite().all()
    assert (gains >= -1e-8 * abs(history[0])).all()


@kinds
def test_it_learns_what_states_without_memory_cannot(kind: str) -> None:
    """Two states that stay: a mixture of the same two emissions doesn't know when."""
    torch.manual_seed(2)
    stays = torch.tensor([[0.95, 0.05], [0.05, 0.95]]).double().log()
    emission: Emission = {
        "bernoulli": BernoulliEmission(torch.tensor([[0.2, 0.7], [0.7, 0.3]]).double()),
        "categorical": CategoricalEmission(
            torch.tensor([[0.5, 0.3, 0.1, 0.05, 0.05], [0.05, 0.1, 0.1, 0.35, 0.4]]).double()
        ),
        "gaussian": GaussianEmission(
            torch.tensor([[-1.0], [1.0]]).double(), torch.ones(2, 1).double()
        ),
    }[kind]
    truth = HiddenMarkovModel(torch.full((2,), 0.5).double().log(), stays, emission)
    rng = torch.Generator().manual_seed(0)
    _, x = truth.sample(20, 100, rng)
    _, test = truth.sample(20, 100, rng)
    best = max(
        (guessed(kind, 2, x, seed).fit(x, rounds=60, tolerance=1e-5) for seed in range(2)),
        key=lambda found: found[1][-1],
    )[0]
    per_step = [
        float(model.log_likelihood(test).mean()) / 100
        for model in (best, truth, guessed_mixture(best))
    ]
    assert per_step[0] == pytest.approx(per_step[1], abs=0.02)
    assert per_step[0] > per_step[2] + 0.05
    assert best.transition.exp().diagonal().min() > 0.85


def guessed_mixture(model: HiddenMarkovModel) -> HiddenMarkovModel:
    """The same states, but drawn anew at every step, as often as the chain visits them."""
    often = torch.linalg.matrix_power(model.transition.exp(), 1000)[0].log()
    return HiddenMarkovModel(often, often.expand_as(model.transition), model.emission)


def test_samples_visit_states_as_often_as_the_chain_does() -> None:
    model = model_of("categorical", 3)
    states, x = model.sample(20_000, 3, torch.Generator().manual_seed(0))
    p = model.initial.exp()
    for t in range(3):
        shares = torch.bincount(states[:, t], minlength=3) / 20_000
        assert (shares - p).abs().max() < 0.02
        p = p @ model.transition.exp()
    heard = torch.bincount(x[states == 1], minlength=5) / (states == 1).sum()
    assert isinstance(model.emission, CategoricalEmission)
    assert (heard - model.emission.probability[1]).abs().max() < 0.02


def test_a_prior_keeps_possible_what_never_happened() -> None:
    x = torch.zeros(2, 5, 3)
    silent, _ = guessed("bernoulli", 2, x, 0).fit(x, rounds=3)
    careful, _ = guessed("bernoulli", 2, x, 0, prior=0.5).fit(x, rounds=3)
    assert silent.log_likelihood(torch.ones(1, 2, 3)) == -torch.inf
    assert careful.log_likelihood(torch.ones(1, 2, 3)).isfinite().all()
    with pytest.raises(InputError, match="impossible"):
        silent.fit(torch.ones(1, 2, 3))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="0 states"):
        HiddenMarkovModel.guess(0, emission_of("gaussian", 1), torch.Generator())
    model = model_of("gaussian", 2)
    with pytest.raises(InputError, match="NaN"):
        model.fit(torch.full((1, 4, 2), torch.nan))
