"""Recursive filters from magnitudes by the modified Yule-Walker equations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rnnmusic.filters.design.algebra import least_squares
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import as_magnitude, as_omega, check_equations, check_order
from rnnmusic.filters.design.minimum_phase import (
    log_magnitude_on_grid,
    minimum_phase_impulse_response,
)
from rnnmusic.filters.design.stability import reflect_polynomial
from rnnmusic.filters.design.time_domain import fit_numerator_to
from rnnmusic.filters.forms import TransferFunction

#: Intervals of the uniform grid on which the autocorrelation is computed.
_POINTS = 2**14


@one_blas_thread()
def yule_walker(
    omega: Any, magnitude: Any, order: int, *, stabilise: bool = False
) -> TransferFunction:
    """The filter B / A, both of one order, whose magnitude is near the one given: yulewalk.

    omega (K,) rising within [0, pi], magnitude (K,) linear. The autocorrelation, the inverse
    transform of the squared magnitude, obeys the recursion of A beyond lag `order`, which is solved
    for a in least squares; b fits the minimum-phase impulse response (Friedlander and Porat, IEEE
    Trans. Aerospace and Electronic Systems 20, 1984, equations 9 to 26; there b has the modelled
    spectrum's phase, here the target's).
    Squaring doubles the range in dB: stopbands below -60 dB come out badly.
    Errors: InputError for grids and magnitudes that aren't as said, UsageError for orders.
    """
    order = check_order("order", order)
    omega = as_omega(omega)
    magnitude = as_magnitude(omega, magnitude)
    check_equations(len(omega), 2 * order + 1, "magnitudes")
    peak = magnitude.max()
    _, level = log_magnitude_on_grid(omega, magnitude / peak, _POINTS)
    r = np.fft.irfft(np.exp(2 * level))[: max(8 * order, 512)]
    past = sliding_window_view(r, order + 1)[1:, ::-1]
    found = least_squares(past[:, 1:], -past[:, 0])
    a = reflect_polynomial("yule_walker", np.concatenate(([1.0], found)), stabilise)
    h = minimum_phase_impulse_response(omega, magnitude / peak, 1024)
    return TransferFunction(peak * fit_numerator_to(h, order, a), a)
