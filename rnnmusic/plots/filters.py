"""Pictures of filters: everything about one on a page, and several over one another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnmusic.filters.forms import Complexes, Form
from rnnmusic.plots.filter_axes import (
    MOST_LINES,
    degrees,
    delay_limits,
    draw_lines,
    facts_text,
    frame,
    frequency_axis,
    head,
    label,
    legend,
    magnitude_limits,
    page,
)
from rnnmusic.plots.filter_curves import (
    Array,
    Curves,
    check_comparable,
    curves,
    decibels,
    frequencies,
    lines,
    rate_text,
)
from rnnmusic.plots.music import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW_SAMPLES = 48  # up to here each sample of an impulse response is a dot
TARGET_COLOUR = "#222222"
FIELD = "#F7F7F9"  # inside of the unit circle


def plot_filter(form: Form, *, title: str | None = None) -> Figure:
    """Draw Bode plot, group delay, impulse and step response and pole-zero plot on one page.

    Of a filter with several channels each path from an input to an output is a line (8 at most).
    The title is the kind and order unless given; "" for none. Returns a matplotlib figure that no
    window shows.
    """
    figure = page(13.2, 7.4)
    shown = curves(form)
    # M magnitude, Z plane of poles and zeros; P phase, D delay, I impulse and S step response
    panels = figure.subplot_mosaic("MMMMMMMMZZZZ;PPPDDDIIISSS", height_ratios=[1.25, 1])
    head(figure, f"{form.kind}, order {form.order}" if title is None else title, facts_text(form))
    for name in "MPD":
        frequency_axis(panels[name], shown.frequency, shown.is_logarithmic)
    _draw_magnitude(panels["M"], shown)
    draw_lines(panels["P"], shown.frequency, shown.phase_deg)
    degrees(panels["P"], shown.phase_deg)
    label(panels["P"], "phase", "degrees")
    draw_lines(panels["D"], shown.frequency, shown.delay)
    delay_limits(panels["D"], shown)
    label(panels["D"], "group delay", shown.time_unit)
    for name, what, values in (("I", "impulse", shown.impulse), ("S", "step", shown.step)):
        _draw_response(panels[name], shown, values)
        label(panels[name], f"{what} response", "")
    _draw_plane(panels["Z"], shown)
    return figure


def plot_comparison(
    forms: Sequence[Form],
    names: Sequence[str],
    *,
    target: tuple[Array, Array] | None = None,
    title: str = "",
) -> Figure:
    """Draw the magnitudes of filters over one another, and how far they are from the first.

    target: frequencies (in the unit of the filters: Hz, or radians per sample without a rate) and
    decibels, drawn in black; the distances are then from it. InputError for filters of different
    rates or several channels.
    """
    check_comparable(forms)
    rate = forms[0].sample_rate_hz
    figure = page(10.5, 7.0)
    upper, lower = figure.subplots(2, 1, height_ratios=[1.6, 1], sharex=True)
    head(figure, title, "" if rate is None else rate_text(rate))
    shown, omega, unit = frequencies(forms, 2048)
    drawn = [decibels(lines(form.response(omega)))[0] for form in forms]
    for axes in (upper, lower):
        frequency_axis(axes, shown, unit == "Hz")
    if target is None:
        at, wanted, against = shown, drawn[0], names[0]
    else:
        (at, wanted), against = target, "target"
        upper.plot(at, wanted, color=TARGET_COLOUR, linewidth=2.6, alpha=0.35, label="target")
    for number, (form, name, magnitude) in enumerate(zip(forms, names, drawn, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        upper.plot(shown, magnitude, color=colour, linewidth=1.5, label=name)
        if target is None and number == 0:
            continue
        angle = at if rate is None else 2 * math.pi * at / rate
        distance = decibels(lines(form.response(angle)))[0] - wanted
        lower.plot(at, distance, color=colour, linewidth=1.3)
    magnitude_limits(upper, np.concatenate([*drawn, wanted]))
    upper.tick_params(labelbottom=False)
    upper.set_xlabel("")
    label(upper, "magnitude", "dB")
    legend(upper)
    lower.axhline(0, color=INK, linewidth=0.8)
    label(lower, f"difference from {against}", "dB")
    return figure


# -- panels ------------------------------------------------------------------------------------


def _draw_magnitude(axes: Axes, shown: Curves) -> None:
    draw_lines(axes, shown.frequency, shown.magnitude_db, shown.labels, width=1.8)
    magnitude_limits(axes, shown.magnitude_db)
    label(axes, "magnitude", "dB")
    if len(shown.labels) > 1:
        legend(axes)


def _draw_response(axes: Axes, shown: Curves, values: Array) -> None:
    frame(axes)
    axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    draw_lines(axes, shown.time, values, width=1.3 if len(values) == 1 else 0.8)
    if len(shown.time) <= FEW_SAMPLES:
        for line, colour in zip(values[:MOST_LINES], COLOURS * 2, strict=False):
            axes.plot(shown.time, line, ".", color=colour, markersize=4, zorder=3)
    axes.margins(x=0)
    axes.set_xlabel(shown.time_unit, color=INK, fontsize=8)


def _draw_plane(axes: Axes, shown: Curves) -> None:
    """Poles as crosses and zeros as rings about the unit circle; numbers for multiple ones."""
    from matplotlib.patches import Circle

    frame(axes)
    axes.grid(visible=False)
    axes.add_patch(Circle((0, 0), 1, facecolor=FIELD, edgecolor=INK, linewidth=0.9, zorder=1))
    axes.axhline(0, color=FAINT, linewidth=0.8, zorder=1.5)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=1.5)
    reach = 1.25
    for roots, marker, colour, size in (
        (shown.zeros, "o", COLOURS[0], 7),
        (shown.poles, "x", COLOURS[1], 6.5),
    ):
        near = roots[np.abs(roots) <= 2.5]
        axes.plot(near.real, near.imag, marker, markersize=size, markerfacecolor="none",
                  markeredgecolor=colour, markeredgewidth=1.4, zorder=3)  # fmt: skip
        reach = max(reach, 1.12 * float(np.max(np.abs(near), initial=0.0)))
        for place, times in _multiple(near):
            # Poles and zeros often meet at 0: one number above, the other below.
            up = 7 if marker == "x" else -13
            axes.annotate(str(times), (place.real, place.imag), (5, up),
                          textcoords="offset points", color=colour, fontsize=8)  # fmt: skip
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal", adjustable="box", anchor="C")
    axes.set_xticks([-1, 0, 1])
    axes.set_yticks([-1, 0, 1], ["-j", "0", "j"])
    far = int((np.abs(shown.zeros) > 2.5).sum())
    counted = f"× {_counted(shown.poles, 'pole')}   ○ {_counted(shown.zeros, 'zero')}"
    label(axes, "poles and zeros", "")
    if shown.order > len(shown.poles):
        counted = f"{shown.order} poles, too many to draw"
    axes.set_xlabel(counted + (f", {far} of them far away" if far else ""), color=INK, fontsize=8)


def _counted(roots: Complexes, what: str) -> str:
    return f"{len(roots)} {what}" + ("" if len(roots) == 1 else "s")


def _multiple(roots: Complexes) -> list[tuple[complex, int]]:
    """Places where several roots are, as the eye sees it."""
    counted: dict[complex, int] = {}
    for root in roots:
        near = next((place for place in counted if abs(place - root) < 0.01), None)
        counted[root if near is None else near] = counted.get(near or root, 0) + 1
    return [(place, times) for place, times in counted.items() if times > 1]
