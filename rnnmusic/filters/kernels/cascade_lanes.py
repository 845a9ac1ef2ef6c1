"""A cascade of sections with channels as the lanes of a vector.

A block of `BLOCK` samples of up to `lanes` channels is turned into rows of one sample each that
stay in the nearest cache; the sections pass over it in groups that hide each other's latency. Lanes
beyond the last channel repeat it. Equations: `section.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from rnnmusic.filters.kernels.lane_passes import Passes
from rnnmusic.filters.kernels.machine import Code, Value
from rnnmusic.filters.kernels.rows import Rows

#: Samples of each channel that are worked on at once.
BLOCK = 64
_PLANE = BLOCK + 1

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
    cascade = Passes(code, shared, _PLANE)
    signal, output = Rows(code, "signal"), Rows(code, "output")
    scratch = code.address("scratch")
    checkpoints = code.address("checkpoints")

    def block(start: Value, _: list[Value]) -> list[Value]:
        stop = code.least(code.add(start, BLOCK), code.count("frames"))
        code.when(
            code.builder.icmp_signed("!=", code.count("checkpoints"), code.word(0)),
            lambda: cascade.copy_state(
                cascade.state, code.at(checkpoints, _checkpoint(code, start))
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
    cascade = Passes(code, shared, _PLANE)
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
            note = code.at(code.address("checkpoints"), _checkpoint(code, start))
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


def _checkpoint(code: Code, start: Value) -> Value:
    """Where the state at the start of a block is, in elements."""
    block = code.builder.sdiv(start, code.word(BLOCK))
    return code.mul(block, code.count("sections"), 2 * code.lanes)
