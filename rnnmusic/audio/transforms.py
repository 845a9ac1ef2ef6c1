"""Short-time spectra of batches of samples on any device, through torchaudio."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn
from torchaudio import functional, transforms

Transform = Callable[[Tensor], Tensor]

# A transform holds its window and its filters; training asks for the same one at every step.
_KEPT = 16


def mel_power(
    like: Tensor,
    *,
    sample_rate_hz: int,
    fft_size: int,
    hop_size: int,
    mels: int,
    lowest_hz: float,
    highest_hz: float,
) -> Transform:
    """Samples (B, n) -> mel-band powers (B, mels, 1 + n // hop_size), of the kind of `like`.

    Slaney's mel scale, triangles of height 1, centred frames padded with zeros.
    """
    return _mel_power(
        sample_rate_hz, fft_size, hop_size, mels, lowest_hz, highest_hz, like.device, like.dtype
    )


@lru_cache(maxsize=_KEPT)
def _mel_power(
    sample_rate_hz: int,
    fft_size: int,
    hop_size: int,
    mels: int,
    lowest_hz: float,
    highest_hz: float,
    device: torch.device,
    dtype: torch.dtype,
) -> nn.Module:
    transform = transforms.MelSpectrogram(
        sample_rate_hz,
        n_fft=fft_size,
        hop_length=hop_size,
        f_min=lowest_hz,
        f_max=highest_hz,
        n_mels=mels,
        mel_scale="slaney",
        norm=None,
        pad_mode="constant",
    )
    module: nn.Module = transform.to(device, dtype)
    return module


def spectrum(like: Tensor, *, fft_size: int, hop_size: int, windowed: bool = True) -> Transform:
    """Samples (B, n) -> complex spectra (B, fft_size // 2 + 1, 1 + n // hop_size).

    Of centred frames padded with zeros, under a periodic Hann window or none.
    """
    return _spectrum(fft_size, hop_size, windowed, like.device, like.dtype)


@lru_cache(maxsize=_KEPT)
def _spectrum(
    fft_size: int, hop_size: int, windowed: bool, device: torch.device, dtype: torch.dtype
) -> nn.Module:
    transform = transforms.Spectrogram(
        n_fft=fft_size,
        hop_length=hop_size,
        power=None,
        window_fn=torch.hann_window if windowed else torch.ones,
        pad_mode="constant",
    )
    module: nn.Module = transform.to(device, dtype)
    return module


def mu_law_levels(samples: Tensor, levels: int) -> Tensor:
    """Level (int64) of each sample in -1..1, of so many by the mu-law."""
    result: Tensor = functional.mu_law_encoding(samples, levels)
    return result
