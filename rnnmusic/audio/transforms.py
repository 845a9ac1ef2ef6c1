"""Short-time spectra of batches of samples on any device, through torchaudio."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn
from torchaudio import transforms

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
