"""Axes of pictures of filters: frequencies, decibels, angles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rnnmusic.filters.forms import Form
from rnnmusic.plots.filter_curves import CEILING_DB, FLOOR_DB, Array, Curves, rate_text
from rnnmusic.plots.music import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RANGE_DB = 100.0  # shown below the highest magnitude, where there is that much
LEAST_RANGE_DB = 6.0
HEARD_DB = 60.0  # delays are shown where the magnitude is at most so far below its highest
ANGLES = (5, 15, 30, 45, 90, 180, 360, 720, 1440)
MOST_LINES = 8  # paths of a filter with several channels that are drawn
MOST_NAMES = 6  # in a legend
DECADE_NAMES = {0.1: "0.1", 1: "1", 10: "10", 100: "100", 1e3: "1k", 1e4: "10k", 1e5: "100k"}


def page(width: float, height: float) -> Figure:
    """An empty page of so many inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.14, h_pad=0.12)
    return figure


def head(figure: Figure, title: str, facts: str) -> None:
    """A title on the left, facts about the filter on the right."""
    if title or facts:
        # Names come from files: a dollar sign in one is no formula.
        figure.suptitle(title or " ", x=0.012, ha="left", color=INK, fontsize=14,
                        fontweight="bold", parse_math=False)  # fmt: skip
        figure.text(0.988, 0.985, facts, ha="right", va="top", color=INK, fontsize=10)


def facts_text(form: Form) -> str:
    """Sample rate and stability in words."""
    from rnnmusic.filters.analysis import certificate

    found = certificate(form, "float64")
    stable = f"largest pole radius {found.max_radius:.6g}"
    if not found.is_stable:
        stable += " (unstable)" if found.max_radius >= 1 else " (not proven stable)"
    rate = "" if form.sample_rate_hz is None else f"{rate_text(form.sample_rate_hz)}, "
    return f"{rate}{stable}"


def frame(axes: Axes) -> None:
    """A panel without a box, on a faint grid."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.grid(color=FAINT, linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", which="both", length=0, colors=INK, labelsize=8)


def label(axes: Axes, title: str, unit: str) -> None:
    """A heading on the left of a panel, a unit on the right."""
    axes.set_title(title, loc="left", color=INK, fontsize=10, fontweight="bold", parse_math=False)
    axes.set_title(unit, loc="right", color=INK, fontsize=8)


def draw_lines(
    axes: Axes,
    x: Array,
    values: Array,
    labels: Sequence[str] = ("",) * MOST_LINES,
    width: float = 1.4,
) -> None:
    """A line for each path through the filter."""
    for number, line in enumerate(values[:MOST_LINES]):
        axes.plot(x, line, color=COLOURS[number % len(COLOURS)], linewidth=width,
                  label=labels[number] or None, zorder=2)  # fmt: skip


def frequency_axis(axes: Axes, frequency: Array, is_logarithmic: bool) -> None:
    """A frame over frequencies, up to the highest."""
    frame(axes)
    axes.set_xlim(frequency[0], frequency[-1])
    if is_logarithmic:
        axes.set_xscale("log")
        shown = [f for f in DECADE_NAMES if frequency[0] <= f <= frequency[-1]]
        axes.set_xticks(shown, [DECADE_NAMES[f] for f in shown])
        axes.grid(which="minor", color=FAINT, linewidth=0.3)
        axes.xaxis.set_minor_formatter("")
        axes.set_xlabel("Hz", color=INK, fontsize=8)
        return
    axes.set_xticks([0, math.pi / 2, math.pi], ["0", "π/2", "π"])
    axes.set_xlabel("radians per sample", color=INK, fontsize=8)


def magnitude_limits(axes: Axes, magnitude_db: Array) -> None:
    """Down to the lowest magnitude, but not into the bottomless depth of a zero."""
    loud = magnitude_db[(magnitude_db > FLOOR_DB) & (magnitude_db < CEILING_DB)]
    if not loud.size:
        return
    high = float(loud.max())
    low = max(float(loud.min()), high - RANGE_DB)
    lacking = max(0.0, LEAST_RANGE_DB - (high - low)) / 2
    margin = 0.06 * max(high - low, LEAST_RANGE_DB)
    axes.set_ylim(low - lacking - margin, high + lacking + margin)


def delay_limits(axes: Axes, shown: Curves) -> None:
    """The delay of what is heard: beside zeros on the unit circle it goes out of all bounds."""
    loud = shown.magnitude_db > shown.magnitude_db.max() - HEARD_DB
    heard = shown.delay[loud & np.isfinite(shown.delay)]
    if not heard.size:
        return
    low, high = min(float(heard.min()), 0.0), float(heard.max())
    margin = 0.06 * max(high - low, 1e-9)
    axes.set_ylim(low - margin, high + margin)


def degrees(axes: Axes, phase: Array) -> None:
    """Ticks at the angles that people think in."""
    from matplotlib.ticker import MultipleLocator

    every = next((step for step in ANGLES if np.ptp(phase) <= 7 * step), None)
    if every is not None:
        axes.yaxis.set_major_locator(MultipleLocator(every))


def legend(axes: Axes) -> None:
    """Names of the colours beside the title, where no line can be."""
    handles, labels = axes.get_legend_handles_labels()
    names = axes.legend(
        handles[:MOST_NAMES],
        labels[:MOST_NAMES],
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=MOST_NAMES,
        frameon=False,
        fontsize=8,
        labelcolor=INK,
        handlelength=1.4,
        columnspacing=1.2,
        borderaxespad=0.1,
    )
    axes.set_title("", loc="right")
    axes.set_ylabel("dB", color=INK, fontsize=8)
    for text in names.get_texts():
        text.set_parse_math(False)
