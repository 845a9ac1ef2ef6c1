"""Polynomials with so many digits that only the last rounding counts.

Roots to coefficients and coefficients to reflections lose digits by the dozen in float64; here
they don't, so that what comes out is as good as the numbers that went in.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal, localcontext

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms.protocol import Complexes, Reals

Coefficients = list[Decimal]

#: Roots this near to being real or conjugate, relative to their size, are taken to be so.
PAIRING = 1e-9


def conjugate_pairs(roots: Complexes) -> tuple[Reals, Complexes]:
    """The real roots, and of each conjugate pair the upper one; InputError for unpaired roots."""
    tolerance = PAIRING * np.maximum(1.0, abs(roots))
    flat = (roots.imag == 0) | (abs(roots.imag) < 1e-3 * tolerance)
    upper, lower = roots[~flat & (roots.imag > 0)], list(roots[~flat & (roots.imag < 0)])
    pairs = []
    for root in upper:
        distances = [abs(other - root.conjugate()) for other in lower]
        if not distances or min(distances) > PAIRING * max(1.0, abs(root)):
            raise _unpaired(root)
        pairs.append((root + lower.pop(int(np.argmin(distances))).conjugate()) / 2)
    if lower:
        raise _unpaired(lower[0])
    return np.sort(roots[flat].real), np.array(pairs, dtype=np.complex128)


def symmetric(roots: Complexes) -> Complexes:
    """Roots in exact conjugate pairs; InputError for a complex filter."""
    reals, pairs = conjugate_pairs(roots)
    return np.concatenate([reals, pairs, pairs.conj()])


def precision(order: int) -> Context:
    """Arithmetic with digits for a filter of this order."""
    return Context(prec=80 + 16 * order)


def expand(roots: Complexes, gain: float = 1.0) -> Coefficients:
    """gain * prod(1 - root / z) as coefficients of z**-n."""
    reals, pairs = conjugate_pairs(roots)
    result = [Decimal(gain)]
    for root in reals:
        result = multiply(result, [Decimal(1), -Decimal(float(root))])
    for root in pairs:
        re, im = Decimal(float(root.real)), Decimal(float(root.imag))
        result = multiply(result, [Decimal(1), -2 * re, re * re + im * im])
    return result


def multiply(left: Coefficients, right: Coefficients) -> Coefficients:
    """Product of two polynomials."""
    result = [Decimal(0)] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            result[i + j] += a * b
    return result


def step_down(b: Coefficients, a: Coefficients) -> tuple[Reals, Reals]:
    """Reflections k and normalised taps v of b / a, equally long and a[0] = 1.

    The Schur-Cohn recursion of Gray and Markel (1973). InputError unless all poles are inside the
    unit circle.
    """
    order = len(a) - 1
    k, v = np.zeros(order), np.zeros(order + 1)
    rest, a = list(b), list(a)
    scale = Decimal(1)  # product of the cosines of the stages above
    for m in range(order, 0, -1):
        v[m] = float(rest[m] / scale)
        rest = [rest[i] - rest[m] * a[m - i] for i in range(m)]
        reflection = a[m]
        power = 1 - reflection * reflection
        # A k that only rounds to 1 has no float64 to be written in either.
        if power <= 0 or abs(float(reflection)) >= 1:
            raise InputError(
                "The filter has a pole on or outside the unit circle, or too near to it for "
                "float64, which a lattice can't hold; use Sections."
            )
        k[m - 1] = float(reflection)
        a = [(a[i] - reflection * a[m - i]) / power for i in range(m)]
        scale *= power.sqrt()
    v[0] = float(rest[0] / scale)
    return k, v


def step_up(k: Reals, v: Reals) -> tuple[Reals, Reals]:
    """Coefficients b, a of a normalised lattice: the inverse of `step_down`."""
    with localcontext(precision(len(k))):
        forward = backward = [Decimal(1)]
        scales = [Decimal(1)]
        taps = [[Decimal(1)]]
        for reflection in (Decimal(float(value)) for value in k):
            longer, delayed = [*forward, Decimal(0)], [Decimal(0), *backward]
            forward = [f + reflection * g for f, g in zip(longer, delayed, strict=True)]
            backward = [reflection * f + g for f, g in zip(longer, delayed, strict=True)]
            scales.append((1 - reflection * reflection).sqrt())
            taps.append(backward)
        above = Decimal(1)
        b = [Decimal(0)] * (len(k) + 1)
        for m in range(len(k), -1, -1):
            weight = Decimal(float(v[m])) * above
            for i, value in enumerate(taps[m]):
                b[i] += weight * value
            above *= scales[m]
    return floats(b), floats(forward)


def decimals(values: Sequence[float] | Reals, length: int) -> Coefficients:
    """Floats as they are, to the last digit, with zeros behind up to `length`."""
    exact = [Decimal(float(value)) for value in values]
    return exact + [Decimal(0)] * (length - len(exact))


def floats(values: Coefficients) -> Reals:
    """The nearest float64 numbers."""
    return np.array([float(value) for value in values])


def _unpaired(root: complex) -> InputError:
    return InputError(
        f"The root {root:.6g} has no conjugate beside it: the filter is complex, which only zpk "
        "can hold; give conjugate pairs."
    )
