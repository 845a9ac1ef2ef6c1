"""State space: any number of inputs and outputs, real or complex, in chunks of matrix products."""

# ruff: noqa: N803  (A, B, C and D are what these matrices are called everywhere)
from __future__ import annotations

import math
from typing import Literal, overload

import torch
from torch import Tensor

from rnnmusic.errors import InputError

_DTYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)


@overload
def statespace(
    waveform: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    zi: Tensor | None = None,
    return_zf: Literal[False] = False,
) -> Tensor: ...
@overload
def statespace(
    waveform: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    zi: Tensor | None = None,
    *,
    return_zf: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@overload
def statespace(
    waveform: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    zi: Tensor | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, Tensor]: ...
def statespace(
    waveform: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    zi: Tensor | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """y[t] = C s[t] + D x[t], s[t+1] = A s[t] + B x[t], s[0] = zi.

    waveform (..., I, T) with I inputs; A (N, N), B (N, I), C (O, N), D (O, I), all of one
    precision, or (..., N, N) and so on, which broadcast over the leading dimensions of the
    waveform. Where any of them is complex, so is y. zi (..., N), zeros by default. Returns
    y (..., O, T) and, on request, zf (..., N) in double precision, the state to go on from.

    Gradients with respect to all of them are exact and of any order. Inside a chunk the system is
    a matrix, from the chunk's input to its output and end state, and from the state before to its
    output; the ends are linked by a prefix sum (Blelloch 1990). So time is linear in T with about
    2 N operations a sample for few inputs and outputs, not N**2. Powers of A and states are in
    double precision, products within a chunk in the waveform's. A is run as it is; the powers of
    one that is unstable overflow on long waveforms, and then so does y.

    InputError for an empty waveform, matrices that aren't finite, shapes that don't fit together
    and mixed precisions.
    """
    given = {"A": A, "B": B, "C": C, "D": D}
    _check(waveform, given, zi)
    matrices = list(given.values())
    dtype = waveform.dtype
    if any(tensor.is_complex() for tensor in (*matrices, *([] if zi is None else [zi]))):
        dtype = dtype.to_complex()
    wide = torch.promote_types(dtype, torch.float64)
    if zi is None:
        zi = waveform.new_zeros(A.shape[-1])
    try:
        lead = _leading((waveform, 2), *((matrix, 2) for matrix in matrices), (zi, 1))
    except RuntimeError:
        shapes = ", ".join(str(tuple(matrix.shape)) for matrix in matrices)
        raise InputError(
            f"A waveform {tuple(waveform.shape)}, matrices {shapes} and zi {tuple(zi.shape)} don't "
            "broadcast; give (..., I, T), (..., N, N), (..., N, I), (..., O, N), (..., O, I) and "
            "(..., N)."
        ) from None
    x = waveform.to(dtype).expand(*lead, *waveform.shape[-2:])
    a, b, c, d = (matrix.to(wide) for matrix in matrices)
    y, zf = in_chunks(x, a, b, c, d, zi.to(wide).expand(*lead, -1))
    return (y, zf) if return_zf else y


def _check(waveform: Tensor, given: dict[str, Tensor], zi: Tensor | None) -> None:
    everything = {"waveform": waveform, **given, **({} if zi is None else {"zi": zi})}
    for name, tensor in everything.items():
        if not isinstance(tensor, Tensor) or tensor.dtype not in _DTYPES:
            kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
            raise InputError(f"{name} is {kind}; give a tensor of real or complex floats.")
        mixed = tensor.dtype.to_real() != waveform.dtype.to_real() and name != "zi"
        if mixed or tensor.device != waveform.device:
            raise InputError(
                f"{name} is {tensor.dtype} on {tensor.device} and the waveform {waveform.dtype} on "
                f"{waveform.device}; convert one to the other's precision and device."
            )
        if name != "waveform" and not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{name} holds NaN or infinite values; give finite numbers.")
    fits = waveform.dim() > 1 and all(matrix.dim() > 1 for matrix in given.values())
    if fits:
        inputs, order, outputs = waveform.shape[-2], given["A"].shape[-1], given["C"].shape[-2]
        wanted = ((order, order), (order, inputs), (outputs, order), (outputs, inputs))
        fits = all(m.shape[-2:] == w for m, w in zip(given.values(), wanted, strict=True))
        fits = fits and (zi is None or (zi.dim() > 0 and zi.shape[-1] == order))
        fits = fits and order > 0 and outputs > 0 and inputs > 0 and waveform.shape[-1] > 0
    if not fits:
        shapes = ", ".join(f"{name} {tuple(t.shape)}" for name, t in everything.items())
        raise InputError(
            f"{shapes} don't fit; give (..., inputs, time), (N, N), (N, inputs), (outputs, N), "
            "(outputs, inputs) and zi (..., N), none of them empty."
        )


def in_chunks(
    x: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """y (..., O, T) in the dtype of x (..., I, T) and the state after it, in double precision.

    The matrices are in double precision and broadcast over the leading dimensions, which x and
    state (..., N) have in full.
    """
    inputs, time = x.shape[-2:]
    length = min(time, _chunk_length(A.shape[-1], inputs * C.shape[-2]))
    parts = _Chunk(A, B, C, D, length)
    whole = time - time % length
    chunks = x.transpose(-1, -2)  # (..., T, I)
    pieces = chunks[..., :whole, :].reshape(*x.shape[:-2], -1, length * inputs)
    gained = pieces.to(A.dtype) @ parts.into(length)
    before = torch.cat([state.unsqueeze(-2), gained], -2)
    states = _linked(before, parts.across(length).transpose(-1, -2))
    y = parts.outputs(pieces, states[..., :-1, :], length)
    state = states[..., -1, :]
    if rest := time - whole:
        piece = chunks[..., whole:, :].reshape(*x.shape[:-2], 1, rest * inputs)
        y = torch.cat([y, parts.outputs(piece, state.unsqueeze(-2), rest)], -2)
        moved = state.unsqueeze(-2) @ parts.across(rest).transpose(-1, -2)
        state = (moved + piece.to(A.dtype) @ parts.into(rest)).squeeze(-2)
    return y.transpose(-1, -2), state


def _chunk_length(order: int, pairs: int) -> int:
    """Samples per chunk: each costs about pairs * length + 2 order**2 / length multiplications."""
    best = math.sqrt(2 * order**2 / pairs) if order else 1
    return int(min(128, max(32, 2 ** round(math.log2(max(best, 1))))))


class _Chunk:
    """What a system (A, B, C, D) does within a number of samples up to `length`, as matrices."""

    def __init__(self, A: Tensor, B: Tensor, C: Tensor, D: Tensor, length: int) -> None:
        self.A, self.length = A, length
        self.inputs = B.shape[-1]
        # C A**k below each other and A**k B, the latest last, side by side; doubled till enough.
        seen = C.expand(*_leading((A, 2), (C, 2)), -1, -1)
        driven = B.expand(*_leading((A, 2), (B, 2)), -1, -1)
        power, count = A, 1
        while count < length:
            seen = torch.cat([seen, seen @ power], -2)
            driven = torch.cat([power @ driven, driven], -1)
            power, count = power @ power, 2 * count
        seen = seen.view(*seen.shape[:-2], count, C.shape[-2], A.shape[-1])
        self._seen = seen[..., :length, :, :]  # (..., L, O, N)
        self._driven = driven[..., -length * self.inputs :]  # (..., N, L I)
        lead = _leading((seen, 3), (B, 2), (D, 2))
        later = (self._seen[..., :-1, :, :] @ B.unsqueeze(-3)).expand(*lead, -1, -1, -1)
        impulse = torch.cat([D.expand(*lead, -1, -1).unsqueeze(-3), later], -3)  # (..., L, O, I)
        padded = torch.cat([torch.zeros_like(impulse[..., 1:, :, :]), impulse], -3)
        # (..., time out, O, I, time in): the answer at t to an impulse at j.
        self._toeplitz = padded.unfold(-3, length, 1).flip(-1)

    def into(self, count: int) -> Tensor:
        """(..., count I, N): from a chunk's inputs to the state after it."""
        return self._driven[..., (self.length - count) * self.inputs :].transpose(-1, -2)

    def across(self, count: int) -> Tensor:
        """(..., N, N): from the state before to the state after."""
        power: Tensor = torch.linalg.matrix_power(self.A, count)
        return power

    def outputs(self, pieces: Tensor, states: Tensor, count: int) -> Tensor:
        """(..., chunks count, O) from pieces (..., chunks, count I) and the states before them."""
        lead = pieces.shape[:-2]
        toeplitz = self._toeplitz[..., :count, :, :, :count].movedim(-1, -4)  # (in, out, O, I)
        toeplitz = toeplitz.movedim(-1, -3).flatten(-4, -3).flatten(-2)
        seen = self._seen[..., :count, :, :].flatten(-3, -2).transpose(-1, -2)
        y: Tensor = pieces @ toeplitz.to(pieces.dtype) + (states @ seen).to(pieces.dtype)
        return y.reshape(*lead, pieces.shape[-2] * count, -1)


def _linked(gained: Tensor, across: Tensor) -> Tensor:
    """s[m] = s[m-1] @ across + gained[m], all m (..., M, N) at once, about 2 M products in all."""
    count = gained.shape[-2]
    if count == 1:
        return gained
    first, second = gained[..., ::2, :], gained[..., 1::2, :]
    odd = _linked(second + first[..., : count // 2, :] @ across, across @ across)
    inherited = odd[..., : first.shape[-2] - 1, :] @ across
    even = torch.cat([first[..., :1, :], first[..., 1:, :] + inherited], -2)
    if count % 2:
        odd = torch.cat([odd, torch.zeros_like(odd[..., :1, :])], -2)
    return torch.stack([even, odd], -2).flatten(-3, -2)[..., :count, :]


def _leading(*parts: tuple[Tensor, int]) -> tuple[int, ...]:
    """What the dimensions before the last `own` ones of each (tensor, own) broadcast to."""
    shapes = [tensor.shape[: tensor.dim() - own] for tensor, own in parts]
    lead: tuple[int, ...] = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
    return lead
