"""Pictures of scores: the piano-roll."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file
from rnnmusic.score import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXTENSIONS = (".png", ".svg", ".pdf")
# Paul Tol's "bright" scheme, which colour-blind eyes tell apart; the fainter ones last.
COLOURS = ("#4477AA", "#EE6677", "#228833", "#AA3377", "#66CCEE", "#CCBB44")
DRUM_COLOUR = "#444444"
INK, FAINT, BLACK_KEY = "#333333", "#D8D8D8", "#F4F4F6"
MIN_ROWS = 24  # pitches shown at least: two octaves
MAX_BARS = 32
MAX_LEGEND = 8
GAP = 0.0012  # between notes, as a fraction of the width


def piano_roll(score: Score, *, title: str | None = None, seconds: bool = False) -> Figure:
    """Draw a score's notes as bars over time (bars, or seconds if asked) and pitch.

    One colour for each track, fainter for softer notes, vertical lines at the bars and horizontal
    ones at each C. The title is the score's name unless given; "" for none. Returns a matplotlib
    figure that no window shows; InputError when the score has no notes.
    """
    from matplotlib.figure import Figure

    tracks = [t for t in score.tracks if len(t.notes)]
    if not tracks:
        raise InputError("The score has no notes, so there is no piano-roll; give one with notes.")
    figure = Figure(figsize=(11, 4.6), dpi=150, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    pitches = np.concatenate([t.notes["pitch"] for t in tracks]).astype(int)
    low, high = _rows(int(pitches.min()), int(pitches.max()))
    end_tick = max(int(t.notes["end_tick"].max()) for t in tracks)
    lines = score.bar_starts(max(end_tick, 1))

    def place(ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        return score.seconds(ticks) if seconds else ticks / score.ticks_per_quarter

    _draw_keys(axes, low, high)
    _draw_bars(axes, place(lines), numbered=not seconds)
    width = float(np.ptp(place(lines)))
    colours = iter(COLOURS * (len(tracks) // len(COLOURS) + 1))
    for number, track in enumerate(tracks, start=1):
        colour = DRUM_COLOUR if track.is_drum else next(colours)
        label = track.name or ("Drums" if track.is_drum else f"Track {number}")
        starts, ends = place(track.notes["start_tick"]), place(track.notes["end_tick"])
        _draw_notes(axes, starts, ends, track.notes, colour, label, width)
    axes.set_xlim(0, width)
    axes.set_ylim(low - 0.5, high + 0.5)
    axes.set_xlabel("time (s)" if seconds else "bar", color=INK)
    axes.set_ylabel("pitch", color=INK)
    heading = score.name if title is None else title
    if heading:
        # Names come from files: a dollar sign in one is no formula.
        axes.set_title(
            heading, loc="left", color=INK, fontsize=12, fontweight="bold", parse_math=False
        )
    if len(tracks) > 1:
        _draw_legend(axes)
    return figure


def check_extension(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work is done, what `save` would refuse: InputError."""
    if Path(path).suffix.lower() not in EXTENSIONS:
        raise InputError(
            f"{path} has no picture extension that can be written; use {', '.join(EXTENSIONS)}."
        )


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as .png, .svg or .pdf, whole or not at all.

    InputError for another extension or a place that can't be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    check_extension(path)
    target = Path(path)
    FigureCanvasAgg(figure)
    with replacing_file(target) as temporary:
        figure.savefig(temporary, format=target.suffix[1:].lower())


def _rows(lowest: int, highest: int) -> tuple[int, int]:
    """Pitches from a little below the lowest note to a little above the highest."""
    low, high = lowest - 2, highest + 2
    lacking = max(0, MIN_ROWS - (high - low))
    return max(0, low - lacking // 2), min(127, high + (lacking + 1) // 2)


def _draw_keys(axes: Axes, low: int, high: int) -> None:
    for pitch in range(low, high + 1):
        if pitch % 12 in (1, 3, 6, 8, 10):
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=BLACK_KEY, linewidth=0, zorder=0)
    octaves = [p for p in range(low, high + 1) if p % 12 == 0]
    # C4 is middle C, MIDI pitch 60.
    axes.set_yticks(octaves, [f"C{p // 12 - 1}" for p in octaves])
    axes.hlines(np.array(octaves) - 0.5, 0, 1, FAINT, linewidth=0.8, zorder=1,
                transform=axes.get_yaxis_transform())  # fmt: skip
    axes.tick_params(axis="both", length=0, colors=INK, labelsize=9)
    for side in axes.spines.values():
        side.set_visible(False)


def _draw_bars(axes: Axes, places: NDArray[np.float64], *, numbered: bool) -> None:
    # A line for each of at most MAX_BARS bars, else for each second, fourth, eighth, ...: phrases
    # are made that way.
    bars = len(places) - 1
    every = 1
    while bars > every * MAX_BARS:
        every *= 2
    axes.vlines(places[::every], 0, 1, FAINT, linewidth=0.8, zorder=1,
                transform=axes.get_xaxis_transform())  # fmt: skip
    if numbered:
        shown = np.arange(0, bars, every)
        axes.set_xticks(places[shown], [str(bar + 1) for bar in shown])


def _draw_legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    legend = axes.legend(
        handles[:MAX_LEGEND],
        labels[:MAX_LEGEND],
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=MAX_LEGEND,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handlelength=1.1,
        handleheight=0.7,
        columnspacing=1.4,
        borderaxespad=0.3,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _draw_notes(
    axes: Axes,
    starts: NDArray[np.float64],
    ends: NDArray[np.float64],
    notes: NDArray[np.void],
    colour: str,
    label: str,
    span: float,
) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb

    pitch = notes["pitch"].astype(np.float64)
    low, high = pitch - 0.42, pitch + 0.42
    # A gap, not an outline, parts repeated notes: outlines would eat the shortest.
    ends = ends - np.minimum(GAP * span, 0.2 * (ends - starts))
    corners = np.stack(
        [np.stack(c, axis=-1) for c in ((starts, low), (starts, high), (ends, high), (ends, low))],
        axis=1,
    )  # (n, 4, 2)
    alpha = 0.3 + 0.7 * notes["velocity"] / 127
    faces = np.column_stack((np.tile(to_rgb(colour), (len(notes), 1)), alpha))
    axes.add_collection(
        PolyCollection(list(corners), facecolors=faces, linewidths=0, zorder=2,
                       label=label)
    )  # fmt: skip
