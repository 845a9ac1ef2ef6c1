"""A network as the filter that it is while it plays: one row of panels for each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnmusic.inspection import LayerView, time_constants
from rnnmusic.plots.music import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, GREEN, PURPLE = COLOURS[:4]
PANEL_INCHES = (3.5, 3.1)
LONGEST_STEPS = 1e4  # time constants beyond are drawn there


def plot_inspection(views: list[LayerView], *, title: str = "") -> Figure:
    """Draw for each layer the eigenvalues in the unit circle, the time constants along the piece,
    how fast a change of the state is forgotten, and the gain by frequency along the piece.

    Returns a matplotlib figure that no window shows.
    """
    from matplotlib.figure import Figure

    width, height = PANEL_INCHES
    figure = Figure(figsize=(4 * width, len(views) * height + 0.5), dpi=120, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    if title:
        figure.suptitle(
            title, x=0.012, ha="left", color=INK, fontsize=14, fontweight="bold", parse_math=False
        )
    for row, view in zip(figure.subplots(len(views), 4, squeeze=False), views, strict=True):
        _eigenvalues(row[0], view)
        _time_constants(row[1], view)
        _memory(row[2], view)
        _gains(row[3], view, figure)
        for axes in row:
            axes.tick_params(which="both", length=0, colors=INK, labelsize=8)
            for side in axes.spines.values():
                side.set_visible(False)
    return figure


def _eigenvalues(axes: Axes, view: LayerView) -> None:
    angle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(angle), np.sin(angle), color=FAINT, linewidth=1)
    colours = np.repeat(view.steps, view.eigenvalues.shape[1])
    values = view.eigenvalues.ravel()
    axes.scatter(values.real, values.imag, c=colours, s=5, cmap="viridis", linewidths=0)
    zeros = [found for found in view.zeros if found is not None and len(found)]
    for found in zeros:
        axes.scatter(
            found.real, found.imag, s=14, facecolors="none", edgecolors=RED, linewidths=0.8
        )
    axes.set_aspect("equal")
    everything = np.concatenate([values, *zeros])
    reach = min(max(1.08, float(np.abs(everything).max()) * 1.05), 3.0)  # far zeros matter little
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    heading = f"{view.name}: " + (
        "poles, and zeros as rings" if view.is_linear else "eigenvalues, late ones lighter"
    )
    _head(axes, heading, "real", "imaginary")


def _time_constants(axes: Axes, view: LayerView) -> None:
    constants = np.minimum(time_constants(view.eigenvalues), LONGEST_STEPS)
    ranks = np.sort(constants, axis=1)[:, ::-1]
    steps = view.steps
    if len(steps) == 1:  # a linear layer: the same all along
        axes.semilogy(np.arange(1, ranks.shape[1] + 1), ranks[0], ".", color=BLUE, markersize=4)
        _head(axes, "time constants, in steps", "pole", "")
        return
    shown = {"longest": 0, "eighth longest": 7, "median": ranks.shape[1] // 2}
    for colour, (label, rank) in zip((RED, PURPLE, BLUE), shown.items(), strict=True):
        if rank < ranks.shape[1]:
            axes.semilogy(steps, ranks[:, rank], color=colour, label=label, linewidth=1.4)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="lower right")
    axes.set_ylim(0.1, LONGEST_STEPS * 2)
    _head(axes, "time constants of its modes, in steps", "step", "")


def _memory(axes: Axes, view: LayerView) -> None:
    decay = view.memory.decay
    axes.semilogy(decay, color=BLUE, linewidth=1.6)
    axes.axhline(np.exp(-1), color=FAINT, linewidth=1)
    steps = view.memory.steps
    text = f"1/e after {steps} steps" if steps is not None else f"1/e beyond {len(decay) - 1} steps"
    axes.text(0.97, 0.93, text, transform=axes.transAxes, ha="right", color=INK, fontsize=9)
    _head(axes, "what is left of a small change", "steps later", "")


def _gains(axes: Axes, view: LayerView, figure: Figure) -> None:
    if len(view.steps) == 1:
        axes.plot(view.cycles_per_step, view.gain_db[0], color=BLUE, linewidth=1.6)
        _head(axes, "gain, dB", "cycles per step", "")
        return
    picture = axes.pcolormesh(
        view.steps, view.cycles_per_step, view.gain_db.T, cmap="viridis", shading="nearest"
    )
    figure.colorbar(picture, ax=axes, pad=0.02).outline.set_visible(False)
    _head(axes, "gain along the piece, dB", "step", "cycles per step")


def _head(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", color=INK, fontsize=9)
    axes.set_xlabel(x, color=INK, fontsize=8)
    axes.set_ylabel(y, color=INK, fontsize=8)
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
