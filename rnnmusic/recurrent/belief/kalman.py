"""Kalman's filter and the smoother of Rauch, Tung and Striebel, exact also where nothing is known.

A start about which nothing is known (a diffuse one) isn't a large variance, which loses digits:
the mean is carried as a function of the unknown numbers d, mean = m + M d, and what is seen
determines them by least squares (de Jong 1991). The filter for m and M is the same one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from rnnmusic.errors import InputError, UsageError


class LinearGaussian(NamedTuple):
    """x_1 ~ N(mean, covariance), x_t = A x_(t-1) + N(0, Q), y_t = C x_t + N(0, R).

    transition A (n, n), observation C (m, n), process_noise Q (n, n), observation_noise R (m, m),
    mean (n,), covariance (n, n). diffuse (n, d): directions in which nothing is known of x_1; None:
    it is known in all. Tensors of one dtype, float64 where digits matter.
    """

    transition: Tensor
    observation: Tensor
    process_noise: Tensor
    observation_noise: Tensor
    mean: Tensor
    covariance: Tensor
    diffuse: Tensor | None = None


class Filtered(NamedTuple):
    """Beliefs over time given the past. log_likelihood (B,): log p(y), diffuse where the start is.

    predicted_mean (B, T, n, 1 + d): of x_t before y_t: m, and the columns of M; mean likewise after
    y_t. predicted_covariance and covariance (B, T, n, n), given d. unknown (B, d) and
    unknown_covariance (B, d, d): what all of y says of d.
    """

    log_likelihood: Tensor
    predicted_mean: Tensor
    predicted_covariance: Tensor
    mean: Tensor
    covariance: Tensor
    unknown: Tensor
    unknown_covariance: Tensor


class Smoothed(NamedTuple):
    """Beliefs given all of y: mean (B, T, n), covariance (B, T, n, n).

    cross (B, T - 1, n, n): the covariances of x_(t+1) and x_t.
    """

    mean: Tensor
    covariance: Tensor
    cross: Tensor


def update(
    mean: Tensor, covariance: Tensor, error: Tensor, observation: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Take an observation into account, in Joseph's form: symmetric and positive after rounding.

    mean (B, n, k), covariance (B, n, n), error (B, m, k) = y - C mean, observation C (m, n) or
    (B, m, n), noise R (m, m). Returns the mean, the covariance, the error whitened (B, m, k), and
    log |S| (B,) of its covariance S.
    """
    factor = torch.linalg.cholesky(observation @ covariance @ observation.mT + noise)
    whitened = torch.linalg.solve_triangular(factor, error, upper=False)
    gain = torch.cholesky_solve(observation @ covariance, factor).mT
    rest = torch.eye(mean.shape[1], dtype=mean.dtype, device=mean.device) - gain @ observation
    after = rest @ covariance @ rest.mT + gain @ noise @ gain.mT
    log_size = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1)
    return mean + gain @ error, 0.5 * (after + after.mT), whitened, log_size


def filter(model: LinearGaussian, y: Tensor, lengths: Tensor | None = None) -> Filtered:
    """Kalman's filter over y (B, T, m); beliefs from lengths (B,) on are those of no observation.

    UsageError for shapes that don't fit; InputError where a row is too short to determine what is
    unknown of its start.
    """
    _check(model, y)
    batch, time, count = y.shape
    n = len(model.mean)
    unknown = 0 if model.diffuse is None else model.diffuse.shape[1]
    columns = [model.mean.unsqueeze(1)] + ([] if model.diffuse is None else [model.diffuse])
    mean = torch.cat(columns, 1).expand(batch, n, 1 + unknown)
    covariance = model.covariance.expand(batch, n, n)
    log_p = y.new_zeros(batch)
    # Sums of V'V over the whitened errors V (m, 1 + d): of the least-squares problem for d.
    squares = y.new_zeros(batch, 1 + unknown, 1 + unknown)
    beliefs: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for t in range(time):
        if t:
            mean = model.transition @ mean
            covariance = model.transition @ covariance @ model.transition.T + model.process_noise
        seen = torch.cat([y[:, t].unsqueeze(2), y.new_zeros(batch, count, unknown)], 2)
        error = seen - model.observation @ mean
        after, spread, whitened, log_size = update(
            mean, covariance, error, model.observation, model.observation_noise
        )
        if lengths is not None:
            alive = (t < lengths).view(-1, 1, 1)
            after = torch.where(alive, after, mean)
            spread = torch.where(alive, spread, covariance)
            whitened = torch.where(alive, whitened, 0.0)
            log_size = torch.where(alive.view(-1), log_size + count * _LOG_2_PI, 0.0)
        else:
            log_size = log_size + count * _LOG_2_PI
        beliefs.append((mean, covariance, after, spread))
        squares = squares + whitened.mT @ whitened
        log_p = log_p - 0.5 * log_size
        mean, covariance = after, spread
    log_p, found, found_covariance = _solve(log_p, squares)
    before, before_spread, after, after_spread = (
        torch.stack(part, 1) for part in zip(*beliefs, strict=True)
    )
    return Filtered(log_p, before, before_spread, after, after_spread, found, found_covariance)


