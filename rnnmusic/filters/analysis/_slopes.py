"""Derivatives of responses with respect to omega."""

from __future__ import annotations

import numpy as np

from rnnmusic.filters.forms import (
    Allpass,
    Complexes,
    DelayNetwork,
    Diagonal,
    Form,
    Parallel,
    ParametricEq,
    Reals,
    Sections,
    StateSpace,
    SvfChain,
    TransferFunction,
    convert,
)
from rnnmusic.filters.forms.sections import section_response

Rows = list[Reals]


def polynomials(form: Form) -> tuple[Rows, Rows] | None:
    """Factors of numerator and denominator in powers of 1 / z, of forms that are one fraction."""
    if isinstance(form, TransferFunction):
        return [form.b], [form.a]
    if isinstance(form, SvfChain | ParametricEq):
        form = form.sections()
    if isinstance(form, Sections):
        return [row[:3] for row in form.sos], [row[3:] for row in form.sos]
    return None


def slope(form: Form, omega: Reals) -> tuple[Complexes, Complexes]:
    """The response and its derivative with respect to omega, each (K,) or (K, outputs, inputs)."""
    if isinstance(form, Parallel):
        return _parallel(form, omega)
    if isinstance(form, Diagonal):
        return _diagonal(form, omega)
    if isinstance(form, Allpass):
        return _allpass(form, omega)
    if isinstance(form, DelayNetwork):
        delay = np.array(form.delay, dtype=np.float64)
        return _lines(form.feedback * form.gain, delay, form.b, form.c, form.d, omega)
    system = convert(form, StateSpace)
    ones = np.ones(system.order)
    return _lines(system.A, ones, system.B, system.C, system.D, omega)


def _parallel(form: Parallel, omega: Reals) -> tuple[Complexes, Complexes]:
    inverse = np.exp(-1j * omega)
    turn = -1j * inverse  # derivative of 1 / z
    fir = form.fir[::-1]
    value = np.polyval(fir, inverse).astype(np.complex128)
    derivative = turn * np.polyval(np.polyder(fir), inverse)
    for row in form.sos:
        term = section_response(row, inverse)
        over, under = row[1] + 2 * row[2] * inverse, row[4] + 2 * row[5] * inverse
        bottom = 1 + inverse * (row[4] + inverse * row[5])
        value = value + term
        derivative = derivative + turn * (over - under * term) / bottom
    return value, derivative


def _diagonal(form: Diagonal, omega: Reals) -> tuple[Complexes, Complexes]:
    z = np.exp(1j * omega)[:, None]
    weights = np.einsum("on,ni->noi", form.c, form.b).reshape(len(form.pole), form.d.size)
    upper, lower = 1 / (z - form.pole), 1 / (z - form.pole.conj())
    value = (upper @ weights + lower @ weights.conj()) / 2 + form.d.ravel()
    derivative = -1j * z * (upper**2 @ weights + lower**2 @ weights.conj()) / 2
    if form.d.size == 1:
        return value[:, 0], derivative[:, 0]
    shape = (len(omega), *form.d.shape)
    return value.reshape(shape), derivative.reshape(shape)


def _allpass(form: Allpass, omega: Reals) -> tuple[Complexes, Complexes]:
    value = np.full(omega.shape, form.gain, dtype=np.complex128)
    derivative = np.zeros_like(value)
    for k, delay in zip(form.k, form.delay, strict=True):
        inner, inner_slope = np.ones_like(value), np.zeros_like(value)
        for reflection, samples in zip(k, delay, strict=True):
            turn = np.exp(-1j * omega * samples)
            delayed, step = turn * inner, turn * (inner_slope - 1j * samples * inner)
            under = 1 + reflection * delayed
            inner = (reflection + delayed) / under
            inner_slope = (1 - reflection * reflection) * step / under**2
        value, derivative = value * inner, derivative * inner + value * inner_slope
    return value, derivative


def _lines(
    loop: Reals, delay: Reals, b: Reals, c: Reals, d: Reals, omega: Reals
) -> tuple[Complexes, Complexes]:
    """c (z**delay - loop)**-1 b + d and its derivative."""
    value = np.empty((len(omega), *d.shape), dtype=np.complex128)
    derivative = np.empty_like(value)
    for k, frequency in enumerate(omega):
        turn = np.exp(1j * frequency * delay)
        matrix = np.diag(turn) - loop
        try:
            state = np.linalg.solve(matrix, b + 0j)
            moved = (1j * delay * turn)[:, None] * state
            value[k], derivative[k] = c @ state + d, -c @ np.linalg.solve(matrix, moved)
        except np.linalg.LinAlgError:  # at a pole
            value[k], derivative[k] = np.inf, np.nan
    return (value[:, 0, 0], derivative[:, 0, 0]) if d.size == 1 else (value, derivative)
