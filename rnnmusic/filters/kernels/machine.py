"""Loops over vectors, written as LLVM IR in Python and compiled in milliseconds.

numba's own compiler, without numba in front of it: the order of every operation, and with it every
bit of a result, is what the code here says, however many channels share a vector. Nothing is
left to an optimiser that sees loops, so nothing has to be cached on disk either.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

#: An address or a count: what every argument of a compiled function is.
WORD = ir.IntType(64)
#: An IR value; llvmlite has no types for checkers.
Value = Any
Body = Callable[[Value, list[Value]], list[Value]]


class Code:
    """The body of one function, as it is being written: vectors of `lanes` reals in, vectors out.

    real is "float32" or "float64". Memory is addressed by a pointer and an index in elements.
    """

    def __init__(self, name: str, real: str, lanes: int, arguments: Sequence[str]) -> None:
        self.real: Value = ir.FloatType() if real == "float32" else ir.DoubleType()
        self.itemsize = 4 if real == "float32" else 8
        self.lanes = lanes
        self.vector: Value = ir.VectorType(self.real, lanes)
        self.module = ir.Module(name)
        self.module.triple = llvm.get_default_triple()
        kind = ir.FunctionType(ir.VoidType(), [WORD] * len(arguments))
        self._function = ir.Function(self.module, kind, name)
        self.builder = ir.IRBuilder(self._function.append_basic_block())
        self.arguments = dict(zip(arguments, self._function.args, strict=True))
        self._found = _flush_to_zero(self.module, self.builder)

    # Arguments and whole numbers

    def count(self, name: str) -> Value:
        """An argument that is a number."""
        return self.arguments[name]

    def address(self, name: str) -> Value:
        """An argument that is an address."""
        return self.builder.inttoptr(self.arguments[name], ir.PointerType())

    def word(self, value: int) -> Value:
        """A whole number."""
        return ir.Constant(WORD, value)

    def add(self, *terms: Value | int) -> Value:
        """Their sum."""
        return functools.reduce(self.builder.add, map(self._word, terms))

    def sub(self, left: Value | int, right: Value | int) -> Value:
        """Their difference."""
        return self.builder.sub(self._word(left), self._word(right))

    def mul(self, *factors: Value | int) -> Value:
        """Their product."""
        return functools.reduce(self.builder.mul, map(self._word, factors))

    def least(self, left: Value | int, right: Value | int) -> Value:
        """The smaller number."""
        left, right = self._word(left), self._word(right)
        return self.builder.select(self.builder.icmp_signed("<", left, right), left, right)

    def most(self, left: Value | int, right: Value | int) -> Value:
        """The larger number."""
        left, right = self._word(left), self._word(right)
        return self.builder.select(self.builder.icmp_signed(">", left, right), left, right)

    def _word(self, value: Value | int) -> Value:
        return self.word(value) if isinstance(value, int) else value

    # Control

    def loop(
        self,
        start: Value | int,
        stop: Value | int,
        body: Body,
        carried: Sequence[Value] = (),
        step: int = 1,
    ) -> list[Value]:
        """For each index in range(start, stop, step) take `carried` through body; its last values.

        body(index, carried) returns what it carries on.
        """
        compare = "<" if step > 0 else ">"

        def condition(index: list[Value]) -> Value:
            return self.builder.icmp_signed(compare, index[0], self._word(stop))

        def advance(values: list[Value]) -> list[Value]:
            index, *rest = values
            return [self.builder.add(index, self.word(step)), *body(index, rest)]

        return self.repeat(condition, advance, [self._word(start), *carried])[1:]

    def repeat(
        self,
        condition: Callable[[list[Value]], Value],
        body: Callable[[list[Value]], list[Value]],
        carried: Sequence[Value],
    ) -> list[Value]:
        """While the condition of `carried` holds take it through body; its last values."""
        before = self.builder.block
        head = self._function.append_basic_block()
        inside = self._function.append_basic_block()
        after = self._function.append_basic_block()
        self.builder.branch(head)
        self.builder.position_at_end(head)
        values = [self.builder.phi(value.type) for value in carried]
        for value, first in zip(values, carried, strict=True):
            value.add_incoming(first, before)
        self.builder.cbranch(condition(values), inside, after)
        self.builder.position_at_end(inside)
        for value, following in zip(values, body(values), strict=True):
            value.add_incoming(following, self.builder.block)
        self.builder.branch(head)
        self.builder.position_at_end(after)
        return list(values)

    def when(self, condition: Value, body: Callable[[], None]) -> None:
        """Do it only if the condition holds."""
        with self.builder.if_then(condition):
            body()

    # Memory

    def at(self, pointer: Value, index: Value | int) -> Value:
        """The address of an element."""
        return self.builder.gep(pointer, [self._word(index)], source_etype=self.real)

    def load(self, pointer: Value, index: Value | int = 0) -> Value:
        """A vector of consecutive elements."""
        return self.builder.load(self.at(pointer, index), typ=self.vector, align=self.itemsize)

    def store(self, value: Value, pointer: Value, index: Value | int = 0) -> None:
        """A vector, or one number, into consecutive elements."""
        self.builder.store(value, self.at(pointer, index), align=self.itemsize)

    def load_one(self, pointer: Value, index: Value | int = 0) -> Value:
        """One number."""
        return self.builder.load(self.at(pointer, index), typ=self.real, align=self.itemsize)

    def prefetch(self, pointer: Value, index: Value | int, to_write: bool) -> None:
        """Ask for the cache line of an element, which need not exist."""
        flags = [ir.Constant(ir.IntType(32), flag) for flag in (int(to_write), 3, 1)]
        self.builder.call(self._prefetch, [self.at(pointer, index), *flags])

    @functools.cached_property
    def _prefetch(self) -> Value:
        kind = ir.FunctionType(ir.VoidType(), [ir.PointerType(), *[ir.IntType(32)] * 3])
        return ir.Function(self.module, kind, "llvm.prefetch.p0")

    # Vectors

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a b + c, rounded once where the processor can."""
        return self.builder.call(self._fma, [a, b, c])

    @functools.cached_property
    def _fma(self) -> Value:
        # The other one, where fma isn't an instruction but a slow call of the C library.
        name = "llvm.fma" if _has_fma() else "llvm.fmuladd"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        return ir.Function(self.module, kind, f"{name}.v{self.lanes}f{8 * self.itemsize}")

    def times(self, a: Value, b: Value) -> Value:
        """Their product."""
        return self.builder.fmul(a, b)

    def plus(self, a: Value, b: Value) -> Value:
        """Their sum."""
        return self.builder.fadd(a, b)

    def constant(self, value: float) -> Value:
        """The same number in each lane."""
        return ir.Constant(self.vector, [float(value)] * self.lanes)

    def splat(self, number: Value) -> Value:
        """A number in each lane."""
        one = self.put(ir.Constant(self.vector, ir.Undefined), number, 0)
        return self.shuffle(one, one, [0] * self.lanes)

    def put(self, vector: Value, number: Value, lane: int) -> Value:
        """The vector with a number in one lane."""
        return self.builder.insert_element(vector, number, ir.Constant(ir.IntType(32), lane))

    def take(self, vector: Value, lane: int) -> Value:
        """The number in one lane."""
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), lane))

    def shuffle(self, left: Value, right: Value, lanes: Sequence[int]) -> Value:
        """The lanes of two vectors, numbered through, in this order."""
        kind = ir.VectorType(ir.IntType(32), len(lanes))
        return self.builder.shuffle_vector(left, right, ir.Constant(kind, list(lanes)))

    def transpose(self, rows: Sequence[Value]) -> list[Value]:
        """As many vectors as lanes, rows become columns: perfect shuffles, log2 of them deep."""
        lanes, half = self.lanes, self.lanes // 2
        low = [lane for pair in range(half) for lane in (pair, pair + lanes)]
        high = [lane + half for lane in low]
        rows = list(rows)
        for _ in range(lanes.bit_length() - 1):
            pairs = list(zip(rows[:half], rows[half:], strict=True))
            rows = [self.shuffle(*pair, order) for pair in pairs for order in (low, high)]
        return rows

    def lanes_within(self, index: Value, delays: Sequence[int], count: Value) -> Value:
        """In which lanes index - delay is in range(count)."""
        words = ir.VectorType(WORD, self.lanes)
        undefined, first = ir.Constant(words, ir.Undefined), ir.Constant(ir.IntType(32), 0)
        index, count = (
            self.shuffle(vector, vector, [0] * self.lanes)
            for vector in (
                self.builder.insert_element(undefined, number, first) for number in (index, count)
            )
        )
        ages = self.builder.sub(index, ir.Constant(words, list(delays)))
        return self.builder.icmp_unsigned("<", ages, count)

    def first_lanes(self, vector: Value, count: Value) -> Value:
        """The vector with zeros from lane `count` on."""
        lanes = self.lanes_within(self.sub(count, 1), list(range(self.lanes)), count)
        return self.builder.select(lanes, vector, self.constant(0.0))

    def total(self, vector: Value) -> Value:
        """The sum of its lanes, added up in pairs."""
        size = self.lanes
        while size > 1:
            size //= 2
            upper = self.shuffle(vector, vector, range(size, 2 * size))
            vector = self.plus(self.shuffle(vector, vector, range(size)), upper)
        return self.take(vector, 0)

    def increase(self, value: Value, pointer: Value, index: Value | int = 0) -> None:
        """Add a vector, or one number, to consecutive float64 elements."""
        double: Value = ir.DoubleType()
        place = self.builder.gep(pointer, [self._word(index)], source_etype=double)
        kind = double if value.type == self.real else ir.VectorType(double, self.lanes)
        if self.itemsize < 8:
            value = self.builder.fpext(value, kind)
        total = self.builder.fadd(self.builder.load(place, typ=kind, align=8), value)
        self.builder.store(total, place, align=8)

    def compiled(self) -> Callable[..., None]:
        """The function, of whole numbers; it lets go of Python's lock while it runs."""
        if self._found is not None:
            _set_control(self.module, self.builder, self._found)
        self.builder.ret_void()
        engine, address = _compile(str(self.module), self._function.name)
        # As pointers, which ctypes converts twice as fast as numbers.
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(self._function.args))(address)
        _ENGINES.append(engine)  # the code lives as long as this does
        call: Callable[..., None] = function
        return call


