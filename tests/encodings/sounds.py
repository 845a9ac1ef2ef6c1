"""Sounds for the tests of encodings of audio, and the encodings by kind."""

from __future__ import annotations

import numpy as np

from rnnmusic.audio import Audio
from rnnmusic.encodings import Chroma, Cqt, LogMel, Stft, Waveform

RATE_HZ = 16_000

# Small frames for speed, a hop that doesn't divide them, and the defaults.
FRAMED = (
    LogMel(),
    LogMel(fft_size=512, hop_size=100, mels=20, lowest_hz=0.0, highest_hz=6_000.0),
    Stft(),
    Stft(fft_size=256, hop_size=60),
    Chroma(fft_size=2048, hop_size=500),
    Cqt(bins=48, lowest_hz=220.0, hop_size=256),
)
EVERY = (
    *FRAMED,
    Waveform(),
    Waveform(frame_size=30),
    Waveform(frame_size=160, quantiser="linear"),
)


def noise(frames: int, *, channels: int = 1, rate_hz: int = RATE_HZ, seed: int = 0) -> Audio:
    rng = np.random.default_rng(seed)
    return Audio((0.1 * rng.standard_normal((channels, frames))).clip(-1, 1), rate_hz)


def tone(frequency_hz: float, seconds: float = 1.0, *, peak: float = 0.5) -> Audio:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return Audio(peak * np.sin(2 * np.pi * frequency_hz * t), RATE_HZ)


def chord(seconds: float = 1.0) -> Audio:
    notes = [tone(hz, seconds, peak=0.2).samples for hz in (220.0, 277.18, 329.63, 440.0)]
    return Audio(np.sum(notes, axis=0), RATE_HZ)
