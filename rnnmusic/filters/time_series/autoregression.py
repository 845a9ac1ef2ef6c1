"""Autoregressions in closed form."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rnnmusic.errors import InputError
from rnnmusic.filters.design import lpc
from rnnmusic.filters.design.algebra import least_squares
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import (
    as_series,
    check_choice,
    check_equations,
    check_order,
)
from rnnmusic.filters.forms import Reals
from rnnmusic.filters.time_series.arima import ArimaFit
from rnnmusic.filters.time_series.likelihood import conditional
from rnnmusic.filters.time_series.model import ArimaModel

Method = Literal["least_squares", "yule_walker", "burg"]


@one_blas_thread()
def ar(
    series: Any, order: int, method: Method = "least_squares", *, has_mean: bool = True
) -> ArimaFit:
    """An autoregression x[t] = mean + sum phi_k (x[t-k] - mean) + e[t] of a series (T,).

    `least_squares` regresses each value on the `order` before it, and is what gradient descent on
    the squared error of one-step predictions tends to; it may be unstable. `yule_walker` solves for
    the biased autocorrelation, `burg` for reflection coefficients; both are stable, and take the
    average for the mean. The likelihood reported is the conditional one.
    Errors: InputError for series that are short, constant or not finite.
    """
    check_choice("method", method, ("least_squares", "yule_walker", "burg"))
    order = check_order("order", order)
    values = as_series("series", series)
    check_equations(len(values) - order, order + 2, "values beyond the first `order`")
    if np.ptp(values) == 0:
        raise InputError("The series is constant; there is nothing to predict.")
    mean = float(values.mean()) if has_mean else 0.0
    if method == "least_squares":
        phi, mean = _regressed(values, order, mean, has_mean)
    else:
        form = lpc(values - mean, order, "burg" if method == "burg" else "autocorrelation")
        phi = -form.a[1:]
    found = conditional(values, phi, np.zeros(0), mean)
    return ArimaFit(
        ArimaModel(phi, np.zeros(0), 0, mean, found.variance),
        values,
        "conditional",
        found.log_likelihood,
        found.residuals,
        order + has_mean + 1,
    )


def _regressed(values: Reals, order: int, near: float, has_mean: bool) -> tuple[Reals, float]:
    # Near its mean, the intercept is small, and the equations are well-conditioned.
    windows = sliding_window_view(values - near, order + 1)[:, ::-1]
    ones = np.ones((len(windows), 1 if has_mean else 0))
    found = least_squares(np.hstack((windows[:, 1:], ones)), windows[:, 0])
    phi, intercept = found[:order], float(found[order:].sum())
    left = 1 - float(phi.sum())
    if has_mean and left == 0:
        raise InputError("The series is a random walk with drift; difference it first.")
    return phi, near + intercept / left if has_mean else 0.0
