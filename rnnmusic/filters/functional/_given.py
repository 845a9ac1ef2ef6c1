"""What the filters of this package ask of the tensors they are given."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rnnmusic.errors import InputError

_REALS = (torch.float32, torch.float64)


def check_waveform(waveform: Tensor) -> None:
    """InputError unless it is (..., T) with T > 0 in float32 or float64."""
    if not isinstance(waveform, Tensor) or waveform.dtype not in _REALS:
        kind = waveform.dtype if isinstance(waveform, Tensor) else type(waveform).__name__
        raise InputError(f"The waveform is {kind}; give a tensor of float32 or float64.")
    if waveform.dim() == 0 or waveform.shape[-1] == 0:
        raise InputError(
            f"The waveform has shape {tuple(waveform.shape)}, nothing to filter; give (..., time)."
        )


def check_coefficients(name: str, values: Tensor, waveform: Tensor) -> None:
    """InputError unless they are finite, of the waveform's dtype and on its device."""
    if not isinstance(values, Tensor):
        raise InputError(f"{name} is a {type(values).__name__}; give a tensor.")
    if values.dtype != waveform.dtype or values.device != waveform.device:
        raise InputError(
            f"{name} is {values.dtype} on {values.device} and the waveform {waveform.dtype} on "
            f"{waveform.device}; convert one to the other's."
        )
    # A finite sum shows it at a fraction of the time; a sum may overflow, too.
    if not math.isfinite(values.detach().sum().item()) and not bool(values.isfinite().all()):
        raise InputError(f"{name} holds NaN or infinite values; give finite coefficients.")


def check_leading(a0: Tensor) -> None:
    """InputError where a0 is zero: nothing can be divided by it."""
    if bool((a0 == 0).any()):
        raise InputError("a0 is zero; give coefficients of a causal filter, with a0 not zero.")


def expanded(name: str, values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The values broadcast to this shape; InputError where they don't fit."""
    try:
        return values.expand(shape)
    except RuntimeError:
        raise InputError(
            f"{name} has shape {tuple(values.shape)}; give {shape}, or what broadcasts to it."
        ) from None


def initial_state(zi: Tensor | None, shape: tuple[int, ...], waveform: Tensor) -> Tensor:
    """zi in float64 and broadcast to this shape, zeros for None."""
    if zi is None:
        return waveform.new_zeros(shape, dtype=torch.float64)
    if not isinstance(zi, Tensor) or zi.dtype not in _REALS or zi.device != waveform.device:
        raise InputError(f"zi isn't a real tensor on {waveform.device}; give one of shape {shape}.")
    return expanded("zi", zi, shape).double()
