"""Samples in frames: what every encoding of audio by short-time spectra shares."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rnnmusic.audio import Audio
from rnnmusic.audio.signal import SAMPLE_RATES_HZ
from rnnmusic.encodings._checks import check_whole
from rnnmusic.encodings.protocol import AudioEncoding, Encoded, Steps
from rnnmusic.errors import InputError, UsageError

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]

FFT_SIZES = (16, 1 << 16)
MOST_STEPS = 1 << 24  # more is a mistake: three days at 64 frames a second
BLOCK_FRAMES = 64  # frames transformed at once: what they make stays in a core's cache


class FrameEncoding(AudioEncoding):
    """Frames of `fft_size` samples every `hop_size`, and what is made of each by itself.

    Frame t is centred on sample t * hop_size: it covers the samples from t * hop_size - fft_size/2
    up to, not including, t * hop_size + fft_size/2, silence before the first and after the last.
    n samples give T = 1 + ceil(n / hop_size) frames, so that every sample lies where windows
    overlap, and T frames decode to (T - 1) * hop_size samples: the n, and silence up to a whole
    hop. These are librosa's centred frames of the signal padded to a whole number of hops.
    """

    @property
    @abstractmethod
    def fft_size(self) -> int:
        """Samples in a frame, an even number."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Four bytes per column."""
        return np.dtype("<f4")

    def frame_count(self, sample_count: int) -> int:
        """Number of frames T of so many samples: 1 + ceil(sample_count / hop_size)."""
        return 1 - (-sample_count // self.hop_size)

    def sample_count(self, frame_count: int) -> int:
        """Number of samples that so many frames decode to: (frame_count - 1) * hop_size."""
        return max(0, frame_count - 1) * self.hop_size

    def encode(self, audio: Audio) -> Encoded:
        """Encode a recording into steps (T, F) float32.

        Another rate is resampled, other channels are mixed to one. InputError for an empty
        recording, for NaN or infinite samples, and for more than 16 million steps.
        """
        samples = samples_of(self, audio)
        steps = self.steps_of(samples).astype(self.dtype, copy=False)
        return Encoded(steps, np.empty((len(steps), 0), dtype=np.uint8), {})

    @abstractmethod
    def steps_of(self, samples: Floats) -> Floats:
        """Steps (T, F) of mono samples (n,) at the encoding's rate."""

    @abstractmethod
    def frames(self, samples: torch.Tensor) -> torch.Tensor:
        """The steps (B, T, F) of mono samples (B, n) at the encoding's rate, by torchaudio.

        On the device and in the floating-point type of `samples`; equal to `encode` to 1e-4 in
        float32. Differentiable.
        """


def check_frames(encoding: FrameEncoding) -> None:
    """UsageError unless rate, FFT and hop are ones that sound can be cut up by."""
    check_whole(encoding.name, "sample_rate_hz", encoding.sample_rate_hz, *SAMPLE_RATES_HZ)
    check_whole(encoding.name, "fft_size", encoding.fft_size, *FFT_SIZES)
    if encoding.fft_size % 2:
        raise UsageError(
            f"The {encoding.name} encoding was given fft_size = {encoding.fft_size}; "
            "it takes an even number, best a power of 2."
        )
    # With less overlap than half, Hann windows leave samples out that no inverse brings back.
    check_whole(encoding.name, "hop_size", encoding.hop_size, 1, encoding.fft_size // 2)


def samples_of(encoding: AudioEncoding, audio: Audio) -> Floats:
    """The samples (n,) of a recording, at the encoding's rate and of one channel."""
    if not audio.samples.size:
        raise InputError("The recording has no samples; give one with sound in it.")
    audio.check_finite()
    samples: Floats = audio.mono().resample(encoding.sample_rate_hz).samples[0]
    if len(samples) > MOST_STEPS * encoding.hop_size:
        raise InputError(
            f"The recording lasts {audio.duration_s / 3600:.1f} hours, more than "
            f"{MOST_STEPS} steps of the {encoding.name} encoding; split it."
        )
    return samples


def checked_frames(encoding: AudioEncoding, steps: Steps) -> Floats:
    """`steps` as real numbers (T, F); InputError for another shape or numbers not finite."""
    array: NDArray[Any] = np.asarray(steps)
    width = len(encoding.sizes)
    if array.ndim != 2 or array.shape[1] != width or array.dtype.kind != "f":
        raise InputError(
            f"The {encoding.name} encoding was given a {array.dtype} array of shape "
            f"{array.shape}; it reads real numbers of shape (steps, {width})."
        )
    if not np.isfinite(array).all():
        raise InputError(
            f"The {encoding.name} encoding was given steps that are NaN or infinite; "
            "the network that made them has diverged, so train it anew or sample it cooler."
        )
    return array.astype(np.float32)


def spectra(
    samples: Floats, window: Floats, hop_size: int
) -> Iterator[tuple[slice, NDArray[np.complex64]]]:
    """Short-time spectra of samples (n,), a few frames (t, K) at a time.

    window is (fft_size,), K = fft_size // 2 + 1. Each comes with its rows among all
    T = 1 + ceil(n / hop_size) frames.
    """
    count = 1 - (-len(samples) // hop_size)
    half = len(window) // 2
    for first in range(0, count, BLOCK_FRAMES):
        last = min(first + BLOCK_FRAMES, count) - 1
        start, stop = first * hop_size - half, last * hop_size + half
        stretch = samples[max(0, start) : stop]
        before = max(0, -start)
        stretch = np.pad(stretch, (before, stop - start - before - len(stretch)))
        frames = sliding_window_view(stretch, len(window))[::hop_size]  # (t, fft_size), no copy
        spectrum = np.fft.rfft(frames * window)
        yield slice(first, last + 1), spectrum.astype(np.complex64, copy=False)


@lru_cache(maxsize=8)
def hann(size: int) -> Floats:
    """Periodic Hann window (size,): 0.5 - 0.5 cos(2 pi n / size). Not to be written to."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    return window.astype(np.float32)


def padded_to_hops(samples: torch.Tensor, hop_size: int) -> torch.Tensor:
    """Samples (B, n) with zeros up to a whole number of hops."""
    import torch

    return torch.nn.functional.pad(samples, (0, -samples.shape[-1] % hop_size))


def within_full_scale(samples: Floats, sample_rate_hz: int) -> Audio:
    """Mono audio of an estimate: scaled down, if need be, to a peak of 1."""
    audio = Audio(samples, sample_rate_hz)
    return audio.normalised(0.0) if audio.peak > 1.0 else audio
