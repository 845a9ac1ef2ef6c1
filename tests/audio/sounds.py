"""Sounds to write, and raw WAV files to lie with."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio import Audio

RATE_HZ = 44_100


def tone(
    frequency_hz: float, seconds: float = 0.5, rate_hz: int = RATE_HZ, peak: float = 0.5
) -> Audio:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return Audio(peak * np.sin(2 * np.pi * frequency_hz * t), rate_hz)


def noise(frames: int, channels: int = 1, rate_hz: int = RATE_HZ, seed: int = 0) -> Audio:
    rng = np.random.default_rng(seed)
    return Audio(rng.uniform(-0.5, 0.5, (channels, frames)), rate_hz)


def spectrum_db(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Level of each bin of one long spectrum, a sine at full scale being 0 dB."""
    window = np.blackman(len(samples))
    magnitude = np.abs(np.fft.rfft(samples * window)) / (window.sum() / 2)
    return np.asarray(20 * np.log10(np.maximum(magnitude, 1e-12)))


def chunk(name: bytes, body: bytes, length: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if length is None else length) + body


def wav(
    sound: bytes = b"\x01\x02" * 1000,
    *,
    announced: int | None = None,
    rate_hz: int = 16_000,
    channels: int = 1,
    bits: int = 16,
    code: int = 1,
    after: bytes = b"",
) -> bytes:
    """A WAV file whose data chunk announces so many bytes, whatever there are."""
    frame = channels * bits // 8
    form = struct.pack(
        "<HHIIHH", code, channels, rate_hz, rate_hz * frame % 2**32, frame % 2**16, bits
    )
    body = b"WAVE" + chunk(b"fmt ", form) + chunk(b"data", sound, announced) + after
    return chunk(b"RIFF", body)
