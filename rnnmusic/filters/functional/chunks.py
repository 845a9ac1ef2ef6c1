"""A filter as matrices within chunks, and as a short recurrence of its states between them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rnnmusic.filters.functional.scan import diagonal_scan
from rnnmusic.filters.kernels import diagonal as kernels


def run_chunks(
    pieces: Tensor, into: Tensor, out: Tensor, toeplitz: Tensor, across: Tensor, start: Tensor
) -> tuple[Tensor, Tensor]:
    """y[m] = pieces[m] @ toeplitz + s[m] @ out, s[m+1] = across * s[m] + pieces[m] @ into.

    pieces (K, R, M, L) real: K filters, each over R rows of M chunks of L samples. into (K, L, 2 N)
    and out (K, 2 N, L) are real, for the real and imaginary parts of N complex states by turns;
    toeplitz (K, L, L); start (K, R, N) = s[0] complex; across (K, N) complex in double precision,
    in which the states are linked. Returns y (K, R, M, L) and the state before the last chunk
    (K, R, N).
    """
    if pieces.device.type != "cpu":
        return _composed(pieces, into, out, toeplitz, across, start)
    y, last = _Chunks.apply(pieces, into, out, toeplitz, across, start)  # type: ignore[no-untyped-call]
    return y, last


def _composed(
    pieces: Tensor, into: Tensor, out: Tensor, toeplitz: Tensor, across: Tensor, start: Tensor
) -> tuple[Tensor, Tensor]:
    """The same in operations that can be differentiated any number of times, on any device."""
    gained = _complex(_times(pieces, into))  # (K, R, M, N)
    multiplier = across[0] if len(across) == 1 else across[:, None, None]
    after = diagonal_scan(gained[:, :, :-1], multiplier, start).to(start.dtype)
    before = torch.cat([start.unsqueeze(2), after], 2)
    y = _times(pieces, toeplitz) + _times(torch.view_as_real(before).flatten(3), out)
    return y, before[:, :, -1]


class _Chunks(torch.autograd.Function):
    """The same on the CPU: states and their gradients are linked where the products left them."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> tuple[Tensor, Tensor]:
        pieces, into, out, toeplitz, across, start = given
        states = _times(pieces, into)
        scratch = start.to(torch.complex128, copy=True, memory_format=torch.contiguous_format)
        kernels.link.for_work(1)(_rows(_complex(states)), _array(across), _rows(scratch))
        y = _times(pieces, toeplitz)
        _add_times(y, states, out)
        ctx.save_for_backward(*given, states)
        return y, _complex(states)[:, :, -1].clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor, grad_last: Tensor) -> tuple[Tensor | None, ...]:
        *given, states = ctx.saved_tensors
        if torch.is_grad_enabled():
            needed = [part for part in given if part.requires_grad]
            outputs, grads = _composed(*given), (grad, grad_last)
            found = iter(
                torch.autograd.grad(
                    outputs, needed, grads, create_graph=True, materialize_grads=True
                )
            )
            return tuple(next(found) if part.requires_grad else None for part in given)
        pieces, into, out, toeplitz, across, start = given
        link = _times(grad, out.transpose(1, 2))
        _complex(link)[:, :, -1] += grad_last
        grad_start = torch.zeros(start.shape, dtype=torch.complex128)
        grad_across = torch.zeros(across.shape, dtype=torch.complex128)
        kernels.unlink.for_work(1)(
            _rows(_complex(link)),
            _array(across),
            _rows(_complex(states)),
            _rows(grad_start),
            grad_across.numpy(),
        )
        grad_pieces = _times(grad, toeplitz.transpose(1, 2))
        _add_times(grad_pieces, link, into.transpose(1, 2))
        grad_out, grad_toeplitz = _summed(states, grad), _summed(pieces, grad)
        grad_into = _summed(pieces, link)
        return grad_pieces, grad_into, grad_out, grad_toeplitz, grad_across, grad_start.to(start)


def _times(chunks: Tensor, matrix: Tensor) -> Tensor:
    """(K, R, M, I) @ (K, I, J) -> (K, R, M, J)."""
    return (chunks.flatten(1, 2) @ matrix).view(*chunks.shape[:3], -1)


def _add_times(total: Tensor, chunks: Tensor, matrix: Tensor) -> None:
    """The same, added to what is there."""
    total.flatten(1, 2).baddbmm_(chunks.flatten(1, 2), matrix)


def _summed(left: Tensor, right: Tensor) -> Tensor:
    """(K, R, M, I), (K, R, M, J) -> (K, I, J): the gradient of a matrix."""
    return left.flatten(1, 2).transpose(1, 2) @ right.flatten(1, 2)


def _complex(interleaved: Tensor) -> Tensor:
    return torch.view_as_complex(interleaved.view(*interleaved.shape[:-1], -1, 2))


def _rows(tensor: Tensor) -> Any:
    """(K, R, ...) -> (K R, ...): to a kernel, filters and their rows are one axis."""
    return _array(tensor.flatten(0, 1))


def _array(tensor: Tensor) -> Any:
    return tensor.resolve_conj().contiguous().numpy()
