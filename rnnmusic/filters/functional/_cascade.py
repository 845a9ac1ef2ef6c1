"""Cascades of sections on rows of samples: the compiled loops as one differentiable operation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.filters.functional.statespace import statespace
from rnnmusic.filters.kernels import cascade as kernels

#: Samples times sections that are worth a thread of their own.
_WORK_PER_THREAD = 4_000_000
#: Where a0 is in a section.
_LEADING = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0])


def run(waveform: Tensor, sos: Tensor, zi: Tensor | None, hop: int | None) -> tuple[Tensor, Tensor]:
    """waveform (C, T), sos (..., S, 6), zi (C, S, 2) or None for rest -> y, zf.

    The dimensions before sections, and before rows (F, S, 6) where there is a hop, multiply to 1
    or C: on the CPU no operation of torch touches them, each would take as long as 5,000 samples.
    """
    if waveform.device.type == "cpu":
        y, zf = _Sections.apply(waveform, sos, zi, hop)  # type: ignore[no-untyped-call]
        return y, zf
    if zi is None:
        zi = _rest(waveform, sos)
    if hop is None:
        sos = sos.double().reshape(-1, *sos.shape[-2:])
        return in_chunks(waveform, sos / sos[..., 3:4], zi)
    y, zf = run(waveform.cpu(), sos.cpu(), zi.cpu(), hop)
    return y.to(waveform.device), zf.to(waveform.device)


def in_chunks(waveform: Tensor, sos: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """waveform (C, T), sos (1 or C, S, 6), zi (C, S, 2) -> y, zf by operations of torch.

    The cascade as one state space of order 2 S, whose states are those of the sections.
    """
    b, feedback = sos[..., :3], sos[..., 4:]
    rows, sections = sos.shape[:2]
    # Row by row of states, what a section's input u is made of: states before it and x.
    entering = sos.new_zeros(rows, 2 * sections + 1)
    entering[:, -1] = 1
    matrix: list[Tensor] = []
    for s in range(sections):
        leaving = b[:, s, :1] * entering
        leaving = leaving + _unit(leaving, 2 * s)
        first = b[:, s, 1:2] * entering - feedback[:, s, :1] * leaving
        matrix.append(first + _unit(leaving, 2 * s + 1))
        matrix.append(b[:, s, 2:] * entering - feedback[:, s, 1:] * leaving)
        entering = leaving
    into = torch.stack(matrix, -2)
    out = entering.unsqueeze(-2)
    given = (into[..., :-1], into[..., -1:], out[..., :-1], out[..., -1:])
    A, B, C, D = (part.to(waveform.dtype) for part in given)  # noqa: N806
    y, zf = statespace(waveform.unsqueeze(1), A, B, C, D, zi.flatten(1), return_zf=True)
    return y.squeeze(1), zf.to(zi.dtype).view(zi.shape)


def _unit(like: Tensor, index: int) -> Tensor:
    """A row of zeros with a one."""
    row = torch.zeros_like(like[:1])
    row[:, index] = 1
    return row


class _Sections(torch.autograd.Function):
    """`run` on the CPU."""

    @staticmethod
    def forward(
        ctx: Any, waveform: Tensor, sos: Tensor, zi: Tensor | None, hop: int | None
    ) -> tuple[Tensor, Tensor]:
        signal, rows = _array(waveform), _rows(sos, hop)
        y, zf, ctx.passed = kernels.forward(
            signal,
            rows / rows[..., 3:4],
            np.zeros((len(signal), rows.shape[2], 2), signal.dtype) if zi is None else _array(zi),
            hop,
            noting=any(ctx.needs_input_grad),
            threads=_threads(waveform, sos),
        )
        ctx.hop = hop
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(waveform, sos, zi)
        return torch.from_numpy(y), torch.from_numpy(zf)

    @staticmethod
    def backward(
        ctx: Any, grad: Tensor | None, grad_zf: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        waveform, sos, zi = ctx.saved_tensors
        if grad is None:
            grad = torch.zeros_like(waveform)
        if torch.is_grad_enabled():
            last = _rest(waveform, sos) if grad_zf is None else grad_zf
            signal, rows, state = _adjoint(waveform, sos, zi, ctx.hop, grad, last)
            return signal, rows, None if zi is None else state, None
        given = _rows(sos, ctx.hop)
        entered = _array(waveform)
        last_state = (
            np.zeros((len(entered), given.shape[2], 2), entered.dtype)
            if grad_zf is None
            else _array(grad_zf)
        )
        wanted = ctx.needs_input_grad[1]
        found, sums, first = kernels.backward(
            ctx.passed, entered, _array(grad), last_state, sums=wanted
        )
        return (
            torch.from_numpy(found),
            None if sums is None else _like(_unscaled(sums, given, _LEADING), sos),
            None if zi is None else torch.from_numpy(first),
            None,
        )


def _adjoint(
    waveform: Tensor,
    sos: Tensor,
    zi: Tensor | None,
    hop: int | None,
    grad: Tensor,
    grad_zf: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same gradients by operations that can be differentiated again, section by section."""
    time, shape, kind = waveform.shape[-1], sos.shape, sos.dtype
    zi = _rest(waveform, sos) if zi is None else zi
    given = sos.double().reshape(-1, 1 if hop is None else shape[-3], *shape[-2:])
    sos = given / given[..., 3:4]
    if hop is not None:
        every = torch.arange(time) // hop
        rows, sos = sos.shape[1], sos.index_select(1, every)
    step = None if hop is None else 1
    signals = [waveform]
    for s in range(sos.shape[2]):
        y, _ = run(signals[-1], sos[:, :, s : s + 1], zi[:, s : s + 1], step)
        signals.append(y)
    gradients, states = [], []
    for s in reversed(range(sos.shape[2])):
        section = sos[:, :, s]
        v = _adjoint_states(grad, section, grad_zf[:, s], step)
        states.append(v[:, :2])
        v0, v1, v2 = v[:, :-2], v[:, 1:-1], v[:, 2:]
        b0, b1, b2 = (section[..., k].to(v.dtype) for k in range(3))
        grad = b0 * v0 + b1 * v1 + b2 * v2
        u, y = signals[s], signals[s + 1]
        zero = torch.zeros_like(u)
        products = [v0 * u, v1 * u, v2 * u, zero, -v1 * y, -v2 * y]
        gradients.append(torch.stack(products, -1).double())
    total = torch.stack(gradients[::-1], -2)  # (C, T, S, 6)
    if len(sos) == 1:
        total = total.sum(0, keepdim=True)
    if hop is None:
        total = total.sum(1, keepdim=True)
    else:
        total = total.new_zeros(len(total), rows, *total.shape[2:]).index_add(1, every, total)
    rows_gradient = _unscaled(total, given, total.new_tensor(_LEADING)).reshape(shape).to(kind)
    return grad, rows_gradient, torch.stack(states[::-1], 1)


