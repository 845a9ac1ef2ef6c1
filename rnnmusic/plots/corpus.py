"""One page of a corpus: what its music is like and what a model has to learn from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from rnnmusic.corpus.columns import PERCENTILES, BinaryColumns, CategoricalColumns, RealColumns
from rnnmusic.corpus.histograms import Histogram, plain
from rnnmusic.corpus.statistics import Statistics
from rnnmusic.plots.music import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

BLUE, RED, GREEN, PURPLE = COLOURS[:4]
PANEL_INCHES = (4.4, 2.7)
PANELS_IN_ROW = 3
MOST_TICKS = 9
LEAST_SHARE = 2e-4  # of the time: fewer notes at once than this aren't drawn

Panel = Callable[["Axes"], None]


def plot_statistics(statistics: Statistics, *, title: str | None = None) -> Figure:
    """Draw the histograms of a corpus, a panel for each, on one page.

    Shares are in percent of what the panel says is counted. The title is the corpus's name unless
    given. Returns a matplotlib figure that no window shows.
    """
    from matplotlib.figure import Figure

    panels = _panels(statistics)
    columns = statistics.columns
    drawn = len(panels) + (0 if isinstance(columns, CategoricalColumns) else 1)
    rows = -(-drawn // PANELS_IN_ROW)
    factors = len(columns.factors) if isinstance(columns, CategoricalColumns) else 0
    width, height = PANEL_INCHES
    figure = Figure(
        figsize=(width * PANELS_IN_ROW, height * (rows + (1 if factors else 0)) + 0.6),
        dpi=120,
        layout="constrained",
        facecolor="white",
    )
    figure.suptitle(
        _heading(statistics, title),
        x=0.012,
        ha="left",
        color=INK,
        fontsize=14,
        fontweight="bold",
        parse_math=False,
    )
    upper, lower = figure, None
    if factors:
        upper, lower = figure.subfigures(2, 1, height_ratios=(rows, 1))  # type: ignore[assignment]
    grid = upper.subplots(rows, PANELS_IN_ROW, squeeze=False).flat
    for axes, panel in zip(grid, panels, strict=False):
        panel(axes)
    for axes in list(grid)[len(panels) :]:
        axes.remove()
    return figure
