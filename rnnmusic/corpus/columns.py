"""How often each value of each column of the steps occurs: what a model has to learn.

A model that knew these frequencies and nothing else would pay `nats_per_step` for a step: what is
learnt beyond that is music.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus import histograms
from rnnmusic.corpus.histograms import Floats, Histogram, plain
from rnnmusic.encodings import NoteEvents, PianoRoll
from rnnmusic.encodings.protocol import Encoding, Steps

PERCENTILES = (5, 25, 50, 75, 95)
SAMPLED_VALUES = 4_000_000  # real numbers kept in memory for percentiles: 16 MB
_SUMMED_AT_ONCE = 255  # frames of bits whose sum fits a byte


@dataclass(frozen=True)
class BinaryColumns:
    """Of binary steps: the part of all steps in which each column is 1 (F,).

    layers: columns by what they mean, such as struck and held, each with the x axis's pitches.
    """

    active: Floats
    layers: dict[str, tuple[Floats, Floats]]  # name -> pitches or columns (n,), part active (n,)
    axis: str

    @property
    def nats_per_step(self) -> float:
        """Entropy of all columns, taken for independent."""
        p = self.active
        return float(_entropy_terms(p).sum() + _entropy_terms(1 - p).sum())

    def describe(self) -> list[str]:
        """In two lines at most."""
        dense = float(self.active.mean())
        never = int((self.active == 0).sum())
        tail = f", {never} of them never" if never else ""
        return [
            f"columns: {len(self.active)} binary, each 1 in {dense:.2%} of steps on average{tail}",
            f"frequencies alone cost {self.nats_per_step:.2f} nats a step",
        ]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-able values."""
        return {
            "kind": "binary",
            "active": self.active.tolist(),
            "nats_per_step": self.nats_per_step,
        }


@dataclass(frozen=True)
class CategoricalColumns:
    """Of categorical steps: how often each value of each factor occurs."""

    factors: tuple[Histogram, ...]

    @property
    def nats_per_step(self) -> float:
        """Entropy of all factors, taken for independent."""
        return float(sum(_entropy_terms(factor.shares).sum() for factor in self.factors))

    def describe(self) -> list[str]:
        """A line for each factor, and one for all."""
        lines = []
        for factor in self.factors:
            used, size = int((factor.counts > 0).sum()), len(factor.counts)
            alike = np.exp(_entropy_terms(factor.shares).sum())
            most = factor.labels[int(factor.counts.argmax())]
            lines.append(
                f"column {factor.quantity}: {used} of {size} values occur, as varied as "
                f"{alike:.1f} equally frequent ones; {factor.shares.max():.0%} are {most}"
            )
        return [*lines, f"frequencies alone cost {self.nats_per_step:.2f} nats a step"]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-able values."""
        return {
            "kind": "categorical",
            "factors": {factor.quantity: factor.to_dict() for factor in self.factors},
            "nats_per_step": self.nats_per_step,
        }


@dataclass(frozen=True)
class RealColumns:
    """Of real-valued steps: mean, spread and PERCENTILES of each column, and of all values.

    mean, deviation (F,). percentiles (5, F) of `frames` frames, chosen evenly.
    """

    mean: Floats
    deviation: Floats
    percentiles: Floats
    values: Histogram
    frames: int

    def describe(self) -> list[str]:
        """In one line."""
        return [
            f"columns: {len(self.mean)} real, {self.values.describe()}; means "
            f"{plain(self.mean.min())} to {plain(self.mean.max())}, "
            f"deviations {plain(self.deviation.min())} to {plain(self.deviation.max())}"
        ]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-able values."""
        return {
            "kind": "real",
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "percentiles": {
                str(p): row.tolist() for p, row in zip(PERCENTILES, self.percentiles, strict=True)
            },
            "values": self.values.to_dict(),
            "frames": self.frames,
        }


Columns = BinaryColumns | CategoricalColumns | RealColumns


class Tally(Protocol):
    """Counts columns piece by piece."""

    def add(self, steps: Steps) -> None:
        """Count the steps (T, F) of one piece."""
        ...

    def columns(self) -> Columns:
        """All that was counted."""
        ...


def tally_for(encoding: Encoding, step_count: int) -> Tally:
    """An empty tally for so many steps of an encoding."""
    if encoding.is_real:
        return _RealTally(len(encoding.sizes), step_count)
    return _BinaryTally(encoding) if encoding.is_binary else _CategoricalTally(encoding)


