"""The scan of `diagonal_scan` on an NVIDIA or AMD GPU, by two kernel passes over chunks of time.

Imports Triton, which comes with torch's GPU builds: import this file only where there is one.
"""

from __future__ import annotations

import math

import torch
import triton  # type: ignore[import-untyped]
import triton.language as tl  # type: ignore[import-untyped]
from torch import Tensor

_BLOCK = 64  # lanes of a program
_LONGEST_CHUNK = 256  # steps of a chunk


@triton.jit  # type: ignore[untyped-decorator]
def _advance(  # type: ignore[no-untyped-def]
    x,
    a,
    start,
    out,
    product,
    time,
    lanes,
    chunks,
    a_row,
    a_step,
    length: tl.constexpr,
    block: tl.constexpr,
    width: tl.constexpr,
    whole: tl.constexpr,
):
    # Program (row and chunk, block of lanes). whole: from `start`, writing each state to `out`;
    # else from zero, writing the last one, and to `product` that of the chunk's multipliers.
    # A complex lane is two reals side by side.
    unit = tl.program_id(0).to(tl.int64)
    row, chunk = unit // chunks, unit % chunks
    lane = tl.program_id(1) * block + tl.arange(0, block)
    inside = lane < lanes
    lane = lane * width
    begin = chunk * length
    here = (row * time + begin) * lanes * width + lane
    mine = unit * lanes * width + lane
    a_here = row * a_row + begin * a_step + lane
    real = tl.zeros((block,), dtype=x.dtype.element_ty)
    imag = real
    p_real = real + 1.0
    p_imag = real
    if whole:
        real = tl.load(start + mine, mask=inside, other=0.0)
        if width == 2:
            imag = tl.load(start + mine + 1, mask=inside, other=0.0)
    for t in range(0, length):
        # Past the end all is 0, which no chunk goes on from.
        alive = inside & (begin + t < time)
        at = here + t * lanes * width
        a_at = a_here + t * a_step
        x_real = tl.load(x + at, mask=alive, other=0.0)
        a_real = tl.load(a + a_at, mask=alive, other=0.0)
        if width == 2:
            x_imag = tl.load(x + at + 1, mask=alive, other=0.0)
            a_imag = tl.load(a + a_at + 1, mask=alive, other=0.0)
            new = a_real * real - a_imag * imag + x_real
            imag = a_real * imag + a_imag * real + x_imag
            real = new
        else:
            real = a_real * real + x_real
        if whole:
            tl.store(out + at, real, mask=alive)
            if width == 2:
                tl.store(out + at + 1, imag, mask=alive)
        elif width == 2:
            new = a_real * p_real - a_imag * p_imag
            p_imag = a_real * p_imag + a_imag * p_real
            p_real = new
        else:
            p_real = a_real * p_real
    if not whole:
        tl.store(out + mine, real, mask=inside)
        tl.store(product + mine, p_real, mask=inside)
        if width == 2:
            tl.store(out + mine + 1, imag, mask=inside)
            tl.store(product + mine + 1, p_imag, mask=inside)


def scan(x: Tensor, a: Tensor, zi: Tensor) -> Tensor:
    """h[t] = a[t] h[t-1] + x[t]: x (R, T, N), a (N,) or (R, T, N), zi (R, N) -> h (R, T, N)."""
    x, a, zi = (part.resolve_conj().contiguous() for part in (x, a, zi))
    rows, time, lanes = x.shape
    length = min(_LONGEST_CHUNK, 2 ** math.ceil(math.log2(time) / 2))
    chunks = -(-time // length)
    starts = zi.unsqueeze(1)
    if chunks > 1:
        ends, products = x.new_empty(rows, chunks, lanes), x.new_empty(rows, chunks, lanes)
        _launch(x, a, zi, ends, products, length, whole=False)
        # The ends are linked by a scan of their own; the last one starts no chunk.
        linked = scan(ends, products, zi)
        starts = torch.cat([starts, linked[:, :-1]], 1).contiguous()
    h = torch.empty_like(x)
    _launch(x, a, starts, h, h, length, whole=True)
    return h


def _launch(
    x: Tensor, a: Tensor, start: Tensor, out: Tensor, product: Tensor, length: int, *, whole: bool
) -> None:
    rows, time, lanes = x.shape
    chunks = -(-time // length)
    width = 2 if x.is_complex() else 1
    step = lanes * width if a.dim() > 1 else 0
    given = [
        torch.view_as_real(part) if part.is_complex() else part
        for part in (x, a, start, out, product)
    ]
    _advance[rows * chunks, triton.cdiv(lanes, _BLOCK)](
        *given,
        time,
        lanes,
        chunks,
        time * step,
        step,
        length=length,
        block=_BLOCK,
        width=width,
        whole=whole,
    )
