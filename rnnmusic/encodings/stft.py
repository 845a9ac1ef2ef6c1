"""Stft: frames of short-time spectra, from which the sound comes back as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rnnmusic.audio import Audio
from rnnmusic.encodings._framing import (
    Floats,
    FrameEncoding,
    check_frames,
    checked_frames,
    hann,
    padded_to_hops,
    spectra,
)
from rnnmusic.encodings.protocol import REAL, Steps

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Stft(FrameEncoding):
    """Real and imaginary parts of the spectrum under a periodic Hann window, invertible.

    With K = fft_size / 2 bins above 0 Hz the F = fft_size columns are the K + 1 real parts, from
    0 Hz to Nyquist, and the K - 1 imaginary parts between them; the other two are always 0. The
    spectrum is divided by the root of the sum of the squared window, so that white noise has the
    same size in every column as in its samples, but for a factor of sqrt(1/2).

    Decoding any steps gives the signal whose spectra come closest to them in the least squares
    (Griffin and Lim 1984, equation 6), which for encoded ones is the sound itself.
    """

    name: ClassVar[str] = "stft"

    sample_rate_hz: int = 16_000
    fft_size: int = 1024
    hop_size: int = 256

    def __post_init__(self) -> None:
        check_frames(self)

    @property
    def sizes(self) -> tuple[int, ...]:
        """REAL for each real and imaginary part."""
        return (REAL,) * self.fft_size

    def steps_of(self, samples: Floats) -> Floats:
        """Steps (T, fft_size) of mono samples (n,) at the encoding's rate."""
        bins = self.fft_size // 2 + 1
        steps = np.empty((self.frame_count(len(samples)), self.fft_size), dtype=np.float32)
        window = hann(self.fft_size) * np.float32(self._scale)
        for rows, spectrum in spectra(samples, window, self.hop_size):
            steps[rows, :bins] = spectrum.real
            steps[rows, bins:] = spectrum.imag[:, 1:-1]
        return steps

    def frames(self, samples: torch.Tensor) -> torch.Tensor:
        """The steps (B, T, fft_size) of mono samples (B, n): see `FrameEncoding.frames`."""
        import torch

        from rnnmusic.audio import transforms

        transform = transforms.spectrum(samples, fft_size=self.fft_size, hop_size=self.hop_size)
        spectrum = transform(padded_to_hops(samples, self.hop_size)).transpose(1, 2)  # (B, T, K)
        return torch.cat([spectrum.real, spectrum.imag[..., 1:-1]], dim=-1) * self._scale

    def decode(self, steps: Steps) -> Audio:
        """The sound of steps (T, fft_size): (T - 1) * hop_size samples.

        Those of an encoded recording are its own to 1e-5, then zeros up to a whole hop. InputError
        for another shape, NaN or infinities.
        """
        real = checked_frames(self, steps)
        bins, size, hop = self.fft_size // 2 + 1, self.fft_size, self.hop_size
        window = hann(size)
        length = self.sample_count(len(real))
        sound = np.zeros(length + size, dtype=np.float32)  # half a frame before and after
        weight = np.zeros(length + size, dtype=np.float32)
        for t, row in enumerate(real):
            spectrum = row[:bins].astype(np.complex64)
            spectrum[1:-1] += 1j * row[bins:]
            stretch = slice(t * hop, t * hop + size)
            sound[stretch] += window * np.fft.irfft(spectrum, size)
            weight[stretch] += window**2
        inner = slice(size // 2, size // 2 + length)
        return Audio(sound[inner] / (weight[inner] * np.float32(self._scale)), self.sample_rate_hz)

    @property
    def _scale(self) -> float:
        return float(np.sum(hann(self.fft_size).astype(np.float64) ** 2) ** -0.5)
