"""Second-order sections in series: all of them in one pass over memory, forwards and backwards."""

from __future__ import annotations

import math
from typing import Literal, overload

import torch
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.functional import _given as given
from rnnmusic.filters.functional._cascade import run
from rnnmusic.filters.functional.zerophase import Padding, extended


@overload
def sosfilt(
    waveform: Tensor, sos: Tensor, zi: Tensor | None = None, return_zf: Literal[False] = False
) -> Tensor: ...
@overload
def sosfilt(
    waveform: Tensor, sos: Tensor, zi: Tensor | None = None, *, return_zf: Literal[True]
) -> tuple[Tensor, Tensor]: ...
@overload
def sosfilt(
    waveform: Tensor, sos: Tensor, zi: Tensor | None = None, return_zf: bool = False
) -> Tensor | tuple[Tensor, Tensor]: ...
def sosfilt(
    waveform: Tensor, sos: Tensor, zi: Tensor | None = None, return_zf: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Second-order sections in series, transposed direct form II: scipy.signal.sosfilt.

    waveform (..., T), float32 or float64. sos (S, 6) with rows b0, b1, b2, a0, a1, a2, or
    (..., S, 6) for each channel, or (..., T, S, 6) for each sample, recognised by its one dimension
    more than the waveform has beside S and 6; leading dimensions broadcast over the channels.
    zi (..., S, 2) are scipy's states, zeros by default. Returns y (..., T) and, on request,
    zf (..., S, 2) to go on from: the bits of y are the same for a waveform whole or cut anywhere.

    Gradients with respect to all of them are exact and of any order, by the adjoint filter, which
    runs backwards in time; what lies between the sections is computed again, not kept. The CPU
    computes in the waveform's dtype, gradients of coefficients are summed in float64; there are as
    many threads as torch has where the work is worth it. On other devices constant coefficients run
    as `statespace`; varying ones go through the CPU and back.

    InputError for an empty waveform, no sections, a0 = 0, coefficients that aren't finite, and
    shapes or devices that don't fit together. Unstable sections are run as they are.
    """
    given.check_waveform(waveform)
    _check_sections(sos, waveform)
    if sos.dim() > waveform.dim() + 1:
        return sosfilt_varying(waveform, sos, 1, zi, return_zf)
    y, zf = _broadcast(waveform, sos, None, zi)
    return (y, zf) if return_zf else y


@overload
def sosfilt_varying(
    waveform: Tensor,
    sos: Tensor,
    hop: int = 1,
    zi: Tensor | None = None,
    return_zf: Literal[False] = False,
) -> Tensor: ...
@overload
def sosfilt_varying(
    waveform: Tensor,
    sos: Tensor,
    hop: int = 1,
    zi: Tensor | None = None,
    *,
    return_zf: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@overload
def sosfilt_varying(
    waveform: Tensor,
    sos: Tensor,
    hop: int = 1,
    zi: Tensor | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, Tensor]: ...
def sosfilt_varying(
    waveform: Tensor,
    sos: Tensor,
    hop: int = 1,
    zi: Tensor | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """`sosfilt` with other coefficients every hop samples, the states carried on.

    sos (..., F, S, 6), row f for the samples f hop ... (f + 1) hop - 1, F = ceil(T / hop).
    InputError as in `sosfilt`, and for a hop below 1 or another number of rows.
    """
    given.check_waveform(waveform)
    _check_sections(sos, waveform)
    time = waveform.shape[-1]
    if hop < 1 or sos.dim() < 3 or sos.shape[-3] != -(-time // hop):
        raise InputError(
            f"sos {tuple(sos.shape)} with a hop of {hop} doesn't fit a waveform "
            f"{tuple(waveform.shape)}; give (..., ceil(time / hop), sections, 6)."
        )
    y, zf = _broadcast(waveform, sos, hop, zi)
    return (y, zf) if return_zf else y


def sosfiltfilt(
    waveform: Tensor, sos: Tensor, padding: Padding = "odd", padlen: int | None = None
) -> Tensor:
    """Sections forwards and backwards in time: no phase shift, scipy.signal.sosfiltfilt.

    waveform (..., T), sos (S, 6) or (..., S, 6). padding says what is around the waveform: "odd",
    "even" or "constant" extend it by padlen samples, scipy's number by default, "none" by nothing,
    and both runs start in the steady state of their first sample; "zeros" is silence, from rest.

    Gradients as in `sosfilt`, through the steady states too. InputError as there; for a waveform
    not longer than padlen; and where a steady state is asked of a section with a pole at 1.
    """
    given.check_waveform(waveform)
    _check_sections(sos, waveform)
    if padlen is None:
        missing = torch.minimum((sos[..., 2] == 0).sum(-1), (sos[..., 5] == 0).sum(-1))
        padlen = 3 * (2 * sos.shape[-2] + 1 - int(missing.min()))
    edge = 0 if padding in ("zeros", "none") else padlen
    time = waveform.shape[-1]
    if not 0 <= edge < time:
        raise InputError(
            f"A waveform of {time} samples can't be extended by {edge}; give a padlen from 0 to "
            f'{time - 1}, or padding="zeros".'
        )
    x = extended(waveform, padding, edge)
    steady = None if padding == "zeros" else steady_state(sos).to(x.dtype)
    for _ in range(2):
        x = sosfilt(x, sos, None if steady is None else steady * x[..., :1, None]).flip(-1)
    return x[..., edge : edge + time]


def steady_state(sos: Tensor) -> Tensor:
    """The states (..., S, 2), float64, that a constant input of 1 keeps; scipy.signal.sosfilt_zi.

    InputError for a pole at 1.
    """
    b0, b1, b2, a0, a1, a2 = sos.double().unbind(-1)
    feedback = a0 + a1 + a2
    if bool((feedback == 0).any()):
        raise InputError(
            'A section with a pole at 1 has no steady state; use padding="zeros" for it.'
        )
    gain = (b0 + b1 + b2) / feedback
    level = torch.cat([torch.ones_like(gain[..., :1]), gain[..., :-1].cumprod(-1)], -1)
    s1 = (b2 - a2 * gain) / a0
    return torch.stack([s1 + (b1 - a1 * gain) / a0, s1], -1) * level.unsqueeze(-1)


def _check_sections(sos: Tensor, waveform: Tensor) -> None:
    if not isinstance(sos, Tensor) or not sos.is_floating_point() or sos.device != waveform.device:
        raise InputError(f"sos isn't a real tensor on {waveform.device}; give (sections, 6).")
    if sos.dim() < 2 or sos.shape[-1] != 6 or sos.shape[-2] == 0:
        raise InputError(
            f"sos has shape {tuple(sos.shape)}; give (..., sections, 6) with rows b0, b1, b2, a0, "
            "a1, a2 and at least one section."
        )
    values = sos.detach()
    # A finite sum shows it at a fraction of the time; a sum may overflow, too.
    if not math.isfinite(values.sum().item()) and not bool(values.isfinite().all()):
        raise InputError("sos holds NaN or infinite values; give finite coefficients.")
    if not values.select(-1, 3).all().item():
        given.check_leading(values[..., 3])


def _broadcast(
    waveform: Tensor, sos: Tensor, hop: int | None, zi: Tensor | None
) -> tuple[Tensor, Tensor]:
    """waveform (..., T), sos (..., S, 6), or (..., F, S, 6) with a hop -> y and zf.

    From one shape of channels to rows.
    """
    channels, sections = waveform.shape[:-1], sos.shape[-2]
    rows = -2 if hop is None else -3
    if math.prod(sos.shape[:rows]) != 1:
        sos = given.expanded("sos", sos, (*channels, *sos.shape[rows:]))
    if zi is not None:
        zi = given.initial_state(zi, (*channels, sections, 2), waveform).to(waveform.dtype)
        zi = zi.reshape(-1, sections, 2)
    if len(channels) == 1:
        return run(waveform, sos, zi, hop)
    y, zf = run(waveform.reshape(-1, waveform.shape[-1]), sos, zi, hop)
    return y.reshape(waveform.shape), zf.reshape(*channels, sections, 2)
