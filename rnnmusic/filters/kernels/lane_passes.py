"""The sections of a cascade over rows of samples, channels as the lanes of a vector.

Up to three sections pass over the rows together: each waits for itself and hides the others'
waiting, and what is between them stays in registers. Equations: `section.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from rnnmusic.filters.kernels.machine import Code, Value
from rnnmusic.filters.kernels.section import TERMS, correlate, step, step_back

_LARGEST_GROUP = 3


class Passes:
    """The passes of a function's sections over its scratch memory, as its code.

    Where all sections' rows are kept, each section's are `plane` rows after the last one's. The
    lanes have one set of coefficients if it is shared.
    """

    def __init__(self, code: Code, shared: bool, plane: int) -> None:
        self.code = code
        self.shared = shared
        self.plane = plane * code.lanes
        self.sections = code.count("sections")
        self.hop = code.count("hop")
        self.terms_stride = code.count("terms_stride")
        self.state = code.address("state")

    def copy_state(self, source: Value, target: Value) -> None:
        """All sections' states."""
        code = self.code

        def copy(index: Value, _: list[Value]) -> list[Value]:
            code.store(code.load(source, index), target, index)
            return []

        code.loop(0, code.mul(self.sections, 2 * code.lanes), copy, step=code.lanes)

    # Sections

    def _in_groups(self, body: Callable[[int, Value], None]) -> None:
        """body(size, sections done) until all are."""
        code = self.code

        def fits(size: int, carried: list[Value]) -> Value:
            # Four sections left are two and two, not three and one.
            left = code.sub(self.sections, carried[0])
            enough = code.builder.icmp_signed(">=", left, code.word(size))
            if size < _LARGEST_GROUP:
                return enough
            other = code.builder.icmp_signed("!=", left, code.word(size + 1))
            return code.builder.and_(enough, other)

        def group(size: int, carried: list[Value]) -> list[Value]:
            body(size, carried[0])
            return [code.add(carried[0], size)]

        done = [code.word(0)]
        for size in range(_LARGEST_GROUP, 0, -1):
            done = code.repeat(functools.partial(fits, size), functools.partial(group, size), done)

    def filter(self, state: Value, start: Value, stop: Value, scratch: Value, keep: bool) -> None:
        """All sections over frames [start, stop) of scratch (frames, lanes).

        With keep, scratch is (sections + 1, BLOCK, lanes): each section's input, then the output.
        """
        code = self.code

        def segment(frame: Value, following: Value) -> None:
            terms = code.at(code.address("terms"), self._row(frame, self.terms_stride))

            def group(size: int, done: Value) -> None:
                self._pass(
                    size, done, terms, state, scratch,
                    code.sub(frame, start), code.sub(following, start), keep,
                )  # fmt: skip

            self._in_groups(group)

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
        own = self._terms_of(terms, first, size)
        source = code.at(scratch, code.mul(first, self.plane)) if keep else scratch
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
                    code.store(signal, source, code.add(place, (section + 1) * self.plane))
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

            def group(size: int, done: Value) -> None:
                first = code.sub(self.sections, code.add(done, size))
                self._pass_back(
                    size, first, terms, inputs, gradient, begin, code.sub(begin, start),
                    code.sub(end, start), with_sums,
                )  # fmt: skip

            self._in_groups(group)
            return [begin]

        code.repeat(
            lambda carried: code.builder.icmp_signed(">", carried[0], start), advance, [stop]
        )

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
        own = self._terms_of(terms, first, size)
        memory = code.at(self.state, code.mul(first, 2 * lanes))
        source = code.at(inputs, code.mul(first, self.plane))
        width = 2 + TERMS * with_sums

        def back(index: Value, carried: list[Value]) -> list[Value]:
            place = code.mul(index, lanes)
            result = code.load(gradient, place)
            left = code.load(source, code.add(place, size * self.plane)) if with_sums else None
            following: list[list[Value]] = []
            for section in reversed(range(size)):
                v1, v2, *sums = carried[width * section : width * (section + 1)]
                v0, result = step_back(code, own[section], result, v1, v2)
                if with_sums:
                    entered = code.load(source, code.add(place, section * self.plane))
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
