"""Diagonal state spaces from a real waveform to a real one, without the states in between."""

from __future__ import annotations

import math
from typing import Literal, overload

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.errors import InputError
from rnnmusic.filters.functional.chunks import run_chunks
from rnnmusic.filters.functional.diagonal_matrices import matrices, powers


@overload
def diagonal_ssm(
    waveform: Tensor,
    poles: Tensor,
    b: Tensor,
    c: Tensor,
    d: Tensor | None = None,
    zi: Tensor | None = None,
    return_zf: Literal[False] = False,
) -> Tensor: ...
@overload
def diagonal_ssm(
    waveform: Tensor,
    poles: Tensor,
    b: Tensor,
    c: Tensor,
    d: Tensor | None = None,
    zi: Tensor | None = None,
    *,
    return_zf: Literal[True],
) -> tuple[Tensor, Tensor]: ...
def diagonal_ssm(
    waveform: Tensor,
    poles: Tensor,
    b: Tensor,
    c: Tensor,
    d: Tensor | None = None,
    zi: Tensor | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """y[t] = 2 Re sum_n c_n h_n[t] + d x[t] with h_n[t] = poles_n h_n[t-1] + b_n x[t].

    Each mode stands for a pair of conjugate poles (S4D, Gu et al. 2022; LRU, Orvieto et al. 2023).
    waveform (..., T) real; poles, b, c (N,) complex, the same for all channels, or (K, N) for
    waveforms (..., K, T) with a bank of K filters; d a number or (K,); zi (..., N) complex, h[-1],
    zeros by default. Returns y (..., T) and, on request, zf (..., N) = h[T-1] to go on from.

    The waveform is cut into chunks. Inside a chunk the filter is a matrix, from a chunk's input to
    its output and to its end state, and from the state before to its output; the states are linked
    from chunk to chunk (as in Mamba-2's dual form, Dao & Gu 2024). So they exist only once a chunk,
    the work is in matrix products, time and memory are linear in T and in N, and gradients are
    exact and of any order. Powers of the poles are taken in double precision: a pole close to the
    circle keeps its place in float32 too.
    """
    poles, b, c = _checked(waveform, poles, b, c)
    filters, modes = poles.shape
    time = waveform.shape[-1]
    if not time:
        end = waveform.new_zeros(()).to(poles) if zi is None else zi
        return (waveform, end.expand(*waveform.shape[:-1], modes)) if return_zf else waveform
    # Filters first, (K, R, T): each has its own matrices.
    x = waveform.reshape(-1, filters, time).transpose(0, 1)
    y, end = _filtered(x, poles, b, c, _starts(zi, waveform, poles), return_zf)
    y = y.transpose(0, 1).reshape(waveform.shape)
    if d is not None:
        y = y + (d.unsqueeze(-1) if d.dim() else d) * waveform
    return (y, end.transpose(0, 1).reshape(*waveform.shape[:-1], modes)) if return_zf else y


def _checked(waveform: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
    """The parameters as (K, N) in double precision."""
    poles = parameters[0]
    fits = waveform.dim() > 0 and poles.dim() in (1, 2) and poles.shape[-1] > 0
    if fits and poles.dim() == 2:
        fits = waveform.dim() > 1 and len(poles) == waveform.shape[-2]
    if not fits or any(part.shape != poles.shape for part in parameters):
        shapes = ", ".join(str(tuple(part.shape)) for part in parameters)
        raise InputError(
            f"A waveform {tuple(waveform.shape)} with poles, b and c of shapes {shapes} doesn't "
            "fit; give (..., T) with three of (N,), or (..., K, T) with three of (K, N)."
        )
    if waveform.is_complex() or not waveform.is_floating_point():
        raise InputError(f"The waveform is {waveform.dtype}; give float32 or float64.")
    return tuple(part.to(torch.complex128).reshape(-1, poles.shape[-1]) for part in parameters)


def _starts(zi: Tensor | None, waveform: Tensor, poles: Tensor) -> Tensor:
    """zi (..., N) as (K, R, N), in the waveform's precision."""
    filters, modes = poles.shape
    shape = (*waveform.shape[:-1], modes)
    zeros = torch.zeros((), dtype=waveform.dtype.to_complex(), device=waveform.device)
    try:
        start = (zeros if zi is None else zi.to(zeros)).expand(shape)
    except RuntimeError:
        given = () if zi is None else tuple(zi.shape)
        raise InputError(f"zi has shape {given}; give {shape}.") from None
    return start.reshape(-1, filters, modes).transpose(0, 1)


def _filtered(
    x: Tensor, poles: Tensor, b: Tensor, c: Tensor, start: Tensor, return_zf: bool
) -> tuple[Tensor, Tensor]:
    """x (K, R, T), poles, b, c (K, N), start (K, R, N) -> y (K, R, T), end (K, R, N)."""
    time = x.shape[-1]
    length = min(time, _chunk_length(poles.shape[-1]))
    chunks = -(-time // length)
    into, out, toeplitz, across = matrices(poles, b, c, length, x.dtype)
    pieces = F.pad(x, (0, chunks * length - time)).reshape(*x.shape[:2], chunks, length)
    y, last = run_chunks(pieces, into, out.transpose(1, 2), toeplitz, across, start)
    y = y.flatten(2)[..., :time]
    if not return_zf:
        return y, last
    rest = time - (chunks - 1) * length
    gained = pieces[:, :, -1, :rest] @ into[:, length - rest :]
    gained = torch.view_as_complex(gained.view(*gained.shape[:-1], -1, 2))
    return y, gained + last * powers(poles, rest + 1)[:, None, rest].to(last)


def _chunk_length(modes: int) -> int:
    """Steps per chunk: a sample costs about L + 4 N multiplications, a chunk a step of the scan."""
    return min(128, max(16, 1 << round(math.log2(8 * math.sqrt(modes)))))
