"""One page of a corpus: what its music is like and what a model has to learn from it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rnnmusic.corpus.columns import PERCENTILES, BinaryColumns, RealColumns
from rnnmusic.corpus.histograms import Histogram, plain
from rnnmusic.corpus.keys import KEY_NAMES
from rnnmusic.corpus.statistics import Statistics
from rnnmusic.plots.music import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, GREEN, PURPLE = COLOURS[:4]
PANEL_INCHES = (4.4, 2.6)
PANELS_IN_ROW = 3
MOST_BESIDE = 12  # names along an axis
LEAST_SHARE = 5e-4  # rarer polyphony than this isn't drawn
FIFTHS = tuple(7 * fifth % 12 for fifth in range(-5, 7))  # D flat to F sharp

Panel = Callable[["Axes"], None]


def plot_statistics(statistics: Statistics, *, title: str | None = None) -> Figure:
    """Draw the histograms of a corpus, a panel for each, on one page.

    Shares are in percent of what the panel's axis says. The title is the corpus's name unless
    given. Returns a matplotlib figure that no window shows.
    """
    from matplotlib.figure import Figure

    panels = _panels(statistics)
    rows = -(-len(panels) // PANELS_IN_ROW)
    width, height = PANEL_INCHES
    figure = Figure(
        figsize=(width * PANELS_IN_ROW, height * rows + 0.5),
        dpi=120,
        facecolor="white",
    )
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
    # Names come from files: a dollar sign in one is no formula.
    figure.suptitle(
        statistics.name if title is None else title,
        x=0.012,
        ha="left",
        color=INK,
        fontsize=14,
        fontweight="bold",
        parse_math=False,
    )
    figure.text(0.988, 0.985, _subtitle(statistics), ha="right", va="top", color=INK, fontsize=10)
    every = figure.subplots(rows, PANELS_IN_ROW, squeeze=False).flat
    for place, axes in enumerate(every):
        if place < len(panels):
            _prepare(axes)
            panels[place](axes)
        else:
            axes.remove()
    return figure


def _subtitle(statistics: Statistics) -> str:
    which = f"{statistics.split} split, " if statistics.split else ""
    told = f"{which}{statistics.pieces:,} pieces as {statistics.encoding}"
    if statistics.pieces_read < statistics.pieces:
        told += f"; notes and columns of {statistics.pieces_read:,} of them"
    return told


def _panels(statistics: Statistics) -> list[Panel]:
    drawers: dict[str, Callable[..., None]] = {
        "pitch": _draw_pitches,
        "duration": partial(_draw_names, title="duration", colour=BLUE),
        "polyphony": _draw_polyphony,
        "tempo": partial(_draw_ranges, title="tempo", colour=GREEN),
        "key": _draw_keys,
        "time": partial(_draw_ranges, title="length in seconds", colour=GREEN),
        "length": partial(_draw_ranges, title="length in steps", colour=GREEN),
    }
    panels: list[Panel] = [
        partial(draw, histogram=statistics.histograms[name])
        for name, draw in drawers.items()
        if name in statistics.histograms
    ]
    panels.append(partial(_draw_splits, statistics=statistics))
    columns = statistics.columns
    if isinstance(columns, BinaryColumns):
        panels.append(partial(_draw_binary, columns=columns))
    elif isinstance(columns, RealColumns):
        panels.append(partial(_draw_real, columns=columns))
        panels.append(
            partial(_draw_ranges, histogram=columns.values, title="all values", colour=PURPLE)
        )
    else:
        panels += [partial(_draw_factor, factor=factor) for factor in columns.factors]
    return panels


# -- panels ------------------------------------------------------------------------------------


def _draw_ranges(axes: Axes, histogram: Histogram, title: str, colour: str) -> None:
    edges = histogram.edges
    if edges is None:
        return
    shares = 100 * histogram.shares
    axes.bar(
        edges[:-1], shares, np.diff(edges), align="edge", color=colour, edgecolor="white",
        linewidth=0.6, zorder=2,
    )  # fmt: skip
    if histogram.is_logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: plain(value))
        axes.minorticks_off()
    else:
        axes.margins(x=0.02)
    _label(axes, title, histogram.unit, f"% of {histogram.counted}", _typical(histogram))


def _draw_pitches(axes: Axes, histogram: Histogram) -> None:
    _draw_ranges(axes, histogram, "pitch", BLUE)
    if histogram.edges is None:
        return
    _tick_octaves(axes, *(int(edge) for edge in histogram.edges[[0, -1]]))


def _draw_polyphony(axes: Axes, histogram: Histogram) -> None:
    from matplotlib.ticker import MaxNLocator

    if histogram.edges is None:
        return
    shown = int(np.flatnonzero(histogram.shares >= LEAST_SHARE).max(initial=0)) + 1
    notes = np.round(histogram.edges[:shown] + 0.5)
    axes.bar(notes, 100 * histogram.shares[:shown], 0.85, color=BLUE, zorder=2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _label(axes, "polyphony", histogram.unit, "% of the time", _typical(histogram))


def _draw_names(axes: Axes, histogram: Histogram, title: str, colour: str) -> None:
    """A bar for each name from the first to the last that occurs."""
    used = np.flatnonzero(histogram.counts)
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
    places = np.arange(first, last + 1)
    axes.bar(places, 100 * histogram.shares[first : last + 1], 0.85, color=colour, zorder=2)
    # Where names would touch, every second one stands a line lower.
    lower = "\n" if len(places) > MOST_BESIDE else ""
    names = [(lower if i % 2 else "") + histogram.labels[i] for i in places]
    axes.set_xticks(places, names)
    _label(axes, title, histogram.unit, f"% of {histogram.counted}", _typical(histogram))


def _draw_keys(axes: Axes, histogram: Histogram) -> None:
    """Tonics by fifths: keys that are neighbours in music are neighbours here."""
    places = np.arange(12)
    for offset, mode, name, colour in ((-0.2, 0, "major", BLUE), (0.2, 12, "minor", RED)):
        shares = 100 * histogram.shares[[mode + tonic for tonic in FIFTHS]]
        axes.bar(places + offset, shares, 0.4, color=colour, label=name, zorder=2)
    axes.set_xticks(places, [KEY_NAMES[tonic].split()[0] for tonic in FIFTHS])
    _label(axes, "key", "tonic, by fifths", f"% of {histogram.counted}", "")
    _legend(axes)


def _draw_splits(axes: Axes, statistics: Statistics) -> None:
    """Of each split, its part of the pieces and of the steps."""
    names = list(statistics.split_pieces)
    places = np.arange(len(names))[::-1]
    for offset, counts, name, colour in (
        (0.2, statistics.split_pieces, "pieces", PURPLE),
        (-0.2, statistics.split_steps, "steps", FAINT),
    ):
        total = sum(counts.values()) or 1
        shares = [100 * counts[split] / total for split in names]
        axes.barh(places + offset, shares, 0.38, color=colour, label=name, zorder=2)
        for place, split, share in zip(places + offset, names, shares, strict=True):
            axes.text(share + 1.5, place, f"{counts[split]:,}", va="center", color=INK, fontsize=8)
    axes.set_yticks(places, names)
    axes.set_xlim(0, 112)
    axes.set_xticks(range(0, 101, 25))
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    _label(axes, "splits", "% of the corpus", "", "")
    _legend(axes)


def _draw_binary(axes: Axes, columns: BinaryColumns) -> None:
    floor = np.zeros(1)
    for (name, (at, active)), colour in zip(columns.layers.items(), (RED, BLUE), strict=False):
        axes.bar(at, 100 * active, 0.85, bottom=100 * floor, color=colour, label=name, zorder=2)
        floor = floor + active
    at = next(iter(columns.layers.values()))[0]
    used = at[floor > 0] if floor.any() else at
    axes.set_xlim(used[0] - 1, used[-1] + 1)
    if columns.axis == "pitch":
        _tick_octaves(axes, int(used[0]), int(used[-1]))
    cost = f"{columns.axis} ({columns.nats_per_step:.1f} nats a step by frequency alone)"
    _label(axes, "columns", cost, "% of steps", "")
    if len(columns.layers) > 1:
        _legend(axes)


def _draw_factor(axes: Axes, factor: Histogram) -> None:
    """How often each value occurs; rare ones are seen on a logarithmic axis only."""
    shares = 100 * factor.shares
    places = np.arange(len(shares))
    axes.bar(places, shares, 1.0, color=PURPLE, zorder=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    least = shares[shares > 0].min(initial=10.0)
    axes.set_ylim(max(1e-4, least / 2), 100)
    names = [label.split()[0] for label in factor.labels]
    shown = _spread([i for i, name in enumerate(names) if name.isdecimal()], len(names) / 10)
    axes.set_xticks(shown, [names[i] for i in shown])
    unit = "quarters" if "quarters" in factor.labels[-1] else ""
    used = int((factor.counts > 0).sum())
    note = f"{used} of {len(places)} values occur"
    _label(axes, f"column {factor.quantity}", unit, "% of steps", note)


def _draw_real(axes: Axes, columns: RealColumns) -> None:
    places = np.arange(len(columns.mean))
    rows = dict(zip(PERCENTILES, columns.percentiles, strict=True))
    if len(places) == 1:  # a line has no width to shade
        places, rows = np.array([-0.5, 0.5]), {p: np.repeat(r, 2) for p, r in rows.items()}
    for low, high, strength in ((5, 95, 0.2), (25, 75, 0.4)):
        axes.fill_between(
            places, rows[low], rows[high], color=PURPLE, alpha=strength, linewidth=0,
            label=f"{low}-{high} %", zorder=2,
        )  # fmt: skip
    axes.plot(places, rows[50], color=PURPLE, linewidth=1.4, label="median", zorder=3)
    axes.set_xlim(places[0], places[-1])
    _label(axes, "columns", f"column (of {columns.frames:,} steps)", "value", "")
    _legend(axes)


# -- what panels share -------------------------------------------------------------------------


def _prepare(axes: Axes) -> None:
    for side in axes.spines.values():
        side.set_visible(False)
    axes.grid(axis="y", color=FAINT, linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=0, colors=INK, labelsize=8)


def _label(axes: Axes, title: str, x: str, y: str, note: str) -> None:
    axes.set_title(title, loc="left", color=INK, fontsize=10, fontweight="bold")
    axes.set_title(note, loc="right", color=INK, fontsize=8)
    axes.set_xlabel(x, color=INK, fontsize=8)
    axes.set_ylabel(y, color=INK, fontsize=8)


def _spread(places: list[int], least_distance: float) -> list[int]:
    """Of rising places those that keep a distance, the first of them included."""
    chosen: list[int] = []
    for place in places:
        if not chosen or place - chosen[-1] >= least_distance:
            chosen.append(place)
    return chosen


def _tick_octaves(axes: Axes, lowest: int, highest: int) -> None:
    # C4 is middle C, MIDI pitch 60.
    octaves = [pitch for pitch in range(lowest, highest + 1) if pitch % 12 == 0]
    axes.set_xticks(octaves, [f"C{pitch // 12 - 1}\n{pitch}" for pitch in octaves])


def _typical(histogram: Histogram) -> str:
    if histogram.quartiles is None or histogram.lowest is None or histogram.highest is None:
        return "not known"
    low, middle, high = map(plain, (histogram.lowest, histogram.quartiles[1], histogram.highest))
    return f"{low} to {high}, median {middle}" if low != high else f"all {low}"


def _legend(axes: Axes) -> None:
    """Names of the colours beside the title, where no bar can be."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=3,
        frameon=False,
        fontsize=8,
        labelcolor=INK,
        handlelength=1.1,
        handleheight=0.7,
        columnspacing=1.2,
        borderaxespad=0.1,
    )