_ENGINES: list[Any] = []
#: Bits of an x86 processor's control word: results and operands below the smallest normal
#: number are zeros. A decaying filter arrives there, and each operation takes a hundred times as
#: long on some processors.
_DENORMALS_ARE_ZEROS = 0x8040


def _flush_to_zero(module: Value, builder: Value) -> Value | None:
    """Take denormal numbers for zeros from here on; where the control word as it was is kept."""
    if not llvm.get_default_triple().startswith("x86_64"):
        return None
    word, pointer = ir.IntType(32), ir.FunctionType(ir.VoidType(), [ir.PointerType()])
    found, own = builder.alloca(word), builder.alloca(word)
    store = ir.Function(module, pointer, "llvm.x86.sse.stmxcsr")
    ir.Function(module, pointer, "llvm.x86.sse.ldmxcsr")
    builder.call(store, [found])
    bits = ir.Constant(word, _DENORMALS_ARE_ZEROS)
    builder.store(builder.or_(builder.load(found), bits), own)
    _set_control(module, builder, own)
    return found


def _set_control(module: Value, builder: Value, place: Value) -> None:
    builder.call(module.get_global("llvm.x86.sse.ldmxcsr"), [place])


@functools.cache
def _has_fma() -> bool:
    """Whether fma is an instruction here, and not a slow call of the C library."""
    features = llvm.get_host_cpu_features()
    return "fma" not in features or bool(features["fma"])


@functools.cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


def _compile(text: str, name: str) -> tuple[Any, int]:
    machine = _target().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    module = llvm.parse_assembly(text)
    module.verify()
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine, engine.get_function_address(name)
