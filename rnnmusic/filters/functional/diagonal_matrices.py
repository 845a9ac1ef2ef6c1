"""The matrices of a diagonal state space within a chunk, from its poles and gains."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Complexes = NDArray[np.complex128]
Matrices = tuple[Tensor, Tensor, Tensor, Tensor]


def matrices(poles: Tensor, b: Tensor, c: Tensor, length: int, dtype: torch.dtype) -> Matrices:
    """into (K, L, 2 N), out (K, L, 2 N), toeplitz (K, L, L) and across (K, N) of a chunk of L.

    poles, b, c (K, N) complex in double precision; so is across = poles**L, the others are real of
    this dtype. Row j of `into` is what sample j adds to the states after the chunk, in real and
    imaginary parts by turns; row t of `out` reads sample t from the states before the chunk;
    toeplitz[j, t] is the answer at t to an impulse at j.
    """
    if poles.device.type != "cpu":
        return _composed(poles, b, c, length, dtype)
    found: Matrices = _Matrices.apply(poles, b, c, length, dtype)  # type: ignore[no-untyped-call]
    return found


def powers(base: Tensor, count: int) -> Tensor:
    """base**0 ... base**(count - 1) of any base, 0 too: (..., N) -> (..., count, N)."""
    result, square = torch.ones_like(base).unsqueeze(-2), base.unsqueeze(-2)
    while result.shape[-2] < count:
        result = torch.cat([result, result * square], -2)
        square = square * square
    return result[..., :count, :]


def _composed(poles: Tensor, b: Tensor, c: Tensor, length: int, dtype: torch.dtype) -> Matrices:
    """In operations that can be differentiated any number of times, on any device."""
    power = powers(poles, length + 1)  # (K, L + 1, N)
    into = _parts(power[:, :length].flip(1) * b.unsqueeze(1))
    # 2 Re(c h) = 2 (c.real h.real - c.imag h.imag): the conjugate, of numbers in parts.
    out = _parts((2 * power[:, 1:] * c.unsqueeze(1)).conj())
    impulse = (into @ _parts(2 * c.conj()).unsqueeze(-1)).squeeze(-1)  # the last sample first
    toeplitz = F.pad(impulse, (0, length - 1)).unfold(1, length, 1).flip(2)
    return into.to(dtype), out.to(dtype), toeplitz.to(dtype), power[:, length]


class _Matrices(torch.autograd.Function):
    """The same by numpy: of such small arrays an operation of torch is nearly all overhead."""

    @staticmethod
    def forward(
        ctx: Any, poles: Tensor, b: Tensor, c: Tensor, length: int, dtype: torch.dtype
    ) -> Matrices:
        ctx.save_for_backward(poles, b, c)
        ctx.dtype = dtype
        p, gain, reading = (_array(part) for part in (poles, b, c))
        power = np.ones((len(p), length + 1, p.shape[1]), dtype=np.complex128)
        known = 1
        while known <= length:
            more = min(known, length + 1 - known)
            factor = power[:, known - 1 : known] * p[:, None]
            np.multiply(power[:, :more], factor, out=power[:, known : known + more])
            known += more
        ctx.power = power
        into = power[:, length - 1 :: -1] * gain[:, None]
        out = (2 * power[:, 1:] * reading[:, None]).conj()
        # The answer to an impulse, zeros before it; each row of the matrix begins one earlier.
        padded = np.zeros((len(p), 2 * length - 1))
        padded[:, length - 1 :] = (into @ (2 * reading)[..., None]).real[:, ::-1, 0]
        toeplitz = np.lib.stride_tricks.sliding_window_view(padded, length, 1)[:, ::-1]
        real = np.float32 if dtype == torch.float32 else np.float64
        return (
            torch.from_numpy(into.view(np.float64).astype(real)),
            torch.from_numpy(out.view(np.float64).astype(real)),
            torch.from_numpy(toeplitz.astype(real)),
            torch.from_numpy(power[:, length].copy()),
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        poles, b, c = ctx.saved_tensors
        power, length = ctx.power, ctx.power.shape[1] - 1
        if torch.is_grad_enabled():
            needed = [part for part in (poles, b, c) if part.requires_grad]
            outputs = _composed(poles, b, c, length, ctx.dtype)
            again = iter(torch.autograd.grad(outputs, needed, grads, create_graph=True))
            found = (next(again) if part.requires_grad else None for part in (poles, b, c))
            return *found, None, None
        gain, reading = _array(b), _array(c)
        into, out, toeplitz = (part.double().contiguous().numpy() for part in grads[:3])
        # Sums along the diagonals t - j: rows of L numbers, read as rows of L + 1.
        upper = np.zeros((len(toeplitz), length * (length + 1)))
        upper[:, : length * length] = np.triu(toeplitz).reshape(len(toeplitz), -1)
        impulse = upper.reshape(-1, length, length + 1).sum(1)[:, :length, None]
        within, later = power[:, :length], power[:, 1:].conj()
        gained = into.view(np.complex128)[:, ::-1] + impulse * 2 * reading.conj()[:, None]
        read = 2 * out.view(np.complex128).conj()
        to_b = (gained * within.conj()).sum(1)
        to_c = (read * later).sum(1) + 2 * gain.conj() * (impulse * within.conj()).sum(1)
        to_power = np.zeros_like(power)
        to_power[:, :length] = gained * gain.conj()[:, None]
        to_power[:, 1:] += read * reading.conj()[:, None]
        to_power[:, length] += _array(grads[3])
        exponent = np.arange(1, length + 1)[:, None]
        to_poles = (to_power[:, 1:] * (exponent * within).conj()).sum(1)
        return *(torch.from_numpy(part) for part in (to_poles, to_b, to_c)), None, None


def _array(tensor: Tensor) -> Complexes:
    array: Complexes = tensor.detach().resolve_conj().contiguous().numpy()
    return array


def _parts(values: Tensor) -> Tensor:
    """Complex (..., N) as real (..., 2 N): each number's two parts side by side."""
    return torch.view_as_real(values.resolve_conj()).flatten(-2)
