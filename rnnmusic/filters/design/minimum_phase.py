"""The phase that belongs to a magnitude: minimum phase through the cepstrum."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.filters.design.checks import as_magnitude, as_omega, check_order
from rnnmusic.filters.forms import Complexes, Reals

#: Zeros of a magnitude are taken for this much below its maximum: -300 dB.
FLOOR = 1e-15


def minimum_phase_response(omega: Any, magnitude: Any, *, oversampling: int = 8) -> Complexes:
    """The complex response (K,) of least delay with a magnitude (K,) at omega (K,).

    The phase is the Hilbert transform of the log magnitude, computed by folding the real cepstrum
    (Oppenheim and Schafer, Discrete-Time Signal Processing, 2010, section 13.5). The cepstrum
    aliases in time: it is computed on a uniform grid oversampling times finer than the finest
    step of omega (2**12 to 2**20 points), to which the log magnitude is interpolated by cubics.
    Zeros and -inf dB count as -300 dB below the maximum.
    Errors: InputError for grids and magnitudes that aren't as said.
    """
    omega = as_omega(omega)
    magnitude = as_magnitude(omega, magnitude)
    grid, spectrum = _log_spectrum(omega, magnitude, oversampling)
    from scipy.interpolate import CubicSpline

    phase = CubicSpline(grid, spectrum.imag)(omega)
    return np.asarray(magnitude * np.exp(1j * phase), dtype=np.complex128)


def minimum_phase_impulse_response(
    omega: Any, magnitude: Any, length: int, *, oversampling: int = 8
) -> Reals:
    """The impulse response (length,) that `minimum_phase_response` has, with the same arguments."""
    omega = as_omega(omega)
    length = check_order("length", length)
    _, spectrum = _log_spectrum(omega, as_magnitude(omega, magnitude), oversampling, 2 * length)
    return np.fft.irfft(np.exp(spectrum))[:length]


def log_magnitude_on_grid(omega: Reals, magnitude: Reals, points: int) -> tuple[Reals, Reals]:
    """A uniform grid from 0 to pi (points + 1,) and the log magnitude there, interpolated.

    The curve is even about 0 and pi; what lies beyond the first and the last frequency is flat.
    """
    from scipy.interpolate import CubicSpline

    level = np.log(np.maximum(magnitude, FLOOR * magnitude.max()))
    grid = np.linspace(0, np.pi, points + 1)
    mirrored = _mirrored(omega)
    spline = CubicSpline(mirrored, _reflected(omega, level))(grid)
    # Where points of very different levels lie close together, splines overshoot.
    return grid, np.clip(spline, level.min() - 1, level.max() + 1)


def _log_spectrum(
    omega: Reals, magnitude: Reals, oversampling: int, least: int = 0
) -> tuple[Reals, Complexes]:
    """A uniform grid and the complex logarithm of the minimum-phase response there."""
    oversampling = check_order("oversampling", oversampling)
    wanted = max(oversampling * np.pi / np.diff(omega).min(), least, 2**12)
    return causal_log_spectrum(omega, magnitude, 2 ** min(int(np.ceil(np.log2(wanted))), 20))


def causal_log_spectrum(omega: Reals, magnitude: Reals, points: int) -> tuple[Reals, Complexes]:
    """The same on a grid of so many intervals."""
    grid, level = log_magnitude_on_grid(omega, magnitude, points)
    cepstrum = np.fft.irfft(level)
    folded = np.zeros(2 * points)
    folded[0], folded[points] = cepstrum[0], cepstrum[points]
    folded[1:points] = 2 * cepstrum[1:points]
    return grid, np.fft.rfft(folded)


def _mirrored(omega: Reals) -> Reals:
    below = -omega[::-1] if omega[0] > 0 else -omega[:0:-1]
    above = 2 * np.pi - (omega[::-1] if omega[-1] < np.pi else omega[-2::-1])
    return np.concatenate((below, omega, above))


def _reflected(omega: Reals, level: Reals) -> Reals:
    below = level[::-1] if omega[0] > 0 else level[:0:-1]
    above = level[::-1] if omega[-1] < np.pi else level[-2::-1]
    return np.concatenate((below, level, above))
