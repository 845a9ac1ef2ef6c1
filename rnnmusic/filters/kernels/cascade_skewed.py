"""A cascade of sections with the sections as the lanes of a vector, for single channels.

In step t section s works on sample t - `SKEW` s, so that what it needs of the section before it was
ready `SKEW` steps ago: a cascade costs little more than one section. As each section does to
each sample what it does in `cascade_lanes.py`, the bits are the same. Equations: `section.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from rnnmusic.filters.kernels.machine import Code, Value
from rnnmusic.filters.kernels.section import TERMS, correlate, step, step_back

#: Steps between a section's output and its use by the next: one vector's way through the pipeline.
SKEW = 2
#: Samples between two checkpoints.
BLOCK = 256

FORWARD = ("signal", "output", "frames", "block", "terms", "state", "checkpoints")
BACKWARD = (
    "signal", "output", "frames", "terms", "state", "checkpoints", "adjoint_terms", "upstream",
    "sums", "trace",
)  # fmt: skip


def lanes_for(sections: int) -> int:
    """The width of the vectors."""
    return max(4, 1 << (sections - 1).bit_length())


def trace_size(sections: int) -> int:
    """How many numbers of scratch `backward` asks for."""
    return 2 * (BLOCK + SKEW * (sections - 1)) * lanes_for(sections)


@functools.cache
def forward(real: str, sections: int) -> Callable[..., None]:
    """The compiled function of the arguments `FORWARD`; signal and output may be the same.

    terms (5, lanes), the sections in the first lanes. state (2, lanes) is what comes in and goes
    out; checkpoints (blocks, 2, lanes) is where it is noted before every `block` samples, or 0.
    """
    code = Code("forward", real, lanes_for(sections), FORWARD)
    cascade = _Cascade(code, sections)
    block = code.count("block")

    def each(index: Value, _: list[Value]) -> list[Value]:
        def note() -> None:
            place = code.at(code.address("checkpoints"), code.mul(index, 2 * code.lanes))
            cascade.store_pair(cascade.load_pair(cascade.state), place)

        wanted = code.builder.icmp_signed("!=", code.count("checkpoints"), code.word(0))
        code.when(wanted, note)
        cascade.filter(cascade.state, *cascade.bounds(index, block), keep=False)
        return []

    code.loop(0, cascade.blocks(block), each)
    return code.compiled()


@functools.cache
def backward(real: str, sections: int, with_sums: bool) -> Callable[..., None]:
    """The compiled function of the arguments `BACKWARD`: the adjoint, block by block from the end.

    As `cascade_lanes.backward`, of one channel, with sums (5, lanes) and checkpoints that were
    noted before every `BLOCK` samples.
    """
    code = Code("backward", real, lanes_for(sections), BACKWARD)
    cascade = _Cascade(code, sections)
    block = code.word(BLOCK)

    def each(index: Value, _: list[Value]) -> list[Value]:
        start, frames = cascade.bounds(index, block)
        if with_sums:
            state = code.at(code.address("checkpoints"), code.mul(index, 2 * code.lanes))
            cascade.filter(state, start, frames, keep=True)
        cascade.adjoint(start, frames, with_sums)
        return []

    code.loop(code.sub(cascade.blocks(block), 1), -1, each, step=-1)
    return code.compiled()


class _Cascade:
    """The parts of both functions, as they are written into one of them."""

    def __init__(self, code: Code, sections: int) -> None:
        self.code = code
        self.last = sections - 1
        self.delay = SKEW * self.last
        self.state = code.address("state")

    def blocks(self, block: Value) -> Value:
        """How many there are."""
        code = self.code
        return code.builder.sdiv(code.add(code.count("frames"), block, -1), block)

    def bounds(self, index: Value, block: Value) -> tuple[Value, Value]:
        """A block's first sample and how many it has."""
        code = self.code
        start = code.mul(index, block)
        return start, code.least(block, code.sub(code.count("frames"), start))

    def load_pair(self, pointer: Value) -> list[Value]:
        """Two vectors: s0 and s1, or v[t] and v[t+1], of all sections."""
        return [self.code.load(pointer), self.code.load(pointer, self.code.lanes)]

    def store_pair(self, values: list[Value], pointer: Value) -> None:
        """The inverse of `load_pair`."""
        for row, value in enumerate(values):
            self.code.store(value, pointer, row * self.code.lanes)

    def _terms(self, name: str) -> list[Value]:
        code = self.code
        return [code.load(code.address(name), term * code.lanes) for term in range(TERMS)]

    def filter(self, state: Value, start: Value, frames: Value, keep: bool) -> None:
        """So many samples from start on to the output, the state to where it was.

        To keep, every step's vectors go to the trace instead, and the state stays as it was.
        """
        code, terms = self.code, self._terms("terms")
        signal = code.at(code.address("signal"), start)
        target = code.address("trace") if keep else code.at(code.address("output"), start)

        def advance(
            index: Value, carried: list[Value], filling: bool, draining: bool
        ) -> list[Value]:
            s0, s1, *past = carried
            read = code.least(index, code.sub(frames, 1)) if draining else index
            entered = self._moved_on(past[-1], code.load_one(signal, read))
            left, *following = step(code, terms, entered, s0, s1)
            if filling or draining:
                active = self._active(index, frames)
                following = self._where(active, following, [s0, s1])
            if keep:
                self.store_pair([entered, left], self._trace(index))
            elif not filling:
                code.store(code.take(left, self.last), target, code.sub(index, self.delay))
            return [*following, left, *past[:-1]]

        carried = [*self.load_pair(state), *[code.constant(0.0)] * SKEW]
        full = code.most(frames, self.delay)
        carried = code.loop(
            0, self.delay, lambda i, c: advance(i, c, filling=True, draining=True), carried
        )
        carried = code.loop(
            self.delay, frames, lambda i, c: advance(i, c, filling=False, draining=False), carried
        )
        s0, s1, *_ = code.loop(
            full,
            code.add(frames, self.delay),
            lambda i, c: advance(i, c, filling=False, draining=True),
            carried,
        )
        if not keep:
            self.store_pair([s0, s1], state)

    def adjoint(self, start: Value, frames: Value, with_sums: bool) -> None:
        """So many samples from start on, backwards, and their correlations from the trace."""
        code, terms = self.code, self._terms("adjoint_terms")
        upstream = code.at(code.address("upstream"), start)
        output = code.at(code.address("output"), start)
        delay = self.delay

        def advance(
            index: Value, carried: list[Value], filling: bool, draining: bool
        ) -> list[Value]:
            v1, v2 = carried[:2]
            past, sums = carried[2 : 2 + SKEW], carried[2 + SKEW :]
            read = code.most(code.sub(index, delay), 0) if draining else code.sub(index, delay)
            entered = self._moved_back(past[-1], code.load_one(upstream, read))
            v0, left = step_back(code, terms, entered, v1, v2)
            pair, following = [v0, v1], sums
            if with_sums:
                following = correlate(code, sums, (v0, v1, v2), *self.load_pair(self._trace(index)))
            if filling or draining:
                active = self._active(index, frames)
                pair = self._where(active, pair, [v1, v2])
                following = self._where(active, following, sums)
            if not filling:
                code.store(code.take(left, 0), output, index)
            return [*pair, left, *past[:-1], *following]

        zero = code.constant(0.0)
        carried = [*self.load_pair(self.state), *[zero] * (SKEW + TERMS * with_sums)]
        carried = code.loop(
            code.add(frames, delay - 1),
            code.sub(frames, 1),
            lambda i, c: advance(i, c, filling=True, draining=True),
            carried,
            step=-1,
        )
        carried = code.loop(
            code.sub(frames, 1),
            delay - 1,
            lambda i, c: advance(i, c, filling=False, draining=False),
            carried,
            step=-1,
        )
        carried = code.loop(
            code.sub(code.least(frames, delay), 1),
            -1,
            lambda i, c: advance(i, c, filling=False, draining=True),
            carried,
            step=-1,
        )
        self.store_pair(carried[:2], self.state)
        for term, value in enumerate(carried[2 + SKEW :]):
            code.increase(value, code.address("sums"), term * code.lanes)

    def _trace(self, index: Value) -> Value:
        return self.code.at(self.code.address("trace"), self.code.mul(index, 2 * self.code.lanes))

    def _moved_on(self, outputs: Value, number: Value) -> Value:
        """Each section's output as the input of the next, the number as that of the first."""
        code = self.code
        order = [code.lanes, *range(code.lanes - 1)]
        return code.shuffle(outputs, code.splat(number), order)

    def _moved_back(self, outputs: Value, number: Value) -> Value:
        """Each section's output as the input of the one before, the number as that of the last."""
        code = self.code
        order = [*range(1, code.lanes), 0]
        order[self.last] = code.lanes
        return code.shuffle(outputs, code.splat(number), order)

    def _active(self, index: Value, frames: Value) -> Value:
        """Which sections have a sample of the block to work on in this step."""
        return self.code.lanes_within(index, [SKEW * s for s in range(self.code.lanes)], frames)

    def _where(self, active: Value, new: list[Value], old: list[Value]) -> list[Value]:
        select = self.code.builder.select
        return [select(active, *pair) for pair in zip(new, old, strict=True)]
