"""State space models that aren't linear: the extended Kalman filter, and what particles need."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator as Rng
from torch import Tensor

from rnnmusic.recurrent.belief.kalman import LinearGaussian, update


class Belief(NamedTuple):
    """log_likelihood (B,); mean (B, T, n) and covariance (B, T, n, n) of x_t given y_1..y_t."""

    log_likelihood: Tensor
    mean: Tensor
    covariance: Tensor


@dataclass(frozen=True, eq=False)
class NonlinearGaussian:
    """x_1 ~ N(mean, covariance), x_t = f(x_(t-1)) + N(0, Q), y_t = g(x_t) + N(0, R).

    transition f: (..., n) -> (..., n). observation g: (..., n) -> (..., m). process_noise Q (n, n),
    observation_noise R (m, m), mean (n,), covariance (n, n): positive definite.
    """

    transition: Callable[[Tensor], Tensor]
    observation: Callable[[Tensor], Tensor]
    process_noise: Tensor
    observation_noise: Tensor
    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, model: LinearGaussian) -> NonlinearGaussian:
        """A linear model in this form."""
        return cls(
            lambda x: x @ model.transition.T,
            lambda x: x @ model.observation.T,
            model.process_noise,
            model.observation_noise,
            model.mean,
            model.covariance,
        )

    def begin(self, rows: int, count: int, rng: Rng) -> Tensor:
        """Draw x_1: (rows, count, n)."""
        return self.mean + _noise(self.covariance, (rows, count), rng)

    def move(self, x: Tensor, rng: Rng) -> Tensor:
        """Draw the next x of x (..., n)."""
        return self.transition(x) + _noise(self.process_noise, x.shape[:-1], rng)

    def expect(self, x: Tensor) -> Tensor:
        """The mean of the next x of x (..., n)."""
        return self.transition(x)

    def log_prob(self, y: Tensor, x: Tensor) -> Tensor:
        """log p(y | x) of y (..., m) and x (..., n): (...)."""
        factor: Tensor = torch.linalg.cholesky(self.observation_noise)
        error = (y - self.observation(x)).unsqueeze(-1)
        whitened: Tensor = torch.linalg.solve_triangular(factor, error, upper=False).squeeze(-1)
        log_size = 2 * factor.diagonal().log().sum() + len(factor) * math.log(2 * math.pi)
        return -0.5 * (whitened.square().sum(-1) + log_size)


def extended_kalman_filter(model: NonlinearGaussian, y: Tensor) -> Belief:
    """Kalman's filter along the model's slopes (Jazwinski 1970), over y (B, T, m).

    Exact where f and g are linear; elsewhere a Gaussian that is as good as they are straight over
    the width of the belief. Its log_likelihood is then neither exact nor a bound.
    """
    slope_of_move = torch.func.vmap(torch.func.jacrev(model.transition))
    slope_of_view = torch.func.vmap(torch.func.jacrev(model.observation))
    mean = model.mean.expand(len(y), -1)
    covariance = model.covariance.expand(len(y), *model.covariance.shape)
    log_p = y.new_zeros(len(y))
    means, covariances = [], []
    for t in range(y.shape[1]):
        if t:
            a = slope_of_move(mean)
            mean, covariance = model.transition(mean), a @ covariance @ a.mT + model.process_noise
        error = (y[:, t] - model.observation(mean)).unsqueeze(2)
        after, covariance, whitened, log_size = update(
            mean.unsqueeze(2), covariance, error, slope_of_view(mean), model.observation_noise
        )
        mean = after.squeeze(2)
        constant = y.shape[2] * math.log(2 * math.pi)
        log_p = log_p - 0.5 * (whitened.square().sum((1, 2)) + log_size + constant)
        means.append(mean)
        covariances.append(covariance)
    return Belief(log_p, torch.stack(means, 1), torch.stack(covariances, 1))


def _noise(covariance: Tensor, shape: tuple[int, ...], rng: Rng) -> Tensor:
    """Draws (*shape, n) of N(0, covariance)."""
    factor: Tensor = torch.linalg.cholesky(covariance)
    drawn = torch.randn(*shape, len(factor), generator=rng, dtype=factor.dtype)
    return drawn @ factor.T
