"""The table of flavours as a picture: ours beside the papers', a panel for each kind of measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnmusic.plots.music import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED = COLOURS[:2]
ROW_INCHES = 0.24
ERRORS, ACCURACY, MORE = "Errors", "Accuracy", "More is better"
#: Where errors that are 0 stand on their logarithmic axis.
NO_ERROR = 1e-16


def plot_flavours(rows: Sequence[dict[str, Any]]) -> Figure:
    """Draw rows (as `Outcome.to_dict` makes them) that were measured: a dot for ours, a ring for
    the paper's, a line at the limit. Music has a panel for each set, in nats per frame; the other
    tasks share one for accuracies, one for errors (logarithmic) and one for the rest.

    Returns a matplotlib figure that no window shows.
    """
    from matplotlib.figure import Figure

    panels: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["value"] is not None:
            panels.setdefault(_panel_of(row), []).append(row)
    heights = [1.6 + len(panel) for panel in panels.values()] or [1.0]
    size = (8.0, max(2.0, ROW_INCHES * sum(heights) + 0.45 * len(heights)))
    figure = Figure(figsize=size, dpi=120, facecolor="white")
    figure.set_layout_engine("constrained", h_pad=0.06)
    if not panels:
        figure.text(0.5, 0.5, "nothing was measured", ha="center", color=INK)
        return figure
    key = "dot: ours   ring: the paper's   line: what is wanted"
    figure.suptitle(key, x=0.99, ha="right", fontsize=8, color=INK)
    grid = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, (title, panel) in zip(grid[:, 0], panels.items(), strict=True):
        _draw(axes, panel, title)
    return figure


def _panel_of(row: dict[str, Any]) -> str:
    if row["measure"].startswith("nats per frame"):
        return f"{row['task'].split('-')[0]}: nats per frame, test, pooled, frame 0 in"
    if row["better"] == "lower":
        return ERRORS
    return ACCURACY if 0.0 <= row["value"] <= 1.0 and row["limit"] != 0.0 else MORE


def _label(row: dict[str, Any], title: str) -> str:
    if title in (ERRORS, ACCURACY, MORE):
        return f"{row['flavour']}: {row['task']}"
    kind = row["task"].partition("-")[2]
    bound = ", bound" if "bound" in row["measure"] else ""
    return f"{row['flavour']} {kind}".strip() + bound


def _draw(axes: Axes, rows: list[dict[str, Any]], title: str) -> None:
    is_log = title == ERRORS
    rows = sorted(rows, key=lambda row: row["value"], reverse=rows[0]["better"] == "lower")
    for place, row in enumerate(rows):
        marks = {key: row[key] for key in ("value", "limit", "paper") if row[key] is not None}
        if is_log:
            marks = {key: max(mark, NO_ERROR) for key, mark in marks.items()}
        axes.axhline(place, color=FAINT, linewidth=0.6, zorder=0)
        if "limit" in marks:
            axes.plot([marks["limit"]] * 2, [place - 0.4, place + 0.4], color=RED, linewidth=1.4)
        if "paper" in marks:
            axes.plot(marks["paper"], place, "o", markerfacecolor="none", color=INK, markersize=6)
        axes.plot(marks["value"], place, "o", color=BLUE, markersize=5)
    if is_log:
        axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [_label(row, title) for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_title(title, loc="left", fontsize=9, color=INK, parse_math=False)
    axes.tick_params(length=0, colors=INK, labelsize=8)
    for side in axes.spines.values():
        side.set_visible(False)
