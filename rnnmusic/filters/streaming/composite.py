"""Engines made of others: sections side by side, and a filter for each channel."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rnnmusic.filters.forms import Reals
from rnnmusic.filters.kernels.cascade import Cascade
from rnnmusic.filters.streaming.engines import Arrays, DirectEngine, Engine


class ParallelEngine(Engine):
    """Sections side by side, each a channel of one cascade, and a FIR part; added up in order."""

    glides = True

    def __init__(self, sos: Reals, fir: Reals, channels: int, dtype: str) -> None:
        self._coefficients: Arrays = (sos, fir)
        self._channels, self.dtype = channels, dtype
        self.cascade = (
            Cascade(np.tile(sos[:, None], (channels, 1, 1)), channels * len(sos), dtype)
            if len(sos)
            else None
        )
        taps = np.eye(1, len(fir))[0]  # as many as fir: a = 1, 0, 0...
        self.direct = DirectEngine((fir, taps), np.zeros((channels, len(fir) - 1)), dtype)

    @property
    def coefficients(self) -> Arrays:
        """Rows of the sections, taps of the FIR part."""
        return self._coefficients

    @coefficients.setter
    def coefficients(self, values: Arrays) -> None:
        self._coefficients = values
        sos, fir = values
        if self.cascade is not None:
            self.cascade.sos = np.tile(sos[:, None], (self._channels, 1, 1))
        self.direct.coefficients = (fir, self.direct.coefficients[1])

    def run(self, block: NDArray[Any]) -> NDArray[Any]:
        """Each section hears the input."""
        out = self.direct.run(block)
        if self.cascade is None:
            return out
        count = len(self._coefficients[0])
        rows = np.repeat(np.asarray(block, dtype=self.dtype), count, axis=0)
        self.cascade.run(rows)
        rows = rows.reshape(len(block), count, block.shape[1])
        for section in range(count):  # not np.sum, whose order depends on the shape
            out += rows[:, section]
        return out

    def copy(self) -> Self:
        """The same filter in the same state."""
        sos, fir = self._coefficients
        twin = type(self)(sos, fir, self._channels, self.dtype)
        if self.cascade is not None and twin.cascade is not None:
            twin.cascade.state = self.cascade.state
        twin.direct = self.direct.copy()
        return twin

    def rest(self) -> None:
        """Zero all states."""
        if self.cascade is not None:
            self.cascade.state = np.zeros_like(self.cascade.state)
        self.direct.rest()


class ChannelsEngine(Engine):
    """A filter of its own for each row."""

    glides = True

    def __init__(self, engines: list[Engine]) -> None:
        self.engines = engines

    @property
    def coefficients(self) -> Arrays:
        """Those of all channels, one after the other."""
        return tuple(part for engine in self.engines for part in engine.coefficients)

    @coefficients.setter
    def coefficients(self, values: Arrays) -> None:
        start = 0
        for engine in self.engines:
            count = len(engine.coefficients)
            engine.coefficients = values[start : start + count]
            start += count

    def run(self, block: NDArray[Any]) -> NDArray[Any]:
        """Each channel by itself."""
        rows = zip(self.engines, block, strict=True)
        return np.concatenate([engine.run(row[None]) for engine, row in rows])

    def copy(self) -> Self:
        """Copies of all channels."""
        return type(self)([engine.copy() for engine in self.engines])

    def rest(self) -> None:
        """Zero all states."""
        for engine in self.engines:
            engine.rest()

    def can_glide_to(self, other: Engine) -> bool:
        """If every channel can."""
        return (
            isinstance(other, ChannelsEngine)
            and len(self.engines) == len(other.engines)
            and all(a.can_glide_to(b) for a, b in zip(self.engines, other.engines, strict=True))
        )