class _BinaryTally:
    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._steps = 0
        self._ones = np.zeros(len(encoding.sizes), dtype=np.int64)

    def add(self, steps: Steps) -> None:
        bits = np.asarray(steps, dtype=np.uint8)
        self._steps += len(bits)
        whole = len(bits) // _SUMMED_AT_ONCE * _SUMMED_AT_ONCE
        # Sums of bytes are several times faster than sums of bytes as integers.
        blocks = bits[:whole].reshape(-1, _SUMMED_AT_ONCE, bits.shape[1])
        self._ones += blocks.sum(axis=1, dtype=np.uint8).sum(axis=0, dtype=np.int64)
        self._ones += bits[whole:].sum(axis=0, dtype=np.int64)

    def columns(self) -> BinaryColumns:
        active = self._ones / max(1, self._steps)
        roll = self._encoding
        if not isinstance(roll, PianoRoll):
            return BinaryColumns(
                active, {"1": (np.arange(len(active), dtype=np.float64), active)}, "column"
            )
        pitches = np.arange(roll.lowest_pitch, roll.highest_pitch + 1, dtype=np.float64)
        if not roll.articulation:
            return BinaryColumns(active, {"sounding": (pitches, active)}, "pitch")
        layers = {"struck": (pitches, active[0::2]), "held": (pitches, active[1::2])}
        return BinaryColumns(active, layers, "pitch")


class _CategoricalTally:
    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._counts = [np.zeros(size, dtype=np.int64) for size in encoding.sizes]

    def add(self, steps: Steps) -> None:
        for counts, ids in zip(self._counts, np.asarray(steps).T, strict=True):
            counts += np.bincount(ids.astype(np.int64), minlength=len(counts))

    def columns(self) -> CategoricalColumns:
        return CategoricalColumns(
            tuple(
                histograms.of_names(name, "steps", counts, labels)
                for counts, (name, labels) in zip(
                    self._counts, _factors(self._encoding), strict=True
                )
            )
        )


class _RealTally:
    """Exact means and deviations; percentiles of frames that are evenly chosen."""

    def __init__(self, width: int, step_count: int) -> None:
        self._every = max(1, -(-step_count * width // SAMPLED_VALUES))
        self._seen = 0
        self._sum, self._squares = np.zeros(width), np.zeros(width)
        self._sampled: list[NDArray[np.float32]] = []

    def add(self, steps: Steps) -> None:
        self._sum += steps.sum(axis=0, dtype=np.float64)
        self._squares += np.square(steps, dtype=np.float64).sum(axis=0)
        first = -self._seen % self._every
        self._sampled.append(np.array(steps[first :: self._every], dtype=np.float32))
        self._seen += len(steps)

    def columns(self) -> RealColumns:
        width = len(self._sum)
        frames = np.concatenate([np.empty((0, width), dtype=np.float32), *self._sampled])
        mean = self._sum / max(1, self._seen)
        variance = np.maximum(self._squares / max(1, self._seen) - mean**2, 0)
        percentiles = (
            np.percentile(frames, PERCENTILES, axis=0)
            if len(frames)
            else np.zeros((len(PERCENTILES), width))
        )
        values = histograms.of_values("value", "", "values", frames.reshape(-1))
        return RealColumns(mean, np.sqrt(variance), percentiles, values, len(frames))


def _factors(encoding: Encoding) -> list[tuple[str, list[str]]]:
    """Name of each factor and of each of its values."""
    if not isinstance(encoding, NoteEvents):
        return [
            (f"column {i}" if len(encoding.sizes) > 1 else "value", [str(v) for v in range(size)])
            for i, size in enumerate(encoding.sizes)
        ]
    grid = encoding.steps_per_quarter
    return [
        ("shift", [f"{plain(v / grid)} quarters" for v in encoding.shift_values.tolist()]),
        ("pitch", [str(encoding.lowest_pitch + i) for i in range(encoding.sizes[1])]),
        ("duration", [f"{plain(v / grid)} quarters" for v in encoding.duration_values.tolist()]),
        ("velocity", [str(v) for v in encoding.velocities(np.arange(encoding.velocity_bins))]),
    ]


def _entropy_terms(p: Floats) -> Floats:
    """-p log p of each (n,), in nats."""
    return np.asarray(-p * np.log(np.where(p > 0, p, 1.0)))
