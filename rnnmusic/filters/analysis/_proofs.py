"""Proofs that the poles of given numbers lie inside a circle, which rounding can't fool."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from decimal import Context, Decimal, getcontext, localcontext
from fractions import Fraction

import numpy as np

from rnnmusic.filters.forms import Reals

EPS = float(np.finfo(np.float64).eps)

#: Where between the largest eigenvalue and the unit circle a bound is tried, the sharpest first.
SLACKS = (1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0)


def triangle_margin(a1: float | Fraction, a2: float | Fraction) -> Fraction:
    """Distance by which 1 + a1 / z + a2 / z**2 keeps |a2| < 1 and |a1| < 1 + a2, exactly.

    Positive for poles inside the unit circle and for them only.
    """
    first, second = Fraction(a1), Fraction(a2)
    return min(1 - second, 1 + second, 1 + second - abs(first))


def pair_radius(a1: float, a2: float) -> float:
    """The larger radius of the two roots of z**2 + a1 z + a2, rounded upwards."""
    square = a1 * a1 / 4 - a2
    radius = np.sqrt(a2) if square < 0 else abs(a1) / 2 + np.sqrt(square)
    return float(radius) * (1 + 4 * EPS)


def schur_cohn(a: Reals, radius: float = 1.0) -> bool:
    """Whether all roots of sum_k a_k / z**k, a_0 not 0, are proven to have less than this radius.

    The step-down recursion, all of whose reflection coefficients must be below 1, with a running
    bound of its rounding errors: where that leaves it open, digits are added.
    """
    for digits in (60 + 16 * len(a), 240 + 64 * len(a), 960 + 256 * len(a)):
        with localcontext(Context(prec=digits)):
            inside = _step_down([Decimal(float(value)) for value in a], Decimal(radius))
        if inside is not None:
            return inside
    return False


def _step_down(a: list[Decimal], radius: Decimal) -> bool | None:
    """Whether all |k| < 1, None where this many digits can't tell."""
    unit = Decimal(10) ** (1 - getcontext().prec)
    rest, power = [], a[0]
    for value in a:
        rest.append(value / power)
        power *= radius
    # No |error| of a coefficient is larger than this; rest[0] is 1.
    error = 2 * len(a) * unit * max(abs(value) for value in rest)
    while len(rest) > 1:
        k = rest[-1]
        if abs(k) - error >= 1:
            return False
        if abs(k) + error >= 1:
            return None
        under = 1 - k * k
        under_error = 2 * error + 2 * unit
        if under <= 2 * under_error:
            return None
        largest = max(abs(value) for value in rest)
        rest = [(rest[i] - k * rest[-1 - i]) / under for i in range(len(rest) - 1)]
        result = max(abs(value) for value in rest)
        over_error = (2 + largest) * (error + 4 * unit)
        error = 2 * (over_error + result * under_error) / under + 4 * unit * result
    return True


def proven_radius(estimate: float, is_inside: Callable[[float], bool]) -> float | None:
    """The least bound that a proof was found for, 1.0 at most; None where there is none."""
    for slack in SLACKS:
        bound = estimate + slack * (1 - estimate) if slack < 1 else 1.0
        bound = min(max(bound, np.finfo(np.float64).tiny), 1.0)
        if estimate < bound and is_inside(bound):
            return float(bound)
    return None


def lyapunov(a: Reals, radius: float) -> bool:
    """Whether all eigenvalues of a matrix have less than this radius; False if it can't be shown.

    For any symmetric P > 0 with radius**2 P - A.T P A > 0 they do. P comes from the Lyapunov
    equation and is as good or bad as it is; that both are positive definite is then shown by
    Cholesky decompositions with room for their own rounding errors (Rump, Verification of
    positive definiteness, BIT 46, 2006).
    """
    from scipy.linalg import matrix_balance, solve_discrete_lyapunov

    balanced = matrix_balance(a, permute=False)[0]  # scales by powers of two: same eigenvalues
    n = len(a)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an ill-conditioned P is no proof, and that is all
        try:
            p = solve_discrete_lyapunov(balanced.T / radius, np.eye(n))
        except (np.linalg.LinAlgError, ValueError):
            return False
        if not np.isfinite(p).all():
            return False
        p = (p + p.T) / 2
        p /= np.max(abs(p))
        rest = radius * radius * p - balanced.T @ p @ balanced
        rest = (rest + rest.T) / 2
        wide = abs(balanced).T @ abs(p) @ abs(balanced) + abs(p)
    error = (2 * n + 8) * EPS * float(np.linalg.norm(wide))
    return _positive(p, 0.0) and _positive(rest, error)


def _positive(matrix: Reals, error: float) -> bool:
    n = len(matrix)
    shift = 2 * (n + 4) * EPS * abs(float(np.trace(matrix))) + 2 * error
    try:
        np.linalg.cholesky(matrix - shift * np.eye(n))
    except np.linalg.LinAlgError:
        return False
    return True
