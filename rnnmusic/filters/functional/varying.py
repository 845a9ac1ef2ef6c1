"""All-pole and direct-form filters whose coefficients may change from sample to sample."""

from __future__ import annotations

import math
from typing import Any, Literal, overload

import torch
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.functional import _given as given
from rnnmusic.filters.functional.direct import direct_form, fed_back, normalised
from rnnmusic.filters.kernels import varying as kernels


@overload
def allpole(
    waveform: Tensor, a: Tensor, zi: Tensor | None = None, return_zf: Literal[False] = False
) -> Tensor: ...
@overload
def allpole(
    waveform: Tensor, a: Tensor, zi: Tensor | None = None, *, return_zf: Literal[True]
) -> tuple[Tensor, Tensor]: ...
@overload
def allpole(
    waveform: Tensor, a: Tensor, zi: Tensor | None = None, return_zf: bool = False
) -> Tensor | tuple[Tensor, Tensor]: ...
def allpole(
    waveform: Tensor, a: Tensor, zi: Tensor | None = None, return_zf: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """y[t] = x[t] - sum_k a_k y[t-k], k = 1 ... N: the synthesis filter of linear prediction.

    waveform (..., T). a, without a0 = 1, of the waveform's dtype: (N,), or (..., N) for each
    channel, or (..., T, N) for each sample, recognised by its one dimension more than the waveform
    has; channels may be of size 1 for all. The last is torchlpc's sample_wise_lpc. zi (..., N) are
    the outputs before the first, y[-1], y[-2] ..., as torchlpc's; zeros by default. Returns
    y (..., T) and, on request, zf (..., N) in float64, the last N outputs, the latest first.

    Gradients with respect to all of them are exact and of any order, by the adjoint recurrence
    (Yu & Fazekas 2024). The CPU computes in float64. On other devices constant coefficients run in
    chunks of torch operations; varying ones go through the CPU and back.

    InputError for an empty waveform, N = 0, coefficients that aren't finite, and shapes, dtypes or
    devices that don't fit together. Unstable coefficients are run as they are.
    """
    given.check_waveform(waveform)
    given.check_coefficients("a", a, waveform)
    if a.dim() == 0 or a.dim() > waveform.dim() + 1 or a.shape[-1] == 0:
        raise InputError(
            f"a has shape {tuple(a.shape)} for a waveform {tuple(waveform.shape)}; give (N,), "
            "(channels, N) or (channels, time, N), N > 0."
        )
    channels, order = tuple(waveform.shape[:-1]), a.shape[-1]
    past = given.initial_state(zi, (*channels, order), waveform)
    if a.dim() > waveform.dim():
        coefficients = given.expanded("a", a, (*waveform.shape, order))
        y = all_pole_varying(waveform.double(), coefficients, past)
    else:
        coefficients = given.expanded("a", a, (*channels, order)).double()
        one = torch.nn.functional.pad(torch.ones_like(coefficients[..., :1]), (0, order))
        state = fed_back(coefficients, past)
        y, _ = direct_form(waveform.double(), one, coefficients, state)
    result = y.to(waveform.dtype)
    return (result, _latest(past, y)) if return_zf else result


@overload
def lfilter_varying(
    waveform: Tensor,
    a_coeffs: Tensor,
    b_coeffs: Tensor,
    hop: int = 1,
    zi: Tensor | None = None,
    return_zf: Literal[False] = False,
) -> Tensor: ...
@overload
def lfilter_varying(
    waveform: Tensor,
    a_coeffs: Tensor,
    b_coeffs: Tensor,
    hop: int = 1,
    zi: Tensor | None = None,
    *,
    return_zf: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@overload
def lfilter_varying(
    waveform: Tensor,
    a_coeffs: Tensor,
    b_coeffs: Tensor,
    hop: int = 1,
    zi: Tensor | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, Tensor]: ...
def lfilter_varying(
    waveform: Tensor,
    a_coeffs: Tensor,
    b_coeffs: Tensor,
    hop: int = 1,
    zi: Tensor | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """a0[t] y[t] = sum_k b_k[t] x[t-k] - sum_(k>0) a_k[t] y[t-k]: direct form I, varying in time.

    waveform (..., T); a_coeffs and b_coeffs (..., F, N + 1) of its dtype, row f for the samples
    f hop ... (f + 1) hop - 1, F = ceil(T / hop); hop = 1 for coefficients of each sample. Leading
    dimensions broadcast over the channels. zi (..., 2, N) are the past inputs, x[-1], x[-2] ...,
    and the past outputs, zeros by default. Returns y (..., T) and, on request, zf (..., 2, N) in
    float64. For coefficients that don't change it is `lfilter` without its clamp.

    Gradients with respect to all of them are exact and of any order; float64 inside, as `allpole`.
    InputError as in `lfilter`, and for a hop below 1 or another number of rows.
    """
    given.check_waveform(waveform)
    given.check_coefficients("a_coeffs", a_coeffs, waveform)
    given.check_coefficients("b_coeffs", b_coeffs, waveform)
    time = waveform.shape[-1]
    shapes = tuple(a_coeffs.shape), tuple(b_coeffs.shape)
    rows = -(-time // hop) if hop > 0 else 0
    fits = rows > 0 and min(map(len, shapes)) > 1 and shapes[0][-1] == shapes[1][-1] > 0
    if not fits or shapes[0][-2] != rows or shapes[1][-2] != rows:
        raise InputError(
            f"a_coeffs {shapes[0]} and b_coeffs {shapes[1]} with a hop of {hop} don't fit a "
            f"waveform {tuple(waveform.shape)}; give both as (..., ceil(time / hop), N + 1)."
        )
    order = shapes[0][-1] - 1
    b, a = normalised(a_coeffs, b_coeffs)
    every = torch.arange(time, device=waveform.device) // hop
    b = given.expanded("b_coeffs", b.index_select(-2, every), (*waveform.shape, order + 1))
    a = given.expanded("a_coeffs", a.index_select(-2, every), (*waveform.shape, order))
    state = given.initial_state(zi, (*waveform.shape[:-1], 2, order), waveform)
    inputs, outputs = state.unbind(-2)
    x = waveform.double()
    windows = torch.cat([inputs.flip(-1), x], -1).unfold(-1, order + 1, 1)
    y = all_pole_varying((windows * b.flip(-1)).sum(-1), a, outputs)
    result = y.to(waveform.dtype)
    if not return_zf:
        return result
    return result, torch.stack([_latest(inputs, x), _latest(outputs, y)], -2)


def all_pole_varying(x: Tensor, a: Tensor, past: Tensor) -> Tensor:
    """y (..., T) of x (..., T), a (..., T, N), past outputs (..., N): float64, a maybe float32."""
    count, (time, order) = math.prod(x.shape[:-1]), a.shape[-2:]
    if not order:
        return x
    shapes = ((count, time), (count, time, order), (count, order))
    flat = (part.reshape(shape) for part, shape in zip((x, a, past), shapes, strict=True))
    y: Tensor = _AllPoleVarying.apply(*(part.cpu() for part in flat))  # type: ignore[no-untyped-call]
    return y.to(x.device).view(x.shape)


def _latest(past: Tensor, signal: Tensor) -> Tensor:
    """The last N samples of what was before and the signal, the latest first."""
    order = past.shape[-1]
    both = torch.cat([past.flip(-1), signal[..., max(signal.shape[-1] - order, 0) :]], -1)
    return both.flip(-1)[..., :order]


class _AllPoleVarying(torch.autograd.Function):
    """x (R, T), a (R, T, N), past (R, N) -> y (R, T)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, past: Tensor) -> Tensor:
        y = torch.cat([past.detach().flip(1), torch.empty_like(x)], 1)
        kernels.run.for_work(1)(_array(x), _array(a), y.numpy())
        y = y[:, past.shape[1] :].clone()
        ctx.save_for_backward(a, past, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, past, y = ctx.saved_tensors
        adjoint = _adjoint if torch.is_grad_enabled() else _adjoint_in_place
        v, grad_a = adjoint(grad, a, torch.cat([past.flip(1), y], 1))
        order = a.shape[2]
        return v[:, order:], grad_a, v[:, :order].flip(1)


def _adjoint(grad: Tensor, a: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of past outputs and x, and of a, by operations that can be differentiated again.

    v[t] = grad[t] - sum_k a_k[t+k] v[t+k]: the same recurrence backwards, its coefficients skewed.
    The past outputs are samples too, of gradient 0 and with coefficients 0.
    """
    rows, time, order = a.shape
    padded = torch.nn.functional.pad(a, (0, 0, order, order))
    skewed = torch.stack([padded[:, k + 1 : k + 1 + time + order, k] for k in range(order)], -1)
    grad = torch.nn.functional.pad(grad, (order, 0))
    v: Tensor = _AllPoleVarying.apply(grad.flip(1), skewed.flip(1), grad.new_zeros(rows, order))  # type: ignore[no-untyped-call]
    v = v.flip(1)
    before = outputs[:, :-1].unfold(1, order, 1).flip(2)
    return v, (-v[:, order:].unsqueeze(2) * before).to(a.dtype)


def _adjoint_in_place(grad: Tensor, a: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """The same in one loop."""
    v = torch.nn.functional.pad(grad, (a.shape[2], 0))
    grad_a = torch.empty_like(a, memory_format=torch.contiguous_format)
    kernels.adjoint.for_work(1)(v.numpy(), _array(a), _array(outputs), grad_a.numpy())
    return v, grad_a


def _array(tensor: Tensor) -> Any:
    return tensor.detach().resolve_neg().contiguous().numpy()
