"""What the cells of a network do along a piece, under the piano-roll that moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnnmusic.inspection import Cells, CellView
from rnnmusic.plots.music import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_INCHES = 13.0
SHOWN_UNITS = 5  # units that follow a feature, drawn as lines
FEATURE_INCHES = 0.55


def plot_cells(cells: Cells, roll: NDArray[np.uint8], *, title: str = "") -> Figure:
    """Draw for each layer the piano-roll, the units that follow the music best beside what they
    follow, all units as a heat map, the saturation of its gates and the gradient by lag.

    roll: the steps (T, F), drawn with the lowest column at the bottom. Returns a matplotlib figure
    that no window shows.
    """
    from matplotlib.figure import Figure

    heights: list[float] = [1.6]
    for layer in cells.layers:
        heights += [FEATURE_INCHES * max(1, len(layer.tracked[:SHOWN_UNITS])), 1.7, 1.9]
    size = (WIDTH_INCHES, sum(heights) + 0.35 * len(heights))
    figure = Figure(figsize=size, dpi=110, facecolor="white")
    figure.set_layout_engine("constrained", h_pad=0.04)
    if title:
        figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=13, parse_math=False)
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    first = figure.add_subplot(grid[0, :])
    first.imshow(roll.T, aspect="auto", origin="lower", cmap="Greys", interpolation="nearest")
    _plain(first, "what it hears, one step before it predicts")
    for number, layer in enumerate(cells.layers):
        row = 1 + 3 * number
        lines = figure.add_subplot(grid[row, :], sharex=first)
        _followers(lines, layer, cells)
        heat = figure.add_subplot(grid[row + 1, :], sharex=first)
        order = np.argsort(layer.tracked[0].shares) if layer.tracked else slice(None)
        spread = np.abs(layer.outputs).max(axis=0)
        scaled = layer.outputs / np.where(spread > 0, spread, 1.0)
        heat.imshow(
            scaled[:, order].T, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, origin="lower",
            interpolation="nearest",
        )  # fmt: skip
        by = f", ordered by how they follow {layer.tracked[0].feature}" if layer.tracked else ""
        _plain(heat, f"{layer.name}: all units{by}")
        _saturation(figure.add_subplot(grid[row + 2, 0]), layer)
        _gradient(figure.add_subplot(grid[row + 2, 1]), layer)
    return figure


def _followers(axes: Axes, layer: CellView, cells: Cells) -> None:
    """The best unit of each feature over what it follows, a band for each."""
    values = {feature.name: feature.values for feature in cells.features}
    shown = layer.tracked[:SHOWN_UNITS]
    labels = []
    for band, found in enumerate(reversed(shown)):
        axes.plot(band + 0.8 * _scaled(values[found.feature]), color=FAINT, linewidth=1.2)
        line = layer.outputs[:, found.unit]
        axes.plot(band + 0.8 * _scaled(line), color=COLOURS[band % len(COLOURS)], linewidth=1.0)
        labels.append(f"{found.feature}: unit {found.unit}, {found.shares[found.unit]:.0%}")
    axes.set_yticks([band + 0.4 for band in range(len(shown))], labels)
    _plain(axes, f"{layer.name}: units that follow the music (grey)", keep_ticks=True)


def _saturation(axes: Axes, layer: CellView) -> None:
    for gate, colour in zip(layer.gates, COLOURS * len(layer.gates), strict=False):
        axes.scatter(gate.shut, gate.open, s=9, color=colour, linewidths=0, label=gate.name)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.plot([0, 1], [1, 0], color=FAINT, linewidth=0.8, zorder=0)
    if layer.gates:
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    told = "share of the piece shut (across) and open (up)" if layer.gates else "no gates"
    _plain(axes, f"gates: {told}", keep_ticks=True)


def _gradient(axes: Axes, layer: CellView) -> None:
    if layer.gradient is not None:
        norm = layer.gradient.norm
        shown = norm > 0
        axes.semilogy(np.flatnonzero(shown), norm[shown], color=COLOURS[0], linewidth=1.4)
        factor = layer.gradient.per_step
        told = "" if factor is None else f": x {factor:.3f} a step"
        _plain(axes, f"norm of the gradient by lag, steps{told}", keep_ticks=True)
    else:
        _plain(axes, "gradient: see the layer around it")


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Between 0 and 1; what isn't known stays unknown."""
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    return np.asarray((values - low) / (high - low if high > low else 1.0))


def _plain(axes: Axes, title: str, *, keep_ticks: bool = False) -> None:
    axes.set_title(title, loc="left", fontsize=9, color=INK, parse_math=False)
    axes.tick_params(length=0, colors=INK, labelsize=8)
    if not keep_ticks:
        axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
