"""Reward-modulated Hebbian learning of recurrent weights (Miconi 2017, eLife 6:e20899)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.learning.supervised import TEST_SEED, Limits
from rnnmusic.tasks import Examples, Task


@dataclass(frozen=True)
class HebbianConfig(Limits):
    """How to learn from rewards, and for how long."""

    check_every: int = 25
    tests: int = 64
    batch_size: int = 32  # trials side by side, whose changes are averaged
    learning_rate: float = 0.1
    perturbed: float = 0.02  # how often a unit is pushed, per step
    push: float = 1.0  # at most so far, either way
    trace: float = 0.05  # of the running mean of a unit's activity, what is left after a step
    memory: float = 0.75  # of the expected error of a kind of trial, what is left after a trial
    largest_change: float = 3e-4  # of a weight, per update
    seed: int = 0


@dataclass(frozen=True)
class HebbianFitted:
    """How well a task was learned, and what that took."""

    score: float  # mean squared error of the answers, unperturbed
    updates: int
    trials: int
    seconds: float
    errors: tuple[float, ...]  # mean absolute error of each update's trials


class RateNetwork:
    """x_t = x_(t-1) + (J r_(t-1) + B u_t - x_(t-1)) / tau,  r = tanh(x), on the edge of chaos.

    J is random with spectral radius `gain`, B random; the first `outputs` units' r are the answer,
    the last unit's r is 1, for a bias. tau in steps. Only J learns.
    """

    def __init__(
        self, inputs: int, size: int, outputs: int = 1, *, tau: float = 6.0, gain: float = 1.5,
        seed: int = 0,
    ) -> None:  # fmt: skip
        if size <= outputs + 1 or tau < 1:
            raise UsageError(
                f"{size} units of time constant {tau} can't give {outputs} outputs; give more "
                "units than outputs and a bias take, and a tau of 1 or more."
            )
        rng = torch.Generator().manual_seed(seed)
        self.weight = gain / math.sqrt(size) * torch.randn(size, size, generator=rng)
        self.input_weight = 2.0 * torch.rand(size, inputs, generator=rng) - 1.0
        self.outputs, self.tau, self.size = outputs, tau, size

    def run(self, inputs: Tensor, pushes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """inputs (B, T, D), pushes (B, T, size) on x -> x (B, T, size), r (B, T, size)."""
        driven = inputs @ self.input_weight.T
        x = driven.new_zeros(len(inputs), self.size)
        r = self._rates(x)
        xs, rs = [], []
        for t in range(inputs.shape[1]):
            x = x + (r @ self.weight.T + driven[:, t] - x) / self.tau
            if pushes is not None:
                x = x + pushes[:, t]
            r = self._rates(x)
            xs.append(x)
            rs.append(r)
        return torch.stack(xs, 1), torch.stack(rs, 1)

    def answers(self, inputs: Tensor) -> Tensor:
        """Outputs (B, T, outputs)."""
        return self.run(inputs)[1][..., : self.outputs]

    def _rates(self, x: Tensor) -> Tensor:
        r = torch.tanh(x)
        r[:, -1] = 1.0
        return r


def eligibility(x: Tensor, r: Tensor, trace: float) -> tuple[Tensor, Tensor]:
    """The two factors of what each connection may be praised or blamed for.

    e_ij = sum_t S(r_j(t-1) (x_i(t) - mean_i(t-1))), mean_i a running mean of x_i that keeps `trace`
    of itself per step, and S(z) = z**3: large excursions count, the drift back doesn't. The cube
    of a product is a product of cubes: post (B, T, size) and pre (B, T, size), e_ij = sum_t
    post_i pre_j.
    """
    mean, deviations = torch.zeros_like(x[:, 0]), []
    for now in x.unbind(1):
        deviations.append(now - mean)
        mean = trace * mean + (1 - trace) * now
    before = torch.cat([torch.zeros_like(r[:, :1]), r[:, :-1]], 1)
    return torch.stack(deviations, 1) ** 3, before**3


@torch.no_grad()
def fit_hebbian(
    network: RateNetwork,
    task: Task,
    config: HebbianConfig,
    *,
    kinds: Callable[[Examples], Tensor] | None = None,
) -> HebbianFitted:
    """Learn a task from one number per trial: how wrong its answers were on average.

    J += rate e expected (expected - error), where expected is the running mean of the errors of
    that kind of trial (kinds gives small numbers (B,); all are one kind unless given). Nothing of
    the gradient is known; the pushes try what happens.
    """
    if task.is_classification or task.is_symbolic:
        raise UsageError(f"{task.name} isn't of numbers; learn it through `fit`.")
    rng = torch.Generator().manual_seed(config.seed)
    expected: dict[int, float] = {}
    begun, errors = time.monotonic(), []
    score = partial(_score, network, task, config)
    for _ in config.numbers(score, task.is_better):
        examples = task.draw(config.batch_size, rng)
        shape = (*examples.inputs.shape[:2], network.size)
        hit = torch.rand(shape, generator=rng) < config.perturbed
        pushes = hit * config.push * (2 * torch.rand(shape, generator=rng) - 1)
        x, r = network.run(examples.inputs, pushes)
        error = _errors(r[..., : network.outputs], examples)
        kind = torch.zeros(len(error), dtype=torch.int64) if kinds is None else kinds(examples)
        praise = torch.zeros_like(error)
        for row, (k, e) in enumerate(zip(kind.tolist(), error.tolist(), strict=True)):
            mean = expected.setdefault(k, e)
            praise[row] = mean * (mean - e)
        for k, e in zip(kind.tolist(), error.tolist(), strict=True):
            expected[k] = config.memory * expected[k] + (1 - config.memory) * e
        post, pre = eligibility(x, r, config.trace)
        post = post * praise.view(-1, 1, 1)
        change = post.flatten(0, 1).T @ pre.flatten(0, 1) / len(error)
        limit = config.largest_change
        network.weight += (config.learning_rate * change).clamp(-limit, limit)
        errors.append(float(error.mean()))
    seconds = time.monotonic() - begun
    updates = len(errors)
    trials = updates * config.batch_size
    return HebbianFitted(score(), updates, trials, seconds, tuple(errors))


def _errors(answers: Tensor, examples: Examples) -> Tensor:
    """Mean absolute error over the taught steps of each row, (B,)."""
    wrong = (answers - examples.targets).abs().mean(-1) * examples.mask
    return wrong.sum(1) / examples.mask.sum(1)


def _score(network: RateNetwork, task: Task, config: HebbianConfig) -> float:
    examples = task.draw(config.tests, torch.Generator().manual_seed(TEST_SEED))
    return task.score(network.answers(examples.inputs), examples)


__all__ = ["HebbianConfig", "HebbianFitted", "RateNetwork", "eligibility", "fit_hebbian"]
