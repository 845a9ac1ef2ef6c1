"""Rows of the diagonal family."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from rnnmusic.filters.time_series import Arima, ar
from rnnmusic.flavours.music import jsb_row
from rnnmusic.flavours.on_tasks import learned
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.learning import FitConfig
from rnnmusic.recurrent.diagonal import Arma
from rnnmusic.tasks import SelectiveCopy

# Luteinising hormone in blood every ten minutes (Diggle 1990), R's series `lh`, in tenths.
_LH = """
24 24 24 22 21 15 23 23 25 20 19 17 22 18 32 32 27 22 22 19 19 18 27 30
23 20 20 29 29 27 27 23 26 24 18 17 15 14 21 33 35 35 31 26 21 34 30 29
"""
# What R's arima(lh, order = c(3, 0, 0)) prints: coefficients, variance, log-likelihood.
_OF_R = ("0.6448", "-0.0634", "-0.2198", "0.1787", "-27.09")


def by_gradient(series: Any, order: int, *, updates: int = 100) -> Any:
    """phi (order,) of the series (T,) by L-BFGS on an `Arma` layer's squared errors.

    As in least squares, the first `order` values are given, and the mean is theirs.
    """
    torch.manual_seed(0)
    layer = Arma(1, 1, p=order, q=0, max_radius=1.0).double()
    with torch.no_grad():
        layer.input_weight.fill_(1.0)
        layer.autoregressive.zero_()
    mean = torch.zeros((), dtype=torch.float64, requires_grad=True)
    x = torch.from_numpy(np.asarray(series, dtype=np.float64)).view(1, -1, 1)
    level, spread = x.mean(), x.std()
    x = (x - level) / spread
    optimizer = torch.optim.LBFGS(
        [layer.autoregressive, mean],
        max_iter=updates,
        tolerance_grad=1e-12,
        tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )

    def loss() -> float:
        optimizer.zero_grad()
        y, _ = layer(x - mean)
        total = (y[:, order - 1 : -1] - (x - mean)[:, order:]).square().mean()
        total.backward()
        return float(total.detach())

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return layer.coefficients()[0][0].numpy()


def _lh(setting: Setting) -> Measured:
    began, series = time.monotonic(), np.array(_LH.split(), dtype=np.float64) / 10
    fit = Arima(3).fit(series)
    found = (*fit.model.phi, fit.model.variance, fit.log_likelihood)
    printed = [
        f"{value:.{len(wanted.split('.')[1])}f}" for value, wanted in zip(found, _OF_R, strict=True)
    ]
    different = sum(ours != theirs for ours, theirs in zip(printed, _OF_R, strict=True))
    exact = ar(series, 3).model.phi
    apart = float(np.abs(by_gradient(series, 3) - exact).max())
    note = f"{', '.join(printed)}; the layer by gradient is {apart:.0e} from least squares"
    return Measured(float(different), 5, time.monotonic() - began, note)


ROWS: list[Row] = [
    Row(
        "arma",
        "diagonal",
        "lh",
        "figures of R's AR(3), of 5, that differ as printed",
        _lh,
        limit=0.0,
        source="R's arima, series lh",
        paper=0.0,
    ),
    jsb_row("lru", "diagonal", limit=8.60),
    jsb_row("mingru", "diagonal", limit=8.60),
    # The paper's 16 symbols of 16 kinds in 4,096 steps take more than the minutes of a row.
    Row(
        "mingru",
        "diagonal",
        "selective-copy-64",
        "accuracy",
        learned(
            "mingru",
            SelectiveCopy(64, symbols=8, remembered=4),
            64,
            FitConfig(
                updates=4000,
                seconds=290,
                learning_rate=5e-3,
                final_rate=0.05,
                target=0.997,
                check_every=200,
            ),
            FitConfig(updates=2000, seconds=15, learning_rate=5e-3, target=0.995, check_every=50),
            layers=2,
            quick_task=SelectiveCopy(10, symbols=4, remembered=2),
        ),
        limit=0.99,
        better="higher",
        paper=0.995,
        source="Feng et al. 2024, 3 layers",
    ),
]
