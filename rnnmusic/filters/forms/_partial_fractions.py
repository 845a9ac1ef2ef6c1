"""Partial fractions: sums of sections and of modes."""

from __future__ import annotations

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import _exact
from rnnmusic.filters.forms._one_channel import zpk_to_tf
from rnnmusic.filters.forms.diagonal import Diagonal
from rnnmusic.filters.forms.protocol import Complexes, Reals
from rnnmusic.filters.forms.rational import ZeroPoleGain
from rnnmusic.filters.forms.sections import Parallel, quadratic_roots


def zpk_to_parallel(form: ZeroPoleGain) -> Parallel:
    """Partial fractions of the strictly proper part; the poles at 0 become the FIR part.

    A double real pole is one section. InputError for other repeated poles, which no sum of
    second-order sections can have.
    """
    zero, pole = _exact.symmetric(form.zero), _exact.symmetric(form.pole)
    nonzero = pole[pole != 0]
    reals, pairs = _exact.conjugate_pairs(nonzero)
    halves = [complex(p) for p in reals]
    twos = [(complex(p), complex(p.conjugate())) for p in pairs]
    while len(halves) > 1:  # the nearest two together, as they would have large residues apart
        nearest = int(np.argmin(np.diff(np.real(halves))))
        twos.append((halves.pop(nearest + 1), halves.pop(nearest)))
    twos += [(half, 0j) for half in halves]
    rows = []
    for p, q in twos:
        single = q == 0
        others = list(pole)
        for own in (p,) if single else (p, q):
            others.remove(own)
        if p in others or (not single and q in others):
            raise InputError(
                f"The pole {p:.6g} is repeated, which parallel sections can't hold; use Sections."
            )
        at_p, slope = _cofactor(zero, others, form.gain, p)
        if single:
            rows.append([0.0, at_p.real, 0.0, 1.0, -p.real, 0.0])
            continue
        middle = (p + q) / 2
        if abs(p - q) > 1e-5:
            slope = (at_p - _cofactor(zero, others, form.gain, q)[0]) / (p - q)
        else:
            slope = _cofactor(zero, others, form.gain, middle)[1]
        # at_p + slope (z - p) over (z - p) (z - q)
        b2 = (at_p - slope * p).real
        rows.append([0.0, slope.real, b2, 1.0, -(p + q).real, (p * q).real])
    sos = np.array(rows).reshape(-1, 6)
    taps = 1 + len(pole) - len(nonzero)
    fir = _first_samples(form, taps)
    for _, b1, b2, _, a1, a2 in sos:
        past = np.zeros(taps + 2)
        for t in range(1, taps):
            past[t] = b1 * (t == 1) + b2 * (t == 2) - a1 * past[t - 1] - a2 * past[t - 2]
        fir -= past[:taps]
    return Parallel(sos, fir)


def parallel_to_diagonal(form: Parallel) -> Diagonal:
    """Partial fractions of each section; InputError for a double pole or a longer FIR part."""
    modes: list[tuple[complex, complex]] = []  # pole, residue
    direct = float(form.fir[0])
    if len(form.fir) > 1:
        modes.append((0j, complex(form.fir[1])))
    if len(form.fir) > 2:
        raise InputError(
            f"The filter has {len(form.fir) - 1} poles at 0, which a diagonal form can't hold; "
            "use StateSpace."
        )
    for row in form.sos:
        b0, b1, b2, _, a1, a2 = (float(value) for value in row)
        direct += b0
        n1, n0 = b1 - a1 * b0, b2 - a2 * b0
        p, q = quadratic_roots(row[3:])
        if p.imag:
            modes.append((p, 2 * (n1 * p + n0) / (p - q)))
        elif q == 0 and n0 == 0:
            modes.append((p, complex(n1)))
        elif p == q:
            raise InputError(
                f"The pole {p.real:.6g} is repeated, which a diagonal form can't hold; use "
                "StateSpace."
            )
        else:
            modes += [(p, (n1 * p + n0) / (p - q)), (q, (n1 * q + n0) / (q - p))]
    pole = np.array([p for p, _ in modes], dtype=np.complex128)
    residue = np.array([r for _, r in modes], dtype=np.complex128)
    half = np.sqrt(abs(residue))
    return Diagonal(
        pole,
        half[:, None],
        np.divide(residue, half, out=np.zeros_like(residue), where=half > 0)[None, :],
        np.array([[direct]]),
    )


def diagonal_to_parallel(form: Diagonal) -> Parallel:
    """One section a mode."""
    residue = form.c[0] * form.b[:, 0]
    rows = []
    for p, r in zip(form.pole, residue, strict=True):
        if p.imag:
            b1, b2 = r.real, -(r * p.conjugate()).real
            rows.append([0.0, b1, b2, 1.0, -2 * p.real, abs(p) ** 2])
        else:
            rows.append([0.0, r.real, 0.0, 1.0, -p.real, 0.0])
    return Parallel(np.array(rows).reshape(-1, 6), form.d[0])


def _cofactor(
    zero: Complexes, pole: list[complex], gain: float, z: complex
) -> tuple[complex, complex]:
    """gain prod(z - zero) / prod(z - pole), the poles without one section's, and its derivative."""
    value, slope = complex(gain), 0j
    for k in range(max(len(zero), len(pole))):  # one and one, against overflow
        if k < len(zero):
            value, slope = value * (z - zero[k]), slope * (z - zero[k]) + value
        if k < len(pole):
            value = value / (z - pole[k])
            slope = (slope - value) / (z - pole[k])
    return value, slope


def _first_samples(form: ZeroPoleGain, samples: int) -> Reals:
    """The beginning of the impulse response."""
    if samples == 1:
        return np.array([form.gain if len(form.zero) == len(form.pole) else 0.0])
    direct = zpk_to_tf(form)
    b, a = (np.pad(c, (0, max(0, samples - len(c)))) for c in (direct.b, direct.a))
    result = np.zeros(samples)
    for t in range(samples):
        result[t] = b[t] - a[1 : t + 1] @ result[:t][::-1]
    return result
