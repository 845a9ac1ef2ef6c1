"""Are residuals white?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.design.checks import as_series, check_order
from rnnmusic.filters.design.linear_prediction import autocorrelation
from rnnmusic.filters.forms import Reals


@dataclass(frozen=True, eq=False)
class LjungBox:
    """Q for 1, 2, ... lags (lags,), and how probable a larger one is of white noise.

    p_value is nan where there are no more lags than fitted coefficients.
    """

    statistic: Reals
    p_value: Reals


def ljung_box(residuals: Any, lags: int, fitted: int = 0) -> LjungBox:
    """The portmanteau test of Ljung and Box (Biometrika 65, 1978) for residuals (T,).

    Q(l) = T (T + 2) sum_(k <= l) r_k**2 / (T - k) is nearly chi-squared with l - fitted degrees of
    freedom, fitted being the number of coefficients p + q.
    Errors: InputError for residuals that are constant or not finite, UsageError for lags.
    """
    from scipy.stats import chi2

    values = as_series("residuals", residuals, least=2)
    lags = check_order("lags", lags)
    if lags >= len(values):
        raise UsageError(f"lags is {lags} for {len(values)} residuals; give fewer lags.")
    centred = values - values.mean()
    if not centred.any():
        raise InputError("The residuals are constant; there is nothing to test.")
    r = autocorrelation(centred / abs(centred).max(), lags)
    lag, count = np.arange(1, lags + 1), len(values)
    statistic = count * (count + 2) * np.cumsum((r[1:] / r[0]) ** 2 / (count - lag))
    freedom = lag - check_order("fitted", fitted, 0)
    p_value = np.where(freedom > 0, chi2.sf(statistic, np.maximum(freedom, 1)), np.nan)
    return LjungBox(statistic, p_value)
