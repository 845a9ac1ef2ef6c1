"""Elementwise linear recurrences, h[t] = a[t] h[t-1] + x[t], with exact gradients."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from typing import Any, Literal, overload

import torch
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.kernels import diagonal as kernels


@overload
def diagonal_scan(
    x: Tensor, a: Tensor, zi: Tensor | None = None, return_zf: Literal[False] = False
) -> Tensor: ...
@overload
def diagonal_scan(
    x: Tensor, a: Tensor, zi: Tensor | None = None, *, return_zf: Literal[True]
) -> tuple[Tensor, Tensor]: ...
def diagonal_scan(
    x: Tensor, a: Tensor, zi: Tensor | None = None, return_zf: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """h[t] = a[t] h[t-1] + x[t] for each lane by itself, h[-1] = zi.

    x (..., T, N): time before lanes, unlike waveforms, because the N lanes of one step are what
    a processor computes at once. a (N,), constant, or whatever broadcasts to x, varying in time.
    zi (..., N), zeros by default. Real or complex, in single or double precision. Returns
    h (..., T, N) and, on request, zf (..., N) = h[T-1] to go on from.

    Gradients of x, a and zi are exact and of any order: the adjoint of a scan is a scan that runs
    backwards. On the CPU both are compiled loops over time, which are 2 to 22 times as fast as the
    chunked scan there, for one lane as for 16,384 (benchmarks/flavours_training.py); on a GPU a
    chunked scan, in Triton where it is installed. Memory is that of x and h.
    """
    x, a, start = _checked(x, a, zi)
    if not x.numel():
        return (x, start) if return_zf else x
    rows = x.reshape(-1, *x.shape[-2:])
    if a.dim() > 1:
        a = a.reshape(rows.shape)
    h = _scan(rows, a, start.reshape(-1, x.shape[-1])).view(x.shape)
    return (h, h[..., -1, :]) if return_zf else h


def _checked(x: Tensor, a: Tensor, zi: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """All three in one dtype, a of one dimension or in the shape of x."""
    if x.dim() < 2:
        raise InputError(f"x has shape {tuple(x.shape)}; give (..., T, N).")
    dtype = torch.promote_types(x.dtype, a.dtype)
    if zi is not None:
        dtype = torch.promote_types(dtype, zi.dtype)
    if dtype not in _DTYPES:
        raise InputError(f"A scan of {dtype} isn't possible; give float32, float64 or their pairs.")
    shape = (*x.shape[:-2], x.shape[-1])
    try:
        if a.dim() != 1 or len(a) != x.shape[-1]:
            a = a.expand(x.shape)
        start = x.new_zeros(shape) if zi is None else zi.expand(shape)
    except RuntimeError:
        given = None if zi is None else tuple(zi.shape)
        raise InputError(
            f"x {tuple(x.shape)}, a {tuple(a.shape)} and zi {given} don't go together; give "
            "x (..., T, N), a (N,) or like x, and zi (..., N)."
        ) from None
    return x.to(dtype), a.to(dtype), start.to(dtype)


_DTYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)


class _Scan(torch.autograd.Function):
    """x (R, T, N), a (N,) or (R, T, N), zi (R, N) -> h (R, T, N)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, zi: Tensor) -> Tensor:
        h = engine_for(x)(x.detach(), a.detach(), zi.detach())
        ctx.save_for_backward(a, zi, h)
        return h

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, zi, h = ctx.saved_tensors
        if torch.is_grad_enabled() or grad.device.type != "cpu":
            grad_x, grad_a = _adjoint(grad, a, zi, h)
        else:
            grad_x, grad_a = _adjoint_in_place(grad, a, zi, h)
        first = a if a.dim() == 1 else a[:, 0]
        return grad_x, grad_a, grad_x[:, 0] * first.conj()


def _scan(x: Tensor, a: Tensor, zi: Tensor) -> Tensor:
    h: Tensor = _Scan.apply(x, a, zi)  # type: ignore[no-untyped-call]
    return h


def _adjoint(grad: Tensor, a: Tensor, zi: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of x and a by operations that can be differentiated again."""
    # Backwards in time, a[t+1] is the multiplier of step t; that of the last step meets zeros.
    multiplier = a if a.dim() == 1 else a.roll(-1, 1).flip(1)
    grad_x = _scan(grad.flip(1), multiplier.conj(), torch.zeros_like(zi)).flip(1)
    before = torch.cat([zi.unsqueeze(1), h[:, :-1]], 1)
    grad_a = grad_x * before.conj()
    return grad_x, grad_a if a.dim() > 1 else grad_a.sum((0, 1))


def _adjoint_in_place(grad: Tensor, a: Tensor, zi: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The same in one pass over memory, on the CPU."""
    grad_x = torch.empty_like(h)
    given = [_array(part) for part in (grad, a, zi, h, grad_x)]
    if a.dim() > 1:
        grad_a = torch.empty_like(h)
        kernels.adjoint_varying.for_work(1)(*given, grad_a.numpy())
        return grad_x, grad_a
    double = torch.promote_types(a.dtype, torch.float64)
    total = torch.zeros_like(a, dtype=double, memory_format=torch.contiguous_format)
    kernels.adjoint.for_work(1)(*given, total.numpy(), torch.empty_like(a).contiguous().numpy())
    return grad_x, total.to(a.dtype)


def _loop(x: Tensor, a: Tensor, zi: Tensor) -> Tensor:
    """The compiled loop over time."""
    h = torch.empty_like(x, memory_format=torch.contiguous_format)
    kernel = kernels.scan if a.dim() == 1 else kernels.scan_varying
    kernel.for_work(1)(_array(x), _array(a), _array(zi), h.numpy())
    return h


def _array(tensor: Tensor) -> Any:
    return tensor.resolve_conj().resolve_neg().contiguous().numpy()


def chunked_scan(x: Tensor, a: Tensor, zi: Tensor) -> Tensor:
    """The same on any device in about 2 sqrt(T) operations of torch.

    T steps are cut into chunks: all chunks run side by side from zero, then their ends are linked
    in a scan of their own, and what each chunk inherits is added, times the product of the
    multipliers since. Nothing is divided or taken the logarithm of, so that no multiplier is too
    small and none need be positive.
    """
    rows, time, lanes = x.shape
    length = max(1, math.isqrt(time))
    chunks = -(-time // length)
    a = a.expand(rows, time, lanes)
    if missing := chunks * length - time:
        x, a = (torch.nn.functional.pad(part, (0, 0, 0, missing)) for part in (x, a))
    h = x.reshape(rows, chunks, length, lanes).clone()
    product = a.reshape(rows, chunks, length, lanes).clone()
    for t in range(1, length):
        h[:, :, t] += product[:, :, t] * h[:, :, t - 1]
        product[:, :, t] *= product[:, :, t - 1]
    inherited = [zi]
    for chunk in range(chunks - 1):
        inherited.append(product[:, chunk, -1] * inherited[-1] + h[:, chunk, -1])
    h += product * torch.stack(inherited, 1).unsqueeze(2)
    return h.view(rows, -1, lanes)[:, :time].contiguous()


def engine_for(x: Tensor) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """What computes the scan of such a tensor: a loop, a Triton kernel or plain torch."""
    if x.device.type == "cpu":
        return _loop
    if x.device.type == "cuda" and importlib.util.find_spec("triton"):
        from rnnmusic.filters.functional.triton_scan import scan

        return scan
    return chunked_scan
