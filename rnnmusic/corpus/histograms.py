"""Histogram: how often values occur, with the bins, names and units to read and draw it by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

MOST_BINS = 40
TAIL = 0.005  # of all at either end goes to the outermost bin, so that strays don't stretch an axis
WIDE = 50.0  # values that spread by more than this factor get bins that grow with them
QUARTILES = (0.25, 0.5, 0.75)
_NICE = (1.0, 2.0, 5.0)
_LEAST_SPAN = 1e-300  # below, numbers have lost their digits: as good as one value


@dataclass(frozen=True)
class Histogram:
    """Counts of a quantity in bins.

    counts (n,): what lies in each bin, in units of `counted`. edges (n + 1,): the ends of the
    bins, the lower one part of the bin; None where the bins are only names. labels: a name for
    each bin, or none. lowest, quartiles (first, median, third) and highest are those of the
    values themselves, not of the bins; None where nothing was counted or bins are only names.
    """

    quantity: str
    unit: str
    counted: str  # "notes", "pieces", "time"
    counts: Floats
    edges: Floats | None = None
    labels: tuple[str, ...] = ()
    lowest: float | None = None
    quartiles: tuple[float, float, float] | None = None
    highest: float | None = None
    is_logarithmic: bool = False  # bins grow with the values

    @property
    def total(self) -> float:
        """All that was counted."""
        return float(self.counts.sum())

    @property
    def shares(self) -> Floats:
        """Counts as parts of the whole (n,); zeros where nothing was counted."""
        return np.asarray(self.counts / (self.total or 1.0))

    def describe(self) -> str:
        """The histogram in one line, such as "tempo: 60 to 140 bpm, median 96, ..."."""
        if not self.total:
            return f"{self.quantity}: not known"
        if self.quartiles is None:
            first = np.argsort(-self.counts, kind="stable")[:4]
            named = [f"{self.labels[i]} {self.shares[i]:.0%}" for i in first if self.counts[i]]
            return f"{self.quantity}: {', '.join(named)}"
        low, middle, high = map(plain, self.quartiles)
        bottom, top = plain(self.lowest or 0.0), plain(self.highest or 0.0)
        unit = f" {self.unit}" if self.unit else ""
        if bottom == top:
            return f"{self.quantity}: {bottom}{unit}"
        half = f", half within {low} to {high}" if low != high else ""
        return f"{self.quantity}: {bottom} to {top}{unit}, median {middle}{half}"

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-able values."""
        return {
            "unit": self.unit,
            "counted": self.counted,
            "counts": [int(c) if c == int(c) else float(c) for c in self.counts],
            "edges": None if self.edges is None else self.edges.tolist(),
            "labels": list(self.labels),
            "lowest": self.lowest,
            "quartiles": None if self.quartiles is None else list(self.quartiles),
            "highest": self.highest,
        }


def of_whole_numbers(quantity: str, unit: str, counted: str, counts: ArrayLike) -> Histogram:
    """A bin for each whole number, given the counts of 0, 1, 2, ... (n,)."""
    every = np.asarray(counts, dtype=np.float64)
    used = np.flatnonzero(every)
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
    values = np.arange(first, last + 1, dtype=np.float64)
    edges = np.append(values, last + 1) - 0.5
    kept = every[first : last + 1] if len(used) else np.zeros(1)
    return Histogram(quantity, unit, counted, kept, edges, **extent(values, kept))


def of_values(quantity: str, unit: str, counted: str, values: ArrayLike) -> Histogram:
    """Bins at round numbers over single values (n,); those that aren't finite don't count.

    The outermost bins also hold the strays beyond them: see TAIL.
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return Histogram(quantity, unit, counted, np.zeros(1), np.array([0.0, 1.0]))
    low, high = (float(q) for q in np.quantile(known, (TAIL, 1 - TAIL)))
    is_wide = low > 0 and high / low > WIDE
    edges = np.geomspace(low, high, MOST_BINS // 2 + 1) if is_wide else round_edges(low, high)
    # Rounding must not put the values that made the edges outside of them.
    inside = known.clip(edges[0], np.nextafter(edges[-1], -math.inf))
    counts = np.histogram(inside, edges)[0].astype(np.float64)
    whole = extent(known, np.ones(len(known)))
    return Histogram(quantity, unit, counted, counts, edges, is_logarithmic=is_wide, **whole)


def in_bins(
    quantity: str,
    unit: str,
    counted: str,
    values: Floats,
    counts: Floats,
    *,
    centres: Sequence[float],
    labels: Sequence[str],
) -> Histogram:
    """Counts (n,) of values (n,) > 0, each put to the centre that is nearest by ratio.

    A value past the last edge goes to the last bin, which therefore has no centre: there is one
    label more than centres, and the last centre's bin ends as far above it as it begins below.
    """
    logs = np.log2(np.asarray(centres, dtype=np.float64))
    middles = (logs[1:] + logs[:-1]) / 2
    first, last = 2 * logs[0] - middles[0], 2 * logs[-1] - middles[-1]
    edges = np.exp2(np.concatenate(([first], middles, [last])))
    top = max(float(values.max(initial=0.0)), 2 * float(edges[-1]))
    # A hair below: a value that lies in the very middle goes up, however it was rounded.
    place = np.searchsorted(edges[1:] * (1 - 1e-9), values, side="right")
    binned = np.bincount(place, weights=counts, minlength=len(labels)).astype(np.float64)
    return Histogram(
        quantity,
        unit,
        counted,
        binned,
        np.append(edges, top),
        tuple(labels),
        is_logarithmic=True,
        **extent(values, counts),
    )


def of_names(quantity: str, counted: str, counts: ArrayLike, labels: Sequence[str]) -> Histogram:
    """A bin for each name."""
    return Histogram(
        quantity, "", counted, np.asarray(counts, dtype=np.float64), labels=tuple(labels)
    )


def extent(values: Floats, counts: Floats) -> dict[str, Any]:
    """Lowest, quartiles and highest of values (n,) that occur so many times (n,)."""
    occurs = counts > 0
    values, counts = values[occurs], counts[occurs]
    if not len(values):
        return {}
    order = np.argsort(values, kind="stable")
    values, reached = values[order], np.cumsum(counts[order])
    at = np.searchsorted(reached, np.asarray(QUARTILES) * reached[-1])
    first, middle, third = values[at].tolist()
    return {
        "lowest": float(values[0]),
        "quartiles": (first, middle, third),
        "highest": float(values[-1]),
    }


def round_edges(low: float, high: float) -> Floats:
    """At most MOST_BINS + 2 edges at multiples of 1, 2 or 5 times a power of ten, around both."""
    if high - low < _LEAST_SPAN:
        low, high = low - 0.5, high + 0.5
    # About 24 bins: fewer hide a shape, more show chance.
    wanted = (high - low) / 24
    power = 10.0 ** math.floor(math.log10(wanted))
    step = next((n * power for n in _NICE if n * power >= wanted), 10 * power)
    first, last = math.floor(low / step), math.floor(high / step) + 1
    first -= first * step > low  # a quotient may be rounded up to a whole number
    return np.asarray(np.arange(first, last + 1) * step, dtype=np.float64)


def plain(value: float) -> str:
    """A number with three digits, whole ones and large ones without decimals."""
    if value == round(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"
