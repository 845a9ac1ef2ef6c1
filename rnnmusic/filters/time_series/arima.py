"""ARIMA models fitted to a series by gradient descent from a closed-form start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnmusic.errors import InputError, RnnMusicError
from rnnmusic.filters.design import hannan_rissanen
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import (
    as_series,
    check_choice,
    check_equations,
    check_order,
)
from rnnmusic.filters.forms import Reals
from rnnmusic.filters.time_series.diagnostics import LjungBox, ljung_box
from rnnmusic.filters.time_series.likelihood import conditional, exact
from rnnmusic.filters.time_series.model import LIKELIHOODS, ArimaModel, Forecast, Likelihood
from rnnmusic.filters.time_series.parameters import LIMIT, coefficients, free_parameters


@dataclass(frozen=True, eq=False)
class ArimaFit:
    """A fitted model, the series it was fitted to, and how well it does."""

    model: ArimaModel
    series: Reals
    likelihood: Likelihood
    log_likelihood: float
    residuals: Reals
    parameters: int  # coefficients, the mean where fitted, and the variance

    @property
    def aic(self) -> float:
        """Akaike's criterion of the likelihood that was used; compare like with like."""
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion; it counts as many values as the likelihood does."""
        return self.parameters * float(np.log(len(self.residuals))) - 2 * self.log_likelihood

    def forecast(self, steps: int, *, coverage: float = 0.95) -> Forecast:
        """What comes after the series: `ArimaModel.forecast`."""
        return self.model.forecast(self.series, steps, coverage=coverage)

    def ljung_box(self, lags: int) -> LjungBox:
        """Whether the residuals are white up to so many lags: `diagnostics.ljung_box`."""
        return ljung_box(self.residuals, lags, len(self.model.phi) + len(self.model.theta))


@dataclass(frozen=True)
class Arima:
    """An ARIMA model to be fitted: p poles, d differences, q zeros.

    has_mean: whether the differenced series has a mean to fit, by default where d = 0.
    """

    p: int
    d: int = 0
    q: int = 0
    has_mean: bool | None = None

    def __post_init__(self) -> None:
        for name in ("p", "d", "q"):
            check_order(name, getattr(self, name), 0)

    @one_blas_thread()
    def fit(self, series: Any, likelihood: Likelihood = "exact") -> ArimaFit:
        """The most likely model of a series (T,), stationary and invertible.

        `exact` maximises the likelihood of all differenced values, as the Kalman filter gives it,
        `conditional` that of all but the first p (least squares). L-BFGS with exact gradients on
        partial autocorrelations, from Hannan and Rissanen's estimate; mean and variance
        are solved for at each step.
        Errors: InputError for series that are short, constant or not finite.
        """
        from scipy.optimize import minimize

        check_choice("likelihood", likelihood, LIKELIHOODS)
        values = as_series("series", series)
        has_mean = self.d == 0 if self.has_mean is None else self.has_mean
        unknowns = self.p + self.q + has_mean + 1
        check_equations(len(values) - self.d - max(self.p, self.q), unknowns + 1, "values")
        x = np.diff(values, self.d)
        # A sensible size keeps the search's steps sensible.
        shift, size = (float(x.mean()) if has_mean else 0.0), float(np.std(x))
        if size <= 1e-12 * abs(values).max():
            raise InputError(
                f"The series is constant after {self.d} differences; there is nothing to fit."
            )
        x = (x - shift) / size
        of = exact if likelihood == "exact" else conditional
        mean = None if has_mean else 0.0

        def cost(free: Reals) -> tuple[float, Reals]:
            phi, by_phi = coefficients(free[: self.p])
            minus_theta, by_theta = coefficients(free[self.p :])
            found = of(x, phi, -minus_theta, mean)
            slope = np.concatenate((found.by_phi @ by_phi, -found.by_theta @ by_theta))
            return -found.log_likelihood / len(x), -slope / len(x)

        best = np.zeros(self.p + self.q)
        if len(best):
            options = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9}
            bounds = [(-LIMIT, LIMIT)] * len(best)
            found = [
                minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
                for start in self._starts(x)
            ]
            best = min(found, key=lambda result: float(result.fun)).x
        phi, minus_theta = coefficients(best[: self.p])[0], coefficients(best[self.p :])[0]
        at_best = of(x, phi, -minus_theta, mean)
        model = ArimaModel(
            phi, -minus_theta, self.d, shift + size * at_best.mean, size**2 * at_best.variance
        )
        return ArimaFit(
            model,
            values,
            likelihood,
            at_best.log_likelihood - len(at_best.residuals) * float(np.log(size)),
            size * at_best.residuals,
            unknowns,
        )

    def _starts(self, x: Reals) -> list[Reals]:
        """Free parameters to search from: white noise, and the closed form where admissible."""
        starts = [np.zeros(self.p + self.q)]
        try:
            form = hannan_rissanen(x, self.p, self.q, stabilise=True)
        except RnnMusicError:  # too short a series for it
            return starts
        if form.b[0] == 0:  # no noise at all
            return starts
        phi = free_parameters(-form.a[1:])
        theta = free_parameters(-form.b[1:] / form.b[0])
        if phi is not None and theta is not None:
            starts.append(np.concatenate((phi, theta)))
        return starts
