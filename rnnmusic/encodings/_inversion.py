"""Estimates of what spectra leave out: the bins under a filter bank, the phases of a signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings._framing import Floats

UNMIXING_ITERATIONS = 30
PHASE_ITERATIONS = 60
PHASE_SEED = 0


def unmixed(bands: Floats, bank: Floats) -> Floats:
    """Non-negative bins (T, K) whose mixture through `bank` (F, K) comes close to `bands` (T, F).

    The multiplicative updates for the Kullback-Leibler divergence of Lee and Seung, "Algorithms
    for non-negative matrix factorization" (2001), equation 5, with the bank fixed: 30 of them come
    as close as non-negative least squares and take a thousandth of its time. Bins that no band
    looks at are 0.
    """
    floor = np.float32(1e-12)
    reach = np.maximum(bank.sum(axis=0), floor)  # (K,)
    bins: NDArray[np.float32] = np.tile(bank.any(axis=0).astype(np.float32), (len(bands), 1))
    for _ in range(UNMIXING_ITERATIONS):
        ratio = bands / np.maximum(bins @ bank.T, floor)
        bins *= (ratio @ bank) / reach
    return bins


def with_phases(magnitudes: Floats, fft_size: int, hop_size: int) -> Floats:
    """A signal ((T - 1) * hop_size,) whose short-time magnitudes come close to these (T, K).

    Sixty iterations of the fast Griffin-Lim algorithm (Perraudin, Balazs and Søndergaard 2013),
    librosa's, from the same random phases every time.
    """
    import librosa

    length = (len(magnitudes) - 1) * hop_size
    if length < 1 or not magnitudes.any():
        return np.zeros(max(0, length), dtype=np.float32)
    signal: Floats = librosa.griffinlim(
        lengthened(magnitudes, fft_size, hop_size).T,
        n_iter=PHASE_ITERATIONS,
        n_fft=fft_size,
        hop_length=hop_size,
        window="hann",
        pad_mode="constant",
        random_state=PHASE_SEED,
    )
    return signal[:length].astype(np.float32, copy=False)


def lengthened(magnitudes: Floats, fft_size: int, hop_size: int) -> Floats:
    """Magnitudes (T, K) followed by silence where they say less than a frame: librosa warns."""
    missing = -(-fft_size // hop_size) + 1 - len(magnitudes)
    return np.pad(magnitudes, ((0, max(0, missing)), (0, 0)))