def smooth(
    model: LinearGaussian, y: Tensor, lengths: Tensor | None = None
) -> tuple[Smoothed, Filtered]:
    """Beliefs given all of y (B, T, m) (Rauch, Tung and Striebel 1965), and those of the filter."""
    found = filter(model, y, lengths)
    mean, covariance = found.mean[:, -1], found.covariance[:, -1]
    means, covariances, crosses = [mean], [covariance], list[Tensor]()
    for t in range(y.shape[1] - 2, -1, -1):
        ahead, ahead_mean = found.predicted_covariance[:, t + 1], found.predicted_mean[:, t + 1]
        # C = P A' ahead^-1; a covariance of rank less than n has no inverse, but a pseudo-inverse.
        moved = model.transition @ found.covariance[:, t]
        gain = (torch.linalg.pinv(ahead, hermitian=True) @ moved).mT
        crosses.append(covariance @ gain.mT)
        mean = found.mean[:, t] + gain @ (mean - ahead_mean)
        covariance = found.covariance[:, t] + gain @ (covariance - ahead) @ gain.mT
        means.append(mean)
        covariances.append(covariance)
    mean, covariance = torch.stack(means[::-1], 1), torch.stack(covariances[::-1], 1)
    n = len(model.mean)
    cross = torch.stack(crosses[::-1], 1) if crosses else covariance.new_zeros(len(y), 0, n, n)
    # mean = m + M d with d ~ N(unknown, unknown_covariance).
    slopes, spread = mean[..., 1:], found.unknown_covariance.unsqueeze(1)
    return (
        Smoothed(
            mean[..., 0] + (slopes @ found.unknown[:, None, :, None])[..., 0],
            covariance + slopes @ spread @ slopes.mT,
            cross + slopes[:, 1:] @ spread @ slopes[:, :-1].mT,
        ),
        found,
    )


_LOG_2_PI = math.log(2 * math.pi)


def _solve(log_p: Tensor, squares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log p(y) (B,), and mean and covariance of d, from the sums of the filter."""
    s, cross = squares[:, 1:, 1:], squares[:, 1:, :1]
    log_p = log_p - 0.5 * squares[:, 0, 0]
    if not s.shape[1]:
        return log_p, cross[..., 0], s
    factor, failed = torch.linalg.cholesky_ex(s)
    if failed.any():
        raise InputError(
            "The observations don't determine the start of every row; give longer rows, or a model "
            "with fewer diffuse directions."
        )
    # V'V holds the slopes of errors, which fall where the mean rises: hence the sign.
    found = -torch.cholesky_solve(cross, factor)[..., 0]
    gained = (cross * torch.cholesky_solve(cross, factor)).sum((1, 2))
    log_size = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1)
    return log_p + 0.5 * (gained - log_size), found, torch.cholesky_inverse(factor)


def _check(model: LinearGaussian, y: Tensor) -> None:
    m, n = model.observation.shape
    wanted = ((n, n), (m, n), (n, n), (m, m), (n,), (n, n))
    given = tuple(tuple(part.shape) for part in model[:6])
    if given != wanted:
        raise UsageError(f"A model of shapes {given} doesn't fit together; give {wanted}.")
    if y.dim() != 3 or y.shape[2] != m or not y.shape[1]:
        raise UsageError(
            f"Observations {tuple(y.shape)} don't fit a model of {m} values per step; give "
            f"(rows, steps, {m})."
        )
