"""Chroma: frames of how much of each pitch class sounds, in whatever octave."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
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
    within_full_scale,
)
from rnnmusic.encodings.protocol import REAL, Steps

if TYPE_CHECKING:
    import torch

PITCH_CLASSES = 12
SILENCE = 1e-8  # re the power of a sine at full scale: -80 dB
# Shepard tones: a class sounds in all octaves under a bell, so that none is heard as its own.
LOWEST_PITCH, HIGHEST_PITCH = 24, 107
CENTRE_PITCH, BELL_SEMITONES = 62.0, 12.0
TONE_GAIN = 0.1


@dataclass(frozen=True)
class Chroma(FrameEncoding):
    """Power in each of the 12 pitch classes from C up, re the strongest of the frame.

    A spectrum's power is folded by librosa's chroma filters (Ellis 2007) for A at 440 Hz and
    divided by the largest of the 12, so that steps lie in 0..1; frames 80 dB or more below full
    scale fade to 0. What is lost is nearly everything: decoding plays each class as a Shepard tone
    (Shepard 1964), as loud as its chroma says.
    """

    name: ClassVar[str] = "chroma"

    sample_rate_hz: int = 16_000
    fft_size: int = 4096
    hop_size: int = 512

    def __post_init__(self) -> None:
        check_frames(self)

    @property
    def sizes(self) -> tuple[int, ...]:
        """REAL for each pitch class."""
        return (REAL,) * PITCH_CLASSES

    def steps_of(self, samples: Floats) -> Floats:
        """Steps (T, 12) of mono samples (n,) at the encoding's rate."""
        bank = _bank(self).T
        chroma = np.empty((self.frame_count(len(samples)), PITCH_CLASSES), dtype=np.float32)
        for rows, spectrum in spectra(samples, hann(self.fft_size), self.hop_size):
            np.matmul(spectrum.real**2 + spectrum.imag**2, bank, out=chroma[rows])
        strongest = chroma.max(axis=1, keepdims=True)
        chroma /= np.maximum(strongest, np.float32(SILENCE))
        return chroma

    def frames(self, samples: torch.Tensor) -> torch.Tensor:
        """The steps (B, T, 12) of mono samples (B, n): see `FrameEncoding.frames`."""
        import torch

        from rnnmusic.audio import transforms

        transform = transforms.spectrum(samples, fft_size=self.fft_size, hop_size=self.hop_size)
        power = transform(padded_to_hops(samples, self.hop_size)).abs().square().transpose(1, 2)
        chroma = power @ torch.from_numpy(_bank(self).T).to(samples)
        return chroma / chroma.amax(dim=-1, keepdim=True).clamp(min=SILENCE)

    def decode(self, steps: Steps) -> Audio:
        """Shepard tones as loud as steps (T, 12) say: (T - 1) * hop_size samples, peak 1 at most.

        Steps beyond 0..1 are taken for the nearer of the two. InputError for another shape, NaN or
        infinities.
        """
        power = np.clip(checked_frames(self, steps), 0.0, 1.0)
        at = np.arange(self.sample_count(len(power)))
        centres = np.arange(len(power)) * self.hop_size
        sound = np.zeros(len(at), dtype=np.float64)
        for pitch in range(LOWEST_PITCH, HIGHEST_PITCH + 1):
            frequency_hz = 440.0 * 2 ** ((pitch - 69) / 12)
            level = power[:, pitch % PITCH_CLASSES]
            if frequency_hz >= self.sample_rate_hz / 2 or not level.any():
                continue
            bell = np.exp(-0.5 * ((pitch - CENTRE_PITCH) / BELL_SEMITONES) ** 2)
            envelope = np.interp(at, centres, np.sqrt(level)) * (TONE_GAIN * bell)
            sound += envelope * np.sin(2 * np.pi * frequency_hz / self.sample_rate_hz * at)
        return within_full_scale(sound.astype(np.float32), self.sample_rate_hz)


@lru_cache(maxsize=16)
def _bank(encoding: Chroma) -> Floats:
    """Filters (12, K), a sine at full scale having power 1. Not to be written to."""
    import librosa

    bank = librosa.filters.chroma(
        sr=encoding.sample_rate_hz, n_fft=encoding.fft_size, tuning=0.0, n_chroma=PITCH_CLASSES
    )
    scale = (2.0 / hann(encoding.fft_size).sum(dtype=np.float64)) ** 2
    scaled: Floats = (bank * scale).astype(np.float32)
    return scaled