def _unscaled(gradient: Any, sos: Any, leading: Any) -> Any:
    """The gradient of sections as given, from that of sos / a0, in which a0's is zero.

    All tensors or all arrays, the last one `_LEADING`.
    """
    a0 = sos[..., 3:4]
    scale = (gradient * sos).sum(-1)[..., None] / a0
    return (gradient - scale * leading) / a0


def _adjoint_states(grad: Tensor, section: Tensor, last: Tensor, step: int | None) -> Tensor:
    """v (C, T + 2) of grad (C, T), section (1 or C, 1 or T, 6) and v[T], v[T + 1] = last (C, 2).

    v[t] = grad[t] - a1[t] v[t+1] - a2[t] v[t+2]: an all-pole section that runs backwards. A section
    applies a coefficient one or two samples after it came, hence their shifts where they vary.
    """
    a1, a2 = section[..., 4], section[..., 5]
    one, zero = torch.ones_like(a1), torch.zeros_like(a1)
    first = -a1[:, -1] * last[:, 0] - a2[:, -1] * last[:, 1]
    before = a2[:, -2] if a2.shape[1] > 1 else a2[:, -1]
    start = torch.stack([first, -before * last[:, 0]], -1).unsqueeze(1).to(grad.dtype)
    if step is not None:
        a1 = torch.nn.functional.pad(a1, (1, 0))[:, :-1]
        a2 = torch.nn.functional.pad(a2, (2, 0))[:, :-2]
    rows = torch.stack([one, zero, zero, one, a1, a2], -1).flip(1).unsqueeze(2)
    v, _ = run(grad.flip(1), rows, start, step)
    return torch.cat([v.flip(1), last], 1)


def _threads(waveform: Tensor, sos: Tensor) -> int:
    work = waveform.numel() * sos.shape[-2]
    return max(1, min(torch.get_num_threads(), work // _WORK_PER_THREAD))


def _rest(waveform: Tensor, sos: Tensor) -> Tensor:
    """States (C, S, 2) of zeros."""
    return waveform.new_zeros(len(waveform), sos.shape[-2], 2)


def _rows(sos: Tensor, hop: int | None) -> NDArray[np.float64]:
    """(1 or C, F, S, 6)."""
    array = np.asarray(sos.numpy(force=True), dtype=np.float64)
    return array.reshape(-1, 1 if hop is None else sos.shape[-3], *sos.shape[-2:])


def _array(tensor: Tensor) -> Any:
    return np.ascontiguousarray(tensor.numpy(force=True))


def _like(array: NDArray[np.float64], tensor: Tensor) -> Tensor:
    """As a tensor of this one's shape and dtype."""
    return torch.from_numpy(array.reshape(tensor.shape)).to(tensor.dtype)
