"""A cascade of sections with channels as the lanes of a vector.

A block of `BLOCK` samples of up to `lanes` channels is turned into rows of one sample each that
stay in the nearest cache; the sections pass over it in groups that hide each other's latency. Lanes
beyond the last channel repeat it. Equations: `section.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from rnnmusic.filters.kernels.machine import Code, Value
from rnnmusic.filters.kernels.rows import Rows
from rnnmusic.filters.kernels.section import TERMS, correlate, step, step_back

#: Samples of each channel that are worked on at once.
BLOCK = 64
_PLANE = BLOCK + 1
_LARGEST_GROUP = 3
#: Backwards, where each section's correlations stay in registers too.
_LARGEST_GROUP_BACK = 2

FORWARD = (
    "signal", "signal_stride", "output", "output_stride", "channels", "frames",
    "sections", "terms", "terms_stride", "hop", "state", "checkpoints", "scratch",
)  # fmt: skip
BACKWARD = (
    "signal", "signal_stride", "output", "output_stride", "channels", "frames",
    "sections", "terms", "terms_stride", "hop", "state", "checkpoints", "scratch",
    "adjoint_terms", "upstream", "upstream_stride", "sums",
)  # fmt: skip


def scratch_size(sections: int, lanes: int) -> int:
    """How many numbers of scratch the functions here ask for."""
    return ((sections + 2) * _PLANE + 2 * sections) * lanes


@functools.cache
def forward(real: str, lanes: int, shared: bool) -> Callable[..., None]:
    """The compiled function of the arguments `FORWARD`; signal and output may be the same.

    terms (rows, sections, 5), of row k for frames [k hop, (k + 1) hop); with lanes innermost
    unless the lanes share them. state (sections, 2, lanes) is what comes in and goes out,
    checkpoints (blocks, sections, 2, lanes) is where it is noted at each block's start, or 0.
    """
    code = Code("forward", real, lanes, FORWARD)
    cascade = _Cascade(code, shared)
    signal, output = Rows(code, "signal"), Rows(code, "output")
    scratch = code.address("scratch")
    checkpoints = code.address("checkpoints")

    def block(start: Value, _: list[Value]) -> list[Value]:
        stop = code.least(code.add(start, BLOCK), code.count("frames"))
        code.when(
            code.builder.icmp_signed("!=", code.count("checkpoints"), code.word(0)),
            lambda: cascade.copy_state(
                cascade.state, code.at(checkpoints, cascade.checkpoint(start))
            ),
        )
        signal.gather(start, stop, scratch)
        cascade.filter(cascade.state, start, stop, scratch, keep=False)
        output.scatter(start, stop, scratch)
        return []

    code.loop(0, code.count("frames"), block, step=BLOCK)
    return code.compiled()


@functools.cache
def backward(real: str, lanes: int, shared: bool, with_sums: bool) -> Callable[..., None]:
    """The compiled function of the arguments `BACKWARD`: the adjoint, block by block from the end.

    upstream is the gradient of the loss with respect to the output, output receives that with
    respect to the signal, state (sections, 2, lanes) turns from that of the last state into that
    of the first. Sums, float64, of shape (rows, sections, 5), with lanes innermost unless they
    share coefficients, grow by the correlations of `section.py`.
    """
    code = Code("backward", real, lanes, BACKWARD)
    cascade = _Cascade(code, shared)
    frames = code.count("frames")
    signal, upstream, output = (Rows(code, name) for name in ("signal", "upstream", "output"))
    inputs = code.address("scratch")
    row = code.mul(_PLANE, lanes)
    gradient = code.at(inputs, code.mul(code.add(code.count("sections"), 1), row))
    state = code.at(gradient, row)

    def block(last: Value, _: list[Value]) -> list[Value]:
        start = code.sub(last, BLOCK - 1)
        stop = code.least(code.add(start, BLOCK), frames)
        # Processors don't foresee blocks that come in falling order.
        for rows in (signal, upstream, output) if with_sums else (upstream, output):
            rows.prefetch(code.sub(start, BLOCK), BLOCK)
        if with_sums:
            note = code.at(code.address("checkpoints"), cascade.checkpoint(start))
            cascade.copy_state(note, state)
            signal.gather(start, stop, inputs)
            cascade.filter(state, start, stop, inputs, keep=True)
        upstream.gather(start, stop, gradient)
        cascade.adjoint(start, stop, inputs, gradient, with_sums)
        output.scatter(start, stop, gradient)
        return []

    blocks = code.builder.sdiv(code.add(frames, BLOCK - 1), code.word(BLOCK))
    code.loop(code.sub(code.mul(blocks, BLOCK), 1), -1, block, step=-BLOCK)
    return code.compiled()


class _Cascade:
    """The parts of both functions, as they are written into one of them."""

    def __init__(self, code: Code, shared: bool) -> None:
        self.code = code
        self.shared = shared
        self.sections = code.count("sections")
        self.hop = code.count("hop")
        self.terms_stride = code.count("terms_stride")
        self.state = code.address("state")

    def checkpoint(self, start: Value) -> Value:
        """Where the state at the start of a block is, in elements."""
        code = self.code
        block = code.builder.sdiv(start, code.word(BLOCK))
        return code.mul(block, self.sections, 2 * code.lanes)

    def copy_state(self, source: Value, target: Value) -> None:
        """All sections' states."""
        code = self.code

        def copy(index: Value, _: list[Value]) -> list[Value]:
            code.store(code.load(source, index), target, index)
            return []

        code.loop(0, code.mul(self.sections, 2 * code.lanes), copy, step=code.lanes)

    # Sections

    def filter(self, state: Value, start: Value, stop: Value, scratch: Value, keep: bool) -> None:
        """All sections over frames [start, stop) of scratch (frames, lanes).

        With keep, scratch is (sections + 1, BLOCK, lanes): each section's input, then the output.
        """
        code = self.code

        def segment(frame: Value, following: Value) -> None:
            terms = code.at(code.address("terms"), self._row(frame, self.terms_stride))

            def group(size: int) -> Callable[[list[Value]], list[Value]]:
                def body(carried: list[Value]) -> list[Value]:
                    self._pass(
                        size, carried[0], terms, state, scratch,
                        code.sub(frame, start), code.sub(following, start), keep,
                    )  # fmt: skip
                    return [code.add(carried[0], size)]

                return body

            def fits(size: int) -> Callable[[list[Value]], Value]:
                # Four sections left are two and two, not three and one.
                def condition(carried: list[Value]) -> Value:
                    left = code.sub(self.sections, carried[0])
                    enough = code.builder.icmp_signed(">=", left, code.word(size))
                    if size < _LARGEST_GROUP:
                        return enough
                    other = code.builder.icmp_signed("!=", left, code.word(size + 1))
                    return code.builder.and_(enough, other)

                return condition

            done = [code.word(0)]
            for size in range(_LARGEST_GROUP, 0, -1):
                done = code.repeat(fits(size), group(size), done)

        def advance(carried: list[Value]) -> list[Value]:
            following = code.least(stop, self._row_end(carried[0]))
            segment(carried[0], following)
            return [following]

        code.repeat(
            lambda carried: code.builder.icmp_signed("<", carried[0], stop), advance, [start]
        )

    def _pass(
        self,
        size: int,
        first: Value,
        terms: Value,
        state: Value,
        scratch: Value,
        start: Value,
        stop: Value,
        keep: bool,
    ) -> None:
        """So many sections from the first on, over rows [start, stop) of scratch."""
        code, lanes = self.code, self.code.lanes
        plane = _PLANE * lanes
        own = self._terms_of(terms, first, size)
        source = code.at(scratch, code.mul(first, plane)) if keep else scratch
        memory = code.at(state, code.mul(first, 2 * lanes))
        carried = [code.load(memory, index * lanes) for index in range(2 * size)]

        def frame(index: Value, carried: list[Value]) -> list[Value]:
            place = code.mul(index, lanes)
            signal = code.load(source, place)
            following = []
            for section in range(size):
                s0, s1 = carried[2 * section : 2 * section + 2]
                signal, *states = step(code, own[section], signal, s0, s1)
                following += states
                if keep:
                    code.store(signal, source, code.add(place, (section + 1) * plane))
            if not keep:
                code.store(signal, source, place)
            return following

        for index, value in enumerate(code.loop(start, stop, frame, carried)):
            code.store(value, memory, index * lanes)

    def adjoint(
        self, start: Value, stop: Value, inputs: Value, gradient: Value, with_sums: bool
    ) -> None:
        """All sections backwards over frames [start, stop) of gradient (frames, lanes)."""
        code = self.code

        def advance(carried: list[Value]) -> list[Value]:
            end = carried[0]
            begin = code.most(start, self._row_start(code.sub(end, 1)))
            terms = code.at(code.address("adjoint_terms"), self._row(begin, self.terms_stride))

            def group(size: int) -> Callable[[list[Value]], list[Value]]:
                def body(carried: list[Value]) -> list[Value]:
                    first = code.sub(carried[0], size)
                    self._pass_back(
                        size, first, terms, inputs, gradient, begin, code.sub(begin, start),
                        code.sub(end, start), with_sums,
                    )  # fmt: skip
                    return [first]

                return body

            left = [self.sections]
            for size in range(_LARGEST_GROUP_BACK, 0, -1):
                fits = functools.partial(self._are_left, size)
                left = code.repeat(fits, group(size), left)
            return [begin]

        code.repeat(
            lambda carried: code.builder.icmp_signed(">", carried[0], start), advance, [stop]
        )

    def _are_left(self, size: int, left: list[Value]) -> Value:
        return self.code.builder.icmp_signed(">=", left[0], self.code.word(size))

    def _pass_back(
        self,
        size: int,
        first: Value,
        terms: Value,
        inputs: Value,
        gradient: Value,
        frame: Value,
        start: Value,
        stop: Value,
        with_sums: bool,
    ) -> None:
        """Sections backwards over rows [start, stop) of gradient, and their correlations."""
        code, lanes = self.code, self.code.lanes
        plane = _PLANE * lanes
        own = self._terms_of(terms, first, size)
        memory = code.at(self.state, code.mul(first, 2 * lanes))
        source = code.at(inputs, code.mul(first, plane))
        width = 2 + TERMS * with_sums

        def back(index: Value, carried: list[Value]) -> list[Value]:
            place = code.mul(index, lanes)
            result = code.load(gradient, place)
            left = code.load(source, code.add(place, size * plane)) if with_sums else None
            following: list[list[Value]] = []
            for section in reversed(range(size)):
                v1, v2, *sums = carried[width * section : width * (section + 1)]
                v0, result = step_back(code, own[section], result, v1, v2)
                if with_sums:
                    entered = code.load(source, code.add(place, section * plane))
                    sums = correlate(code, sums, (v0, v1, v2), entered, left)
                    left = entered
                following.insert(0, [v0, v1, *sums])
            code.store(result, gradient, place)
            return [value for part in following for value in part]

        sums = [code.constant(0.0)] * (width - 2)
        carried = []
        for section in range(size):
            place = 2 * section * lanes
            carried += [code.load(memory, place), code.load(memory, place + lanes), *sums]
        carried = code.loop(code.sub(stop, 1), code.sub(start, 1), back, carried, step=-1)
        for section in range(size):
            v1, v2, *sums = carried[width * section : width * (section + 1)]
            code.store(v1, memory, 2 * section * lanes)
            code.store(v2, memory, (2 * section + 1) * lanes)
            if with_sums:
                self._add_sums(sums, frame, code.add(first, section))

    def _add_sums(self, sums: list[Value], frame: Value, section: Value) -> None:
        """To the float64 sums of the row that holds for this frame; repeated lanes don't count."""
        code = self.code
        width = 1 if self.shared else code.lanes
        per_row = code.mul(self.sections, TERMS * width)
        row = self._row(frame, per_row)
        place = code.add(row, code.mul(section, TERMS * width))
        for index, value in enumerate(sums):
            if self.shared:
                value = code.total(code.first_lanes(value, code.count("channels")))
            code.increase(value, code.address("sums"), code.add(place, index * width))

    def _terms_of(self, terms: Value, first: Value, size: int) -> list[list[Value]]:
        code = self.code
        width = 1 if self.shared else code.lanes
        place = code.at(terms, code.mul(first, TERMS * width))

        def read(index: int) -> Value:
            if self.shared:
                return code.splat(code.load_one(place, index))
            return code.load(place, index * width)

        return [[read(TERMS * section + i) for i in range(TERMS)] for section in range(size)]

    # Rows of coefficients

    def _row(self, frame: Value, stride: Value) -> Value:
        """Where the row that holds for this frame is, in elements."""
        return self.code.mul(self.code.builder.sdiv(frame, self.hop), stride)

    def _row_start(self, frame: Value) -> Value:
        return self._row(frame, self.hop)

    def _row_end(self, frame: Value) -> Value:
        return self.code.add(self._row_start(frame), self.hop)
