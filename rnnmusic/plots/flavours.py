"""The table of flavours as a picture: ours beside the papers', a panel for each measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnmusic.plots.music import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED = COLOURS[:2]
ROW_INCHES = 0.24
LOG_FROM = 30.0  # panels whose figures differ by this factor have a logarithmic axis


def plot_flavours(rows: Sequence[dict[str, Any]]) -> Figure:
    """Draw rows (as `Outcome.to_dict` makes them) that were measured: a dot for ours, a ring for
    the paper's, a line at the limit. One panel for each task and measure.

    Returns a matplotlib figure that no window shows.
    """
    from matplotlib.figure import Figure

    panels: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row["value"] is not None:
            panels.setdefault((row["task"], row["measure"]), []).append(row)
    heights = [1.6 + len(panel) for panel in panels.values()] or [1.0]
    size = (8.0, max(2.0, ROW_INCHES * sum(heights) + 0.45 * len(heights)))
    figure = Figure(figsize=size, dpi=120, facecolor="white")
    figure.set_layout_engine("constrained", h_pad=0.06)
    if not panels:
        figure.text(0.5, 0.5, "nothing was measured", ha="center", color=INK)
        return figure
    grid = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, ((task, measure), panel) in zip(grid[:, 0], panels.items(), strict=True):
        _panel(axes, panel, f"{task}: {measure}")
    return figure


def _panel(axes: Axes, rows: list[dict[str, Any]], title: str) -> None:
    rows = sorted(rows, key=lambda row: row["value"], reverse=rows[0]["better"] == "lower")
    for place, row in enumerate(rows):
        axes.axhline(place, color=FAINT, linewidth=0.6, zorder=0)
        if row["limit"] is not None:
            axes.plot([row["limit"]] * 2, [place - 0.4, place + 0.4], color=RED, linewidth=1.4)
        if row["paper"] is not None:
            axes.plot(row["paper"], place, "o", markerfacecolor="none", color=INK, markersize=6)
        axes.plot(row["value"], place, "o", color=BLUE, markersize=5)
    figures = [row[key] for row in rows for key in ("value", "limit", "paper") if row[key]]
    if figures and min(figures) > 0 and max(figures) > LOG_FROM * min(figures):
        axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [row["flavour"] for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_title(title, loc="left", fontsize=9, color=INK, parse_math=False)
    axes.tick_params(length=0, colors=INK, labelsize=8)
    for side in axes.spines.values():
        side.set_visible(False)
