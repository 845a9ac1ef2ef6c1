"""How likely a series is under an ARMA model, with its exact gradient.

The model is x[t] = sum phi_k x[t-k] + e[t] + sum theta_k e[t-k], e white of variance sigma**2. In
innovations form, s[t+1] = F s[t] + K e[t], x[t] = s[t][0] + e[t], the noise is the series run
backwards through the filter, less what the unknown first state s[0] adds to it:

    e = e0 - G s[0],  e0 = (phi / theta)(z) x,  G[:, i] = (1 / theta)(z) z**-i.

With s[0] of covariance sigma**2 P, P = F P F' + K K', what is left is linear regression: exact,
as the Kalman filter's likelihood is, at the cost of a few filters and matrices of size max(p, q)
(Ljung and Box, The likelihood function of stationary ARMA models, Biometrika 66, 1979).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnmusic.filters.forms import Reals


@dataclass(frozen=True)
class Evaluation:
    """A log-likelihood maximal over mean and variance, and its gradient."""

    log_likelihood: float
    by_phi: Reals
    by_theta: Reals
    mean: float
    variance: float
    residuals: Reals


@dataclass(frozen=True)
class FirstState:
    """What a series says of the state before it."""

    estimate: Reals  # (m,)
    covariance: Reals  # (m, m), in units of the noise's variance


def exact(
    series: Reals, phi: Reals, theta: Reals, mean: float | None, variance: float | None = None
) -> Evaluation:
    """The likelihood of all values (T,), for stationary phi; a mean or variance of None is fitted.

    The residuals (T,) are the noise given the expected first state.
    """
    inverse = _Inverse(series, phi, theta)
    g, w, covariance, m = inverse.g, inverse.w, inverse.covariance, inverse.m
    if mean is None:
        ones = inverse.noise(np.ones(len(series)))
        rest = ones - g @ (w @ (g.T @ ones))
        mean = _estimate(float(inverse.noise(series) @ rest), float(ones @ rest))
    e = inverse.noise(series - mean)
    v = g.T @ e
    state = w @ v
    residuals = e - g @ state
    count, square = len(series), float(e @ residuals)
    sigma2 = _variance(square / count, series) if variance is None else variance
    _, log_det = np.linalg.slogdet(m)
    total = count * np.log(2 * np.pi * sigma2) + log_det + square / sigma2
    # d square = 2 residuals (de - dG state) - u dP u, d log det M = 2 <G w, dG> + tr(M^-1 N dP)
    u = np.linalg.solve(m, v)
    by_p = np.linalg.solve(m, g.T @ g) - np.outer(u, u) / sigma2
    by_g = 2 * g @ w - (2 / sigma2) * np.outer(residuals, state)
    by_phi, by_theta = inverse.by_covariance(covariance, (by_p + by_p.T) / 2)
    slope_x, slope_e = inverse.smooth(series - mean), inverse.smooth(e)
    slope_g = inverse.smooth(g[:, 0]) if len(state) else e
    for j in range(1, len(phi) + 1):
        by_phi[j - 1] -= (2 / sigma2) * float(residuals[j:] @ slope_x[:-j])
    for j in range(1, len(theta) + 1):
        by_theta[j - 1] -= (2 / sigma2) * float(residuals[j:] @ slope_e[:-j])
        for i in range(min(len(state), count - j)):
            by_theta[j - 1] -= float(by_g[i + j :, i] @ slope_g[: count - i - j])
    return Evaluation(-total / 2, -by_phi / 2, -by_theta / 2, mean, sigma2, residuals)


def conditional(
    series: Reals, phi: Reals, theta: Reals, mean: float | None, variance: float | None = None
) -> Evaluation:
    """The likelihood of all values but the first p, given those and no noise before (Box-Jenkins).

    The residuals (T - p,) are the noise of the others.
    """
    from scipy.signal import lfilter

    p, ma = len(phi), np.concatenate(([1.0], theta))

    def noise(x: Reals) -> Reals:
        driven = np.convolve(np.concatenate(([1.0], -phi)), x)[p : len(x)]
        return np.asarray(lfilter([1.0], ma, driven), dtype=np.float64)

    if mean is None:
        ones = noise(np.ones(len(series)))
        mean = _estimate(float(noise(series) @ ones), float(ones @ ones))
    x = series - mean
    e = noise(x)
    count, square = len(e), float(e @ e)
    sigma2 = _variance(square / count, series) if variance is None else variance
    total = count * np.log(2 * np.pi * sigma2) + square / sigma2
    slope_e = lfilter([1.0], ma, e)
    by_phi = [-e @ lfilter([1.0], ma, x[p - j : len(x) - j]) for j in range(1, p + 1)]
    by_theta = [-e[j:] @ slope_e[: len(e) - j] for j in range(1, len(theta) + 1)]
    scale = -1 / sigma2
    return Evaluation(
        -total / 2, scale * np.array(by_phi), scale * np.array(by_theta), mean, sigma2, e
    )


def first_state(x: Reals, phi: Reals, theta: Reals) -> FirstState:
    """The state before a series (T,) of mean zero, given all of it."""
    inverse = _Inverse(x, phi, theta)
    return FirstState(inverse.w @ (inverse.g.T @ inverse.noise(x)), inverse.w)


def innovations_form(phi: Reals, theta: Reals) -> tuple[Reals, Reals]:
    """F (m, m) and K (m,), m = max(p, q): the state holds what the past adds to the future."""
    m = max(len(phi), len(theta))
    f, k = np.eye(m, k=1), np.zeros(m)
    f[: len(phi), :1] += phi[:, None]
    k[: len(phi)] += phi
    k[: len(theta)] += theta
    return f, k


def _variance(square: float, series: Reals) -> float:
    """A variance no smaller than rounding: a series may follow its past without any error."""
    return max(square, 1e-30 * float(np.mean(series**2)))


def _estimate(overlap: float, strength: float) -> float:
    """A mean; 0 where the model is a random walk, of which any mean is as likely."""
    return overlap / strength if strength > 0 else 0.0


class _Inverse:
    """The filter from series to noise, and what the first state has to do with it."""

    def __init__(self, series: Reals, phi: Reals, theta: Reals) -> None:
        self.ar, self.ma = np.concatenate(([1.0], -phi)), np.concatenate(([1.0], theta))
        self.f, self.k = innovations_form(phi, theta)
        size, count = len(self.k), len(series)
        impulse = np.zeros(count)
        impulse[0] = 1
        response = self.smooth(impulse)
        self.g = np.zeros((count, size))
        for i in range(min(size, count)):
            self.g[i:, i] = response[: count - i]
        self.covariance = _stationary(self.f, np.outer(self.k, self.k))
        self.m = np.eye(size) + self.g.T @ self.g @ self.covariance
        # The covariance of the first state given the series.
        w = np.linalg.solve(self.m.T, self.covariance)
        self.w: Reals = np.asarray((w + w.T) / 2, dtype=np.float64)
        self.orders = len(phi), len(theta)

    def noise(self, x: Reals) -> Reals:
        """(phi / theta)(z) x, from rest."""
        from scipy.signal import lfilter

        return np.asarray(lfilter(self.ar, self.ma, x), dtype=np.float64)

    def smooth(self, x: Reals) -> Reals:
        """(1 / theta)(z) x, from rest."""
        from scipy.signal import lfilter

        return np.asarray(lfilter([1.0], self.ma, x), dtype=np.float64)

    def by_covariance(self, covariance: Reals, slope: Reals) -> tuple[Reals, Reals]:
        """Gradients by phi and theta of something with this slope by P, through P = F P F' + K K'.

        The adjoint of that equation is Y = F' Y F + slope.
        """
        p, q = self.orders
        if not len(self.k):
            return np.zeros(0), np.zeros(0)
        adjoint = _stationary(self.f.T, slope)
        by_k = 2 * adjoint @ self.k
        by_f = 2 * (adjoint @ self.f @ covariance)[:, 0]
        return (by_f + by_k)[:p], by_k[:q].copy()


def _stationary(f: Reals, q: Reals) -> Reals:
    """The P of P = F P F' + Q."""
    from scipy.linalg import solve_discrete_lyapunov

    if not len(f):
        return np.zeros((0, 0))
    return np.asarray(solve_discrete_lyapunov(f, q), dtype=np.float64)
