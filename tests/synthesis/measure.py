"""Scores to render and ways to measure what came out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio import Audio
from rnnmusic.score import NOTE, Score, Track, table
from rnnmusic.synthesis import render

TICKS_PER_S = 960  # 480 a quarter at 120 quarters a minute


def part(*notes: tuple[float, float, int, int], **keys: Any) -> Track:
    """A track from (start_s, end_s, pitch, velocity) at the default tempo."""
    rows = [(round(a * TICKS_PER_S), round(b * TICKS_PER_S), p, v) for a, b, p, v in notes]
    return Track(notes=table(NOTE, rows), **keys)


def played(*notes: tuple[float, float, int, int], room: float = 0.0, **keys: Any) -> Audio:
    """One track, as it is: no room and no normalising unless asked for."""
    return render(Score(tracks=(part(*notes, **keys),)), room=room, peak_dbfs=None)


def mono(audio: Audio) -> NDArray[np.float64]:
    return np.asarray(audio.samples.mean(axis=0, dtype=np.float64))


def rms(samples: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def span(audio: Audio, start_s: float, stop_s: float) -> NDArray[np.float64]:
    """The sound between two times, both channels' mean; silence past its end."""
    start, stop = round(start_s * audio.sample_rate_hz), round(stop_s * audio.sample_rate_hz)
    sound = mono(audio)[start:stop]
    return np.pad(sound, (0, stop - start - len(sound)))


def spectrum(samples: NDArray[Any], rate_hz: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Frequencies and magnitudes, windowed and padded fourfold."""
    n = 4 * len(samples)
    return np.fft.rfftfreq(n, 1 / rate_hz), np.abs(
        np.fft.rfft(samples * np.hanning(len(samples)), n)
    )


def peak_near(samples: NDArray[Any], rate_hz: int, near_hz: float) -> tuple[float, float]:
    """Frequency and magnitude of the strongest peak within half a semitone."""
    frequency, magnitude = spectrum(samples, rate_hz)
    inside = np.flatnonzero(np.abs(frequency / near_hz - 1) < 0.03)
    best = inside[magnitude[inside].argmax()]
    return float(frequency[best]), float(magnitude[best])


def fundamental(samples: NDArray[Any], rate_hz: int) -> float:
    """Fundamental in Hz: period by autocorrelation, refined on the first partials' peaks."""
    n = len(samples)
    power = np.abs(np.fft.rfft(samples, 2 * n)) ** 2
    correlation = np.fft.irfft(power)[: n // 2] / (n - np.arange(n // 2))
    lag = np.arange(8, rate_hz // 25)
    tops = lag[
        (correlation[lag] > correlation[lag - 1]) & (correlation[lag] >= correlation[lag + 1])
    ]
    period = tops[correlation[tops] > 0.9 * correlation[tops].max()][0]
    before, at, after = correlation[period - 1 : period + 2]
    coarse_hz = rate_hz / (period + (before - after) / (2 * (before - 2 * at + after)))
    partials = [(k, *peak_near(samples, rate_hz, k * coarse_hz)) for k in range(1, 5)
                if k * coarse_hz < 0.45 * rate_hz]  # fmt: skip
    weights = [k * magnitude for k, _, magnitude in partials]
    return float(np.average([hz / k for k, hz, _ in partials], weights=weights))


def onsets_s(audio: Audio) -> NDArray[np.float64]:
    """Times at which notes start: peaks of the spectral flux, hops of 5 ms."""
    rate = audio.sample_rate_hz
    hop, width = rate // 200, 1024
    # Silence before, so that what starts at 0 is seen to start.
    padded = np.concatenate((np.zeros(width), mono(audio) / audio.peak, np.zeros(width)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop]
    magnitude = np.log1p(30 * np.abs(np.fft.rfft(frames * np.hanning(width), axis=1)))
    flux = np.maximum(np.diff(magnitude, axis=0), 0).sum(axis=1)
    # Each attack is one hump: its maximum within 60 ms on both sides.
    around = np.lib.stride_tricks.sliding_window_view(np.pad(flux, 12), 25).max(axis=1)
    tops = np.flatnonzero((flux == around) & (flux > 0.25 * np.quantile(flux, 0.99)))
    # The flux is greatest when an attack enters the steep part of the window.
    return np.asarray(((tops + 1) * hop + 0.75 * width - width) / rate)
