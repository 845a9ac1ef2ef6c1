"""ARIMA models with known coefficients: filters, likelihoods, forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rnnmusic.errors import UsageError
from rnnmusic.filters.design.checks import (
    as_series,
    check_choice,
    check_equations,
    check_order,
)
from rnnmusic.filters.forms import Reals, TransferFunction
from rnnmusic.filters.time_series.likelihood import (
    Evaluation,
    conditional,
    exact,
    first_state,
    innovations_form,
)

Likelihood = Literal["exact", "conditional"]
LIKELIHOODS: tuple[Likelihood, ...] = ("exact", "conditional")


@dataclass(frozen=True, eq=False)
class Forecast:
    """What comes next: expected values (steps,), their variances, and an interval around each."""

    mean: Reals
    variance: Reals
    lower: Reals
    upper: Reals
    coverage: float


@dataclass(frozen=True, eq=False)
class ArimaModel:
    """x[t] - mean = sum phi_k (x[t-k] - mean) + e[t] + sum theta_k e[t-k].

    x is the series differenced so many times, e white noise of a variance. mean is therefore the
    slope of a series differenced once. As in statsmodels, phi are those of the prediction:
    the filter's denominator is 1 - sum phi_k z**-k.
    """

    phi: Reals
    theta: Reals
    differences: int
    mean: float
    variance: float

    def noise_filter(self) -> TransferFunction:
        """The filter that turns white noise of variance 1 into the differenced series' motion."""
        b = np.sqrt(self.variance) * np.concatenate(([1.0], self.theta))
        return TransferFunction(b, np.concatenate(([1.0], -self.phi)))

    def psi_weights(self, count: int) -> Reals:
        """What a unit of noise adds to the undifferenced series 0, 1, ... steps later (count,)."""
        from scipy.signal import lfilter

        impulse = np.zeros(check_order("count", count))
        impulse[0] = 1
        b, a = np.concatenate(([1.0], self.theta)), np.concatenate(([1.0], -self.phi))
        return _integrated(np.asarray(lfilter(b, a, impulse), dtype=np.float64), self.differences)

    def evaluate(self, series: Any, likelihood: Likelihood = "exact") -> Evaluation:
        """How likely a series (T,) is under this model: log-likelihood and residuals.

        `exact` is the likelihood of all differenced values, `conditional` that given the first p.
        Errors: InputError for series that are short or not finite, UsageError where the exact
        likelihood is asked of a model that isn't stationary.
        """
        check_choice("likelihood", likelihood, LIKELIHOODS)
        x = self._differenced(series)
        if likelihood == "conditional":
            return conditional(x, self.phi, self.theta, self.mean, self.variance)
        if not self.is_stationary():
            raise UsageError(
                "The model isn't stationary, so its exact likelihood doesn't exist; ask for the "
                "conditional one."
            )
        return exact(x, self.phi, self.theta, self.mean, self.variance)

    def is_stationary(self) -> bool:
        """Whether all poles lie inside the unit circle."""
        return bool((abs(np.roots(np.concatenate(([1.0], -self.phi)))) < 1).all())

    def forecast(self, series: Any, steps: int, *, coverage: float = 0.95) -> Forecast:
        """The next values of a series (T,), as the model has it.

        The expectation given all values, and its variance, the sum of squared psi weights plus
        what remains unknown of the first state; the interval is that of a Gaussian, and takes the
        coefficients for certain (Box and Jenkins, Time Series Analysis, 2015, section 5.1).
        Errors: InputError for series that are short or not finite, UsageError otherwise.
        """
        from scipy.special import ndtri

        steps = check_order("steps", steps)
        if not 0 < coverage < 1:
            raise UsageError(f"coverage is {coverage!r}; give a share between 0 and 1, as 0.95.")
        values = as_series("series", series)
        x = self._differenced(values) - self.mean
        f, _ = innovations_form(self.phi, self.theta)
        state, unknown = self._last_state(x)
        paths = np.zeros((steps, len(f)))  # what each state adds to each step
        row = np.eye(1, len(f))[0]
        for step in range(steps):
            paths[step], row = row, row @ f
        mean = self.mean + paths @ state
        for level in range(self.differences - 1, -1, -1):
            mean = np.diff(values, level)[-1] + np.cumsum(mean)
        paths = _integrated(paths, self.differences)
        spread = np.cumsum(self.psi_weights(steps) ** 2)
        spread += np.einsum("hi,ij,hj->h", paths, unknown, paths)
        variance = self.variance * spread
        width = ndtri((1 + coverage) / 2) * np.sqrt(variance)
        return Forecast(mean, variance, mean - width, mean + width, coverage)

    def _differenced(self, series: Any) -> Reals:
        values = as_series("series", series)
        least = self.differences + max(len(self.phi), len(self.theta)) + 1
        check_equations(len(values), least, "values of a series")
        return np.diff(values, self.differences)

    def _last_state(self, x: Reals) -> tuple[Reals, Reals]:
        """The state after a series of mean zero, and its covariance given the series."""
        f, k = innovations_form(self.phi, self.theta)
        size, count = len(k), len(x)
        noise, unknown = np.zeros(count), np.zeros((size, size))
        if len(self.theta):
            from scipy.signal import lfilter

            first = first_state(x, self.phi, self.theta)
            driven = np.convolve(np.concatenate(([1.0], -self.phi)), x)[:count]
            driven[:size] -= first.estimate
            noise = lfilter([1.0], np.concatenate(([1.0], self.theta)), driven)
            # F - K Z, to the power of the series' length: what is left of the first state.
            left = np.linalg.matrix_power(f - np.outer(k, np.eye(1, size)[0]), count)
            unknown = left @ first.covariance @ left.T
        state = np.zeros(size)
        for lag, c in enumerate(self.phi, 1):
            state[:lag] += c * x[count - lag : count]
        for lag, c in enumerate(self.theta, 1):
            state[:lag] += c * noise[count - lag : count]
        return state, unknown


def _integrated(values: Reals, times: int) -> Reals:
    for _ in range(times):
        values = np.cumsum(values, axis=0)
    return values
