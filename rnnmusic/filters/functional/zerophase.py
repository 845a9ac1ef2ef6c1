"""Filters run forwards, then backwards: the square of their magnitude response, and no phase."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.functional.direct import check_bank, direct_form, normalised

Padding = Literal["zeros", "none", "constant", "even", "odd"]


def filtfilt(
    waveform: Tensor,
    a_coeffs: Tensor,
    b_coeffs: Tensor,
    clamp: bool = True,
    padding: Padding = "zeros",
    padlen: int | None = None,
) -> Tensor:
    """B/A forwards and backwards in time: torchaudio's function, or scipy's by its padding.

    waveform (..., T); coefficients (N + 1,), or (K, N + 1) for a waveform (..., K, T), of its
    dtype; `clamp` limits the output to [-1, 1]. padding says what is around the waveform:
    "zeros": silence, cut off after T, as torchaudio has it; the others equal scipy.signal.filtfilt,
    both runs start in the steady state of their first sample: "odd", "even" or "constant" after
    padlen samples of extension, 3 (N + 1) by default, "none" without one.

    Gradients as in `lfilter`, through the steady states too. InputError as there; for a waveform
    not longer than padlen; and where a steady state is asked of a filter with a pole at 1.
    """
    check_bank(waveform, a_coeffs, b_coeffs)
    b, a = normalised(a_coeffs, b_coeffs)
    edge = _edge(padding, 3 * a_coeffs.shape[-1] if padlen is None else padlen, waveform)
    x = extended(waveform.double(), padding, edge)
    rest = x.new_zeros(*waveform.shape[:-1], a.shape[-1])
    steady = rest if padding == "zeros" else steady_state(b, a)
    for _ in range(2):
        x, _ = direct_form(x, b, a, rest + steady * x[..., :1])
        x = x.flip(-1)
    y = x[..., edge : x.shape[-1] - edge].to(waveform.dtype)
    return y.clamp(-1.0, 1.0) if clamp else y


def steady_state(b: Tensor, a: Tensor) -> Tensor:
    """The state (..., N) that a constant input of 1 keeps; scipy.signal.lfilter_zi.

    b (..., N + 1), a (..., N) without a0 = 1. InputError for a pole at 1.
    """
    feedback = 1 + a.sum(-1, keepdim=True)
    if bool((feedback == 0).any()):
        raise InputError(
            'A filter with a pole at 1 has no steady state; use padding="zeros" for it.'
        )
    level = b.sum(-1, keepdim=True) / feedback
    return (b[..., 1:] - a * level).flip(-1).cumsum(-1).flip(-1)


def extended(x: Tensor, padding: Padding, edge: int) -> Tensor:
    """x (..., T) with `edge` samples more at each end: mirrored, rotated, or its end values."""
    if not edge:
        return x
    first, last = x[..., :1], x[..., -1:]
    if padding == "constant":
        shape = (*x.shape[:-1], edge)
        return torch.cat([first.expand(shape), x, last.expand(shape)], -1)
    before, after = x[..., 1 : edge + 1].flip(-1), x[..., -edge - 1 : -1].flip(-1)
    if padding == "odd":
        before, after = 2 * first - before, 2 * last - after
    return torch.cat([before, x, after], -1)


def _edge(padding: Padding, padlen: int, waveform: Tensor) -> int:
    if padding not in get_args(Padding):
        names = ", ".join(get_args(Padding))
        raise UsageError(f"There is no padding {padding!r}; choose one of {names}.")
    edge = 0 if padding in ("zeros", "none") else padlen
    if not 0 <= edge < waveform.shape[-1]:
        raise InputError(
            f"A padding of {edge} samples doesn't fit a waveform of {waveform.shape[-1]}; give a "
            "padlen from 0 to one less than that."
        )
    return edge
