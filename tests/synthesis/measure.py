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
    rate = audio.sample_rate_hz
    return mono(audio)[round(start_s * rate) : round(stop_s * rate)]


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
    values = correlation[lag]
    tops = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1
    period = lag[tops[values[tops] > 0.85 * values[tops].max()][0]]
    partials = [(k, *peak_near(samples, rate_hz, k * rate_hz / period)) for k in (1, 2, 3)
                if k * rate_hz / period < 0.45 * rate_hz]  # fmt: skip
    weights = [magnitude for _, _, magnitude in partials]
    return float(np.average([hz / k for k, hz, _ in partials], weights=weights))


def onsets_s(audio: Audio) -> NDArray[np.float64]:
    """Times at which the sound's high-passed energy jumps up, by energy flux in 5 ms hops."""
    rate = audio.sample_rate_hz
    hop = rate // 200
    flat = np.diff(mono(audio), prepend=0.0)
    energy = np.square(flat[: len(flat) // hop * hop].reshape(-1, hop)).sum(axis=1)
    level = 10 * np.log10(energy + 1e-12 * energy.max())
    before = np.array([level[max(0, i - 8) : i].max(initial=-200.0) for i in range(len(level))])
    jump = np.flatnonzero((level - before > 6) & (level > level.max() - 40))
    first = jump[np.diff(jump, prepend=-100) > 12]
    return np.asarray(first * hop / rate)
