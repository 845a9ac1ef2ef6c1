"""The direct form: y = B/A x, with exact gradients by the adjoint filter."""

from __future__ import annotations

import math
from typing import Any, Literal, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.functional import _given as given
from rnnmusic.filters.functional.statespace import in_chunks
from rnnmusic.filters.kernels import direct as kernels


@overload
def lfilter(
    waveform: Tensor,
    a_coeffs: Tensor,
    b_coeffs: Tensor,
    clamp: bool = True,
    batching: bool = True,
    zi: Tensor | None = None,
    return_zf: Literal[False] = False,
) -> Tensor: ...
@overload
def lfilter(
    waveform: Tensor,
    a_coeffs: Tensor,
    b_coeffs: Tensor,
    clamp: bool = True,
    batching: bool = True,
    zi: Tensor | None = None,
    *,
    return_zf: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@overload
def lfilter(
    waveform: Tensor,
    a_coeffs: Tensor,
    b_coeffs: Tensor,
    clamp: bool = True,
    batching: bool = True,
    zi: Tensor | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, Tensor]: ...
def lfilter(
    waveform: Tensor,
    a_coeffs: Tensor,
    b_coeffs: Tensor,
    clamp: bool = True,
    batching: bool = True,
    zi: Tensor | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """a0 y[t] = sum_k b_k x[t-k] - sum_(k>0) a_k y[t-k]: torchaudio's function, and its numbers.

    waveform (..., T), a_coeffs and b_coeffs (N + 1,) of its dtype, float32 or float64. Coefficients
    (K, N + 1) are a bank: with `batching` one filter for each channel of a waveform (..., K, T),
    without it all of them on each channel, which gives (..., K, T). `clamp` limits the output to
    [-1, 1]. zi is scipy's initial state, of the transposed direct form II: (N,), or whatever
    broadcasts to (..., N) over the channels of the output; zeros by default. Returns y and, on
    request, zf (..., N) in float64, the state to go on from.

    Gradients with respect to the waveform, both coefficients and zi, through y and zf, are exact
    and of any order: the adjoint is the filter run backwards (Forgione & Piga 2021; Yu & Fazekas
    2024). Coefficients are divided by a0 in their own dtype, as torchaudio does it; then the CPU
    computes in float64, and only y is rounded to the dtype. There, the bits of y don't depend on
    how a signal is cut into blocks. On other devices the same runs in chunks of torch operations.

    InputError for a0 = 0, coefficients that aren't finite, an empty waveform, and shapes, dtypes
    or devices that don't fit together. Unstable coefficients are run as they are.
    """
    check_bank(waveform, a_coeffs, b_coeffs, batching)
    if a_coeffs.dim() == 2 and not batching:
        waveform = waveform.unsqueeze(-2).expand(*waveform.shape[:-1], len(a_coeffs), -1)
    b, a = normalised(a_coeffs, b_coeffs)
    state = given.initial_state(zi, (*waveform.shape[:-1], a.shape[-1]), waveform)
    y, zf = direct_form(waveform, b, a, state)
    if clamp:
        y = y.clamp(-1.0, 1.0)
    return (y, zf) if return_zf else y


def check_bank(waveform: Tensor, a_coeffs: Tensor, b_coeffs: Tensor, batching: bool = True) -> None:
    """InputError unless `lfilter` can use them together."""
    given.check_waveform(waveform)
    given.check_coefficients("a_coeffs", a_coeffs, waveform)
    given.check_coefficients("b_coeffs", b_coeffs, waveform)
    shapes = tuple(a_coeffs.shape), tuple(b_coeffs.shape)
    if shapes[0] != shapes[1] or len(shapes[0]) not in (1, 2) or 0 in shapes[0]:
        raise InputError(
            f"a_coeffs {shapes[0]} and b_coeffs {shapes[1]} don't fit; give both as (N + 1,) or "
            "(K, N + 1), the shorter padded with zeros."
        )
    if len(shapes[0]) == 2 and batching and waveform.shape[-2:-1] != shapes[0][:1]:
        raise InputError(
            f"{shapes[0][0]} filters were given for a waveform {tuple(waveform.shape)}; give "
            "(..., filters, time), or to lfilter batching=False, all filters for each channel."
        )


def normalised(a_coeffs: Tensor, b_coeffs: Tensor) -> tuple[Tensor, Tensor]:
    """b (..., N + 1) and a (..., N) without a0 = 1 in float64, divided in their own dtype."""
    a0 = a_coeffs[..., :1]
    given.check_leading(a0)
    return (b_coeffs / a0).double(), (a_coeffs[..., 1:] / a0).double()


def direct_form(waveform: Tensor, b: Tensor, a: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """y and zf of b (..., N + 1), a (..., N) without a0 = 1, and zi (..., N), all float64."""
    channels, order = tuple(waveform.shape[:-1]), a.shape[-1]
    b = given.expanded("b_coeffs", b, (*channels, order + 1))
    a = given.expanded("a_coeffs", a, (*channels, order))
    if waveform.device.type != "cpu":
        return direct_form_in_chunks(waveform, b, a, zi)
    count = math.prod(channels)
    y, zf = _DirectForm.apply(  # type: ignore[no-untyped-call]
        waveform.reshape(count, waveform.shape[-1]),
        b.reshape(count, order + 1),
        a.reshape(count, order),
        zi.reshape(count, order),
    )
    return y.view(waveform.shape), zf.view(zi.shape)


def direct_form_in_chunks(
    waveform: Tensor, b: Tensor, a: Tensor, zi: Tensor
) -> tuple[Tensor, Tensor]:
    """The same in torch operations on any device: a state space of the transposed direct form."""
    order = a.shape[-1]
    eye = torch.eye(order + 1, dtype=a.dtype, device=a.device)
    first = eye[:1, :order]
    # States move up by one, and the output goes back to all of them.
    transition = eye[1:, :order] - a.unsqueeze(-1) * first
    gain = (b[..., 1:] - a * b[..., :1]).unsqueeze(-1)
    y, zf = in_chunks(waveform.unsqueeze(-2), transition, gain, first, b[..., :1].unsqueeze(-1), zi)
    return y.squeeze(-2), zf


class _DirectForm(torch.autograd.Function):
    """x (R, T), b (R, N + 1), a (R, N), zi (R, N) -> y (R, T), zf (R, N).

    zf is what would come out after x if zeros followed and nothing were fed back, so the adjoint
    signal v goes on with the gradient of zf, and its first samples are the gradient of zi.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, b: Tensor, a: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.empty_like(x, memory_format=torch.contiguous_format)
        zf = zi.detach().clone(memory_format=torch.contiguous_format)
        kernels.run(_array(x), _array(b), _array(a), zf.numpy(), y.numpy())
        ctx.save_for_backward(x, b, a, y)
        return y, zf

    @staticmethod
    def backward(ctx: Any, grad: Tensor, grad_zf: Tensor) -> tuple[Tensor | None, ...]:
        x, b, a, y = ctx.saved_tensors
        adjoint = _adjoint if torch.is_grad_enabled() else _adjoint_in_place
        found = adjoint(grad, grad_zf, x, b, a, y, ctx.needs_input_grad[1:3])
        return found[0].to(x.dtype), *found[1:]


def _adjoint(
    grad: Tensor,
    grad_zf: Tensor,
    x: Tensor,
    b: Tensor,
    a: Tensor,
    y: Tensor,
    needed: tuple[bool, bool],
) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor]:
    """The gradients by operations that can be differentiated again."""
    order = a.shape[1]
    one = torch.nn.functional.pad(torch.ones_like(b[:, :1]), (0, order))
    v, _ = _DirectForm.apply(grad.double().flip(1), one, a, fed_back(a, grad_zf))  # type: ignore[no-untyped-call]
    v = torch.cat([v.flip(1), grad_zf], 1)
    windows = v.unfold(1, order + 1, 1)[:, : x.shape[1]]  # (R, T, N + 1): v[t + j]
    grad_x = torch.einsum("rtj,rj->rt", windows, b)
    grad_b = torch.einsum("rtj,rt->rj", windows, x.double()) if needed[0] else None
    grad_a = -torch.einsum("rtj,rt->rj", windows[..., 1:], y.double()) if needed[1] else None
    return grad_x, grad_b, grad_a, v[:, :order]


def _adjoint_in_place(
    grad: Tensor,
    grad_zf: Tensor,
    x: Tensor,
    b: Tensor,
    a: Tensor,
    y: Tensor,
    needed: tuple[bool, bool],
) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor]:
    """The same in a pass over memory for each gradient."""
    (rows, time), order = x.shape, a.shape[1]
    v = np.empty((rows, time + order))
    v[:, time:] = grad_zf.numpy()
    state = fed_back(a, grad_zf).contiguous().numpy()
    kernels.run(_array(grad), None, _array(a), state, v[:, :time], backwards=True)
    grad_x = torch.empty_like(x, memory_format=torch.contiguous_format)
    kernels.look_ahead(v, _array(b), grad_x.numpy())
    grad_b = torch.from_numpy(kernels.correlate(v, _array(x), order)) if needed[0] else None
    grad_a = None
    if needed[1]:
        grad_a = -torch.from_numpy(kernels.correlate(v, _array(y), order))[:, 1:]
    return grad_x, grad_b, grad_a, torch.from_numpy(v[:, :order].copy())


def fed_back(a: Tensor, past: Tensor) -> Tensor:
    """The state that outputs past (..., N), the latest first, leave to a filter 1 / A."""
    order = a.shape[-1]
    if not order:
        return past
    # -sum_(k>i) a_k past[k - i - 1], a_k being a[k - 1].
    ahead = torch.nn.functional.pad(a, (0, order - 1)).unfold(-1, order, 1)
    return -(ahead @ past.unsqueeze(-1)).squeeze(-1)


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().resolve_neg().contiguous().numpy()
