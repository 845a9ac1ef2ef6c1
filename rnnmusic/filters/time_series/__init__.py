"""Time series as linear recurrences driven by noise: autoregressions, ARIMA, forecasts.

An AR model is the simplest linear recurrent network: its state is the last values, its output the
prediction of the next. `ar` solves for its weights; gradient descent on the same squared error
comes to the same ones.
"""

from __future__ import annotations

from rnnmusic.filters.time_series.arima import Arima, ArimaFit
from rnnmusic.filters.time_series.autoregression import ar
from rnnmusic.filters.time_series.diagnostics import LjungBox, ljung_box
from rnnmusic.filters.time_series.likelihood import Evaluation
from rnnmusic.filters.time_series.model import ArimaModel, Forecast

__all__ = [
    "Arima",
    "ArimaFit",
    "ArimaModel",
    "Evaluation",
    "Forecast",
    "LjungBox",
    "ar",
    "ljung_box",
]
