"""Zeros and poles as factors whose logarithm of magnitude is smooth in unbounded parameters.

Under the bilinear map s = (1 - 1/z) / (1 + 1/z) the unit circle becomes s = i tan(omega / 2), and a
pair of roots s**2 + 2 zeta sqrt(b) s + b. Divided by 1 + b and scaled, its squared magnitude on the
circle is

    (beta c - gamma s)**2 + 4 zeta**2 beta gamma c s,   c = cos(omega/2)**2, s = sin(omega/2)**2,

with beta = b / (1 + b) = 1 - gamma. The parameters are u = log b and zeta: u is the logarithm of a
frequency, zeta a damping, both about as large for a root at 20 Hz as for one at 20 kHz. zeta and
-zeta are the same magnitude, so a pair is inside the circle whatever the search does; zeta > 1
is two real roots, and zeta = 0 a pair on the circle. For poles, the damping
d = 2 |zeta| sqrt(beta gamma) becomes sqrt(d**2 + least**2): of a complex pair the squared radius is
(1 - d) / (1 + d), which so stays below what one chooses. A single root has b = a**2 and
(b c + s) / (1 + b). What is searched is v = arsinh(zeta), which takes no longer to two real roots
at 0 and at Nyquist (zeta in the millions) than to a pair on the circle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rnnmusic.filters.forms import Reals, Sections

#: Decibels of a natural logarithm of power.
DB = 10 / np.log(10)


@dataclass(frozen=True)
class Circle:
    """The frequencies to look at: omega (K,) in radians per sample, 0 to pi."""

    omega: Reals

    @cached_property
    def cos2(self) -> Reals:
        """Squared cosine of half of omega."""
        return np.cos(self.omega / 2) ** 2

    @cached_property
    def sin2(self) -> Reals:
        """Squared sine of half of omega."""
        return np.sin(self.omega / 2) ** 2

    @cached_property
    def product(self) -> Reals:
        """4 cos2 sin2."""
        return np.sin(self.omega) ** 2

    def pairs(self, u: Reals, zeta: Reals, least: float = 0.0) -> tuple[Reals, Reals, Reals]:
        """Log power (S, K) of pairs (S,), and its derivatives by u and by zeta.

        `least`: the least damping of a pair, see above.
        """
        beta, gamma = _sigmoid(u)[:, None], _sigmoid(-u)[:, None]
        z = zeta[:, None]
        slope = beta * gamma
        difference = beta * self.cos2 - gamma * self.sin2
        width = slope * self.product
        power = difference**2 + z * z * width + least**2 / 4 * self.product
        power += 1e-300  # a zero exactly on a frequency of the target
        by_u = (2 * slope * difference + z * z * width * (gamma - beta)) / power
        return np.log(power), by_u, 2 * z * width / power

    def singles(self, u: Reals) -> tuple[Reals, Reals]:
        """Log power (S, K) of single roots (S,), and its derivative by u."""
        beta, gamma = _sigmoid(u)[:, None], _sigmoid(-u)[:, None]
        power = beta * self.cos2 + gamma * self.sin2 + 1e-300
        return np.log(power), beta * gamma * (self.cos2 - self.sin2) / power


@dataclass(frozen=True)
class Layout:
    """How a vector of parameters is cut up: gain, then zeros, then poles.

    Each of the two is u of the pairs, v of the pairs, and u of the single root if there is one.
    """

    zeros: int
    poles: int
    max_radius: float = 1 - 1e-5

    @property
    def least_damping(self) -> float:
        """What keeps a pair of poles within max_radius."""
        return (1 - self.max_radius**2) / (1 + self.max_radius**2)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return 1 + self.zeros + self.poles

    def split(self, parameters: Reals) -> tuple[float, Roots, Roots]:
        """Gain (natural logarithm of power), zeros and poles."""
        middle = 1 + self.zeros
        zeros, poles = parameters[1:middle], parameters[middle:]
        return float(parameters[0]), Roots.of(zeros), Roots.of(poles)

    def join(self, gain: float, zeros: Roots, poles: Roots) -> Reals:
        """The inverse of `split`."""
        return np.concatenate([[gain], zeros.flat, poles.flat])

    def model(self, circle: Circle, parameters: Reals) -> tuple[Reals, Reals] | None:
        """Level in dB (K,) and its Jacobian (P, K); None where nothing finite comes out."""
        if not (abs(parameters) < 200).all():
            return None
        gain, zeros, poles = self.split(parameters)
        upper, upper_rows = zeros.level(circle)
        lower, lower_rows = poles.level(circle, self.least_damping)
        level = DB * (gain + upper - lower)
        rows = [np.ones((1, len(level))), upper_rows, -lower_rows]
        return level, DB * np.concatenate(rows)

    def sections(self, parameters: Reals, sample_rate_hz: float | None) -> Sections:
        """The minimum-phase filter of such parameters, every pole pair beside its nearest zeros.

        A real pole beyond `max_radius` is drawn back onto it.
        """
        gain, zeros, poles = self.split(parameters)
        lower = poles.polynomials(self.max_radius, self.least_damping)
        upper = zeros.polynomials(1.0, 0.0)
        count = max(len(lower), len(upper))
        lower += [(0.0, np.array([1.0, 0.0, 0.0]))] * (count - len(lower))
        upper += [(0.0, np.array([1.0, 0.0, 0.0]))] * (count - len(upper))
        sos = np.empty((count, 6))
        amplitude = 1.0
        # The sharpest poles choose first; as in scipy.signal.zpk2sos they go last.
        for row, (place, a) in zip(sos[::-1], sorted(lower, key=_sharpness), strict=True):
            nearest = min(range(len(upper)), key=lambda k: abs(upper[k][0] - place))
            b = upper.pop(nearest)[1]
            amplitude *= b[0] / a[0]
            row[:3], row[3:] = b / b[0], a / a[0]
        sos[0, :3] *= amplitude * np.exp(gain / 2)
        return Sections(sos, sample_rate_hz)


@dataclass(frozen=True)
class Roots:
    """The zeros or the poles: pairs (u, v), and the u of a single one or of none."""

    u: Reals
    v: Reals
    single: Reals

    @classmethod
    def of(cls, values: Reals) -> Roots:
        """Cut a vector with as many numbers as there are roots."""
        pairs = len(values) // 2
        return cls(values[:pairs], values[pairs : 2 * pairs], values[2 * pairs :])

    @property
    def flat(self) -> Reals:
        """The inverse of `of`."""
        return np.concatenate([self.u, self.v, self.single])

    def level(self, circle: Circle, least: float = 0.0) -> tuple[Reals, Reals]:
        """Log power (K,) of all factors and its Jacobian (roots, K)."""
        log_power, by_u, by_zeta = circle.pairs(self.u, np.sinh(self.v), least)
        single, by_single = circle.singles(self.single)
        total = log_power.sum(axis=0) + single.sum(axis=0)
        by_v = by_zeta * np.cosh(self.v)[:, None]
        return total, np.concatenate([by_u, by_v, by_single])

    def polynomials(self, max_radius: float, least: float) -> list[tuple[float, Reals]]:
        """Of each pair and of the single root u and the coefficients of 1, z**-1, z**-2."""
        # The same magnitude on the circle as `level` says, so that the gain needs no change.
        found = [
            (float(u), _drawn_in(_pair(float(u), float(np.sinh(v)), least), max_radius))
            for u, v in zip(self.u, self.v, strict=True)
        ]
        for u in self.single:
            cosine, sine = np.sqrt(_sigmoid(u)), np.sqrt(_sigmoid(-u))
            first, second = (cosine + sine) / 2, (cosine - sine) / 2
            second = np.clip(second, -max_radius * first, max_radius * first)
            found.append((float(u), np.array([first, second, 0.0])))
        return found


def _pair(u: float, zeta: float, least: float) -> Reals:
    beta, gamma = float(_sigmoid(u)), float(_sigmoid(-u))
    damping = np.sqrt(4 * zeta**2 * beta * gamma + least**2)
    return np.array([1 + damping, 2 * (beta - gamma), 1 - damping]) / 4


def _drawn_in(coefficients: Reals, max_radius: float) -> Reals:
    """The polynomial with its roots within a radius: unchanged if they are."""
    first = coefficients[0]
    sum_, product = coefficients[1] / first, coefficients[2] / first
    is_complex = sum_ * sum_ < 4 * product
    radius = np.sqrt(product) if is_complex else 0.0
    if not is_complex:
        radius = (abs(sum_) + np.sqrt(sum_ * sum_ - 4 * product)) / 2
    if radius <= max_radius:
        return coefficients
    shrink = max_radius / radius
    return np.array([first, coefficients[1] * shrink, coefficients[2] * shrink**2])


def _sharpness(item: tuple[float, Reals]) -> float:
    a = item[1]
    return -abs(float(a[2] / a[0]))


def _sigmoid(u: Reals | float) -> Reals:
    # Not by tanh: of what is close to 0 every digit counts, for it is a low frequency.
    return np.asarray(1 / (1 + np.exp(-np.clip(u, -300, 300))), dtype=np.float64)
