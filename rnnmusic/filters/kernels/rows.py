"""Signals of several channels in memory, and the rows of one sample each that vectors want."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnmusic.filters.kernels.machine import Code, Value

#: Bytes of a cache line.
_LINE = 64


class Rows:
    """An argument (channels, frames), of which each channel's frames lie side by side.

    Its stride is the argument `name`_stride. Lanes beyond the last of `channels` repeat it.
    """

    def __init__(self, code: Code, name: str) -> None:
        self._code, self._name = code, name
        stride, last = code.count(f"{name}_stride"), code.sub(code.count("channels"), 1)
        self._rows = [
            code.at(code.address(name), code.mul(code.least(lane, last), stride))
            for lane in range(code.lanes)
        ]

    def gather(self, start: Value, stop: Value, scratch: Value) -> None:
        """Frames of all channels into scratch (frames, lanes)."""
        code, lanes, rows = self._code, self._code.lanes, self._rows

        def tile(frame: Value, target: Value) -> None:
            for index, column in enumerate(code.transpose([code.load(row, frame) for row in rows])):
                code.store(column, target, index * lanes)

        def single(frame: Value, target: Value) -> None:
            for lane, row in enumerate(rows):
                code.store(code.load_one(row, frame), target, lane)

        self._by_tiles(start, stop, scratch, tile, single)

    def scatter(self, start: Value, stop: Value, scratch: Value) -> None:
        """The inverse of `gather`; the last channel is written after the lanes that repeat it."""
        code, lanes = self._code, self._code.lanes
        rows = list(enumerate(self._rows))[::-1]

        def tile(frame: Value, source: Value) -> None:
            columns = code.transpose([code.load(source, index * lanes) for index in range(lanes)])
            for lane, row in rows:
                code.store(columns[lane], row, frame)

        def single(frame: Value, source: Value) -> None:
            for lane, row in rows:
                code.store(code.load_one(source, lane), row, frame)

        self._by_tiles(start, stop, scratch, tile, single)

    def prefetch(self, start: Value, frames: int) -> None:
        """Ask for so many frames of each channel from start on."""
        code = self._code
        for row in self._rows:
            for frame in range(0, frames, _LINE // code.itemsize):
                code.prefetch(row, code.add(start, frame), to_write=self._name == "output")

    def _by_tiles(
        self,
        start: Value,
        stop: Value,
        scratch: Value,
        tile: Callable[[Value, Value], None],
        single: Callable[[Value, Value], None],
    ) -> None:
        """Squares of lanes x lanes as long as there are any, then one frame after the other."""
        code, lanes = self._code, self._code.lanes

        def each(body: Callable[[Value, Value], None]) -> Any:
            def step(frame: Value, _: list[Value]) -> list[Value]:
                body(frame, code.at(scratch, code.mul(code.sub(frame, start), lanes)))
                return []

            return step

        count = code.sub(stop, start)
        whole = code.sub(stop, code.builder.srem(count, code.word(lanes)))
        code.loop(start, whole, each(tile), step=lanes)
        code.loop(whole, stop, each(single))
