"""Filtering by sampled frequency responses: for training, with the error it makes stated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.errors import InputError

Response = Callable[[Tensor], Tensor]

# An impulse response is followed until what remains is surely below exp of this, or so long.
_FADED, _LONGEST = -40.0, 2**20


@overload
def frequency_sampled(
    waveform: Tensor,
    response: Tensor | Response,
    n_fft: int | None = None,
    return_error: Literal[False] = False,
) -> Tensor: ...
@overload
def frequency_sampled(
    waveform: Tensor,
    response: Tensor | Response,
    n_fft: int | None = None,
    *,
    return_error: Literal[True],
) -> tuple[Tensor, Tensor]: ...
def frequency_sampled(
    waveform: Tensor,
    response: Tensor | Response,
    n_fft: int | None = None,
    return_error: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Filter by a product of spectra: y = irfft(H rfft(x)), from zero, over n_fft samples.

    waveform (..., T) real. response: second-order sections (..., S, 6), as in `sosfilt`; or the
    response itself, complex (..., n_fft // 2 + 1), at the frequencies of rfft; or a function of
    omega (n_fft // 2 + 1,), in radians per sample, that gives it. Leading dimensions broadcast with
    those of the waveform. n_fft: T at least; the power of two from 2 T on by default.

    What of the output should come after n_fft samples is folded back onto its beginning. With
    sections the bound of that error comes along on request: (...), such that
    |y - exact| <= bound * max |x|, from `aliasing_bound`. It falls like the radius of the outermost
    pole to the power of n_fft - T; for a radius of 0.999 and 1e-6 that takes some 14,000 samples.

    Differentiable any number of times, also where recursions aren't worth while: on a GPU, or with
    responses that no recursion has. InputError for shapes that don't go together, an n_fft below T,
    unstable sections (their responses exist, and mean another filter), or a bound that was asked
    for without sections.
    """
    if waveform.dim() == 0 or not waveform.is_floating_point() or not waveform.shape[-1]:
        raise InputError(
            f"The waveform is {waveform.dtype} of shape {tuple(waveform.shape)}; give real samples."
        )
    time = waveform.shape[-1]
    n_fft = 2 ** math.ceil(math.log2(2 * time)) if n_fft is None else n_fft
    if n_fft < time:
        raise InputError(f"n_fft is {n_fft}, below the {time} samples; give {time} or more.")
    sections = response if isinstance(response, Tensor) and not response.is_complex() else None
    if sections is not None:
        if not _stable(sections):
            raise InputError("The sections have poles on or outside the unit circle; move them in.")
        sampled = sections_response(sections, grid(n_fft, waveform))
    elif return_error:
        raise InputError("A response alone doesn't tell its aliasing; give second-order sections.")
    else:
        sampled = response if isinstance(response, Tensor) else response(grid(n_fft, waveform))
    if not sampled.is_complex() or sampled.shape[-1:] != (n_fft // 2 + 1,):
        raise InputError(
            f"The response is {sampled.dtype} of shape {tuple(sampled.shape)}; give complex "
            f"(..., {n_fft // 2 + 1}) for n_fft = {n_fft}."
        )
    try:
        product = torch.fft.rfft(waveform, n_fft) * sampled
    except RuntimeError:
        raise InputError(
            f"A waveform {tuple(waveform.shape)} and responses of {tuple(sampled.shape)} don't "
            "broadcast; make their leading dimensions fit."
        ) from None
    y: Tensor = torch.fft.irfft(product, n_fft)[..., :time]
    y = y.to(waveform.dtype)
    if return_error and sections is not None:
        return y, aliasing_bound(sections, n_fft, time)
    return y


def grid(n_fft: int, like: Tensor) -> Tensor:
    """The frequencies of rfft (n_fft // 2 + 1,) in radians per sample, in double precision."""
    step = 2 * torch.pi / n_fft
    return step * torch.arange(n_fft // 2 + 1, dtype=torch.float64, device=like.device)


def sections_response(sos: Tensor, omega: Tensor) -> Tensor:
    """The response (..., K) of sections (..., S, 6) at omega (K,), in the precision of `sos`.

    The numbers are found in double precision: near a pole close to the circle, 1 + a1/z + a2/z**2
    is a small difference of large terms.
    """
    inverse = torch.polar(torch.ones_like(omega), -omega)
    basis = torch.stack([torch.ones_like(inverse), inverse, inverse * inverse])
    above, below = (part.to(basis) @ basis for part in (sos[..., :3], sos[..., 3:]))
    response: Tensor = (above / below).prod(-2)
    return response.to(sos.dtype.to_complex())


def aliasing_bound(sos: Tensor, n_fft: int, time: int) -> Tensor:
    """The most that `frequency_sampled` can err, (...) in double precision, per unit of max |x|.

    The error is what a filter still says n_fft - time + 1 samples and more after an impulse, so
    its bound is the sum of |h[k]| from there on: of the impulse response itself, until it is sure
    to have faded, and of a bound of the rest. Infinite where a pole is on the circle or outside.
    No gradients.
    """
    from scipy.signal import sosfilt

    rows = sos.detach().double().cpu().numpy()
    late, bounds = n_fft - time + 1, []
    for sections in rows.reshape(-1, *rows.shape[-2:]):
        length = 2 * late
        while _FADED < _log_tail(sections, length) < math.inf and length < _LONGEST:
            length *= 2
        with np.errstate(over="ignore"):
            rest = np.exp(_log_tail(sections, length))
        if np.isfinite(rest):
            impulse = np.zeros(length)
            impulse[0] = 1
            rest += np.abs(sosfilt(sections / sections[:, 3:4], impulse)[late:]).sum()
        bounds.append(rest)
    return torch.tensor(bounds, dtype=torch.float64, device=sos.device).reshape(sos.shape[:-2])


def _log_tail(sections: NDArray[np.float64], start: int) -> float:
    """The logarithm of a bound of sum_(k >= start) |h[k]|, (S, 6) -> a number; inf if unstable.

    Term by term |h| is below G(z) = prod (|b0| + |b1|/z + |b2|/z**2) / prod (1 - r/z) over the
    sections and the radii r of their poles, a series of positive terms. Hence the sum is at most
    s**-start G(1/s) for every s from 1 up to the inverse of the largest radius; the best of some.
    """
    b, a1, a2 = (part / sections[:, 3] for part in (sections.T[:3], *sections.T[4:]))
    radii = _radii(a1, a2).ravel()
    if radii.max() >= 1:
        return math.inf
    # Between 1 and 1 / r, from close to the one to close to the other.
    share = np.concatenate([np.geomspace(1e-9, 0.5, 64), 1 - np.geomspace(1e-9, 0.5, 64)])
    log_s = -np.log(max(radii.max(), 1e-3)) * share
    s = np.exp(log_s)[:, None]
    b0, b1, b2 = np.abs(b)
    with np.errstate(divide="ignore"):  # a section of zeros only says nothing
        above = np.log(b0 + b1 * s + b2 * s * s).sum(1)
    return float((above - np.log1p(-radii * s).sum(1) - start * log_s).min())


def _stable(sos: Tensor) -> bool:
    """Whether all sections (..., S, 6) have their poles inside the unit circle."""
    if sos.dim() < 2 or sos.shape[-1] != 6 or not sos.shape[-2]:
        raise InputError(f"Sections of shape {tuple(sos.shape)} were given; give (..., S, 6).")
    a0, a1, a2 = sos.detach().double()[..., 3:].unbind(-1)
    return bool((((a2 / a0).abs() < 1) & ((a1 / a0).abs() < 1 + a2 / a0)).all())


def _radii(a1: NDArray[np.float64], a2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radii (..., 2) of the roots of z**2 + a1 z + a2."""
    root = np.sqrt((a1 * a1 - 4 * a2).astype(np.complex128))
    return np.abs(np.stack([a1 + root, a1 - root], -1)) / 2
