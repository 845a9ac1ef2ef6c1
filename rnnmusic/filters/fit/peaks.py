"""Parametric equalisers from levels: their knobs read off AAA's roots, or found greedily.

A peaking filter's zeros and poles have the same |s| under the bilinear map: (W**2) for both, with
dampings A / (2 q) and 1 / (2 A q). So the roots of the rational function that AAA finds, matched by
their size, give every band of a product of peaks at once. Where the target is no such product,
bands are added where the error is largest, all improved together, and taken out and put back in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from rnnmusic.filters.fit.factors import DB, Circle
from rnnmusic.filters.fit.least_squares import Solution, levenberg_marquardt, minimax
from rnnmusic.filters.fit.magnitude import EXACT_DB, one_sided, rational_power
from rnnmusic.filters.fit.targets import Levels
from rnnmusic.filters.forms import Band, Complexes, ParametricEq, Reals

#: Bands that can be fitted: those whose gain is free.
FitBand = Literal["peak", "low_shelf", "high_shelf"]

_LARGEST_GAIN = np.log(10) * 48 / 40  # as h = log A
_Q = (0.05, 200.0)


@dataclass(frozen=True)
class EqLayout:
    """Parameters (1 + 3 bands,): gain, then of each band u, v = -log(2 q), h = log A.

    u = 2 log tan(pi cutoff / sample rate), A = 10**(gain_db / 40).
    """

    types: tuple[FitBand, ...]
    has_gain: bool = True

    def model(self, circle: Circle, parameters: Reals) -> tuple[Reals, Reals] | None:
        """Level in dB (K,) and Jacobian (P, K); None beyond what an equaliser can do."""
        u, v, h = parameters[1:].reshape(-1, 3).T
        is_possible = (
            (abs(h) < _LARGEST_GAIN).all()
            and (-np.log(2 * _Q[1]) < v).all()
            and (v < -np.log(2 * _Q[0])).all()
            and (abs(u) < 25).all()
        )
        if not is_possible:
            return None
        shift, widen = self._sides
        uppers, lowers = np.exp(v + widen * h), np.exp(v - widen * h)
        upper, upper_u, upper_zeta = circle.pairs(u + shift * h, uppers)
        lower, lower_u, lower_zeta = circle.pairs(u - shift * h, lowers)
        upper_zeta *= uppers[:, None]
        lower_zeta *= lowers[:, None]
        level = upper - lower
        for k, kind in enumerate(self.types):
            if kind != "peak":
                _normalise(kind, u[k], shift[k] * h[k], level[k], upper_u[k], lower_u[k])
        by_h = shift[:, None] * (upper_u + lower_u) + widen[:, None] * (upper_zeta + lower_zeta)
        rows = np.stack([upper_u - lower_u, upper_zeta - lower_zeta, by_h], axis=1)
        gain_row = np.full((1, level.shape[1]), float(self.has_gain))
        jacobian = np.concatenate([gain_row, rows.reshape(-1, level.shape[1])])
        return DB * (parameters[0] + level.sum(axis=0)), DB * jacobian

    @property
    def _sides(self) -> tuple[Reals, Reals]:
        """How much h moves u of zeros up and of poles down; how much it changes their damping."""
        sides = {"peak": 0.0, "low_shelf": 1.0, "high_shelf": -1.0}
        shift = np.array([sides[kind] for kind in self.types])
        return shift, np.where(shift == 0, 1.0, 0.0)

    def equaliser(self, parameters: Reals, sample_rate_hz: float) -> ParametricEq:
        """The bands with such parameters, from low to high."""
        bands = [
            Band(
                kind,
                float(np.arctan(np.exp(u / 2)) * sample_rate_hz / np.pi),
                float(40 / np.log(10) * h),
                float(np.exp(-v) / 2),
            )
            for kind, (u, v, h) in zip(self.types, parameters[1:].reshape(-1, 3), strict=True)
        ]
        bands.sort(key=lambda band: band.cutoff_hz)
        return ParametricEq(tuple(bands), sample_rate_hz, float(DB * parameters[0]))


@dataclass(frozen=True)
class EqSearch:
    """A best equaliser, and the largest error in dB that each way led to."""

    layout: EqLayout
    solution: Solution
    starts: dict[str, float]


def fit_equaliser(
    target: Levels,
    types: Sequence[FitBand],
    *,
    loss: Literal["rms", "max"] = "rms",
    has_gain: bool = True,
    restarts: int = 6,
    seed: int = 0,
) -> EqSearch:
    """The equaliser with bands of such types whose level is nearest to a target.

    First the bands read off AAA's roots (products of peaks come out exact, overlapping ones,
    too); if that isn't exact, greedily, then with `restarts` rounds of taking each band out
    and putting it in elsewhere.
    """
    # Shelves first: their place among the bands is no matter, and greedy adds them first.
    types = sorted(types, key=lambda kind: kind == "peak")
    layout, circle = EqLayout(tuple(types), has_gain), Circle(target.omega)
    problem = _Problem(target, circle, has_gain)
    found: dict[str, Solution] = {}
    if all(kind == "peak" for kind in types):
        start = _from_roots(target, circle, len(types), has_gain)
        solution = problem.improved(layout, start, 100)
        if solution is not None:
            found["AAA"] = solution
    if not found or found["AAA"].largest > EXACT_DB:
        greedy = problem.greedy(layout)
        found["greedy"] = greedy
        best = min(found.values(), key=problem.cost)
        moved = problem.moved(layout, best, restarts, np.random.default_rng(seed))
        found["moves"] = problem.improved(layout, moved.parameters, 300) or moved
    best = min(found.values(), key=problem.cost)
    if loss == "max":
        model = one_sided(lambda p: layout.model(circle, p), target)
        best = minimax(model, best, target.level_db, target.weight)
        found["minimax"] = best
    return EqSearch(layout, best, {name: s.largest for name, s in found.items()})


@dataclass(frozen=True)
class _Problem:
    target: Levels
    circle: Circle
    has_gain: bool

    def cost(self, solution: Solution) -> float:
        return solution.cost(self.target.weight)

    def improved(self, layout: EqLayout, start: Reals, steps: int) -> Solution | None:
        target = self.target
        model = one_sided(lambda p: layout.model(self.circle, p), target)
        return levenberg_marquardt(
            model,
            start,
            target.level_db,
            target.weight,
            steps=steps,
            tolerance=1e-7 if steps < 100 else 1e-10,
            enough=len(target.omega) * 1e-24,
        )

    def greedy(self, layout: EqLayout) -> Solution:
        """One band after the other, peaks where the error is largest."""
        level = self.target.level_db
        gain = np.average(level, weights=self.target.weight) / DB if self.has_gain else 0.0
        solution = Solution(np.array([gain]), level - DB * gain, 0)
        for count, kind in enumerate(layout.types, 1):
            now = EqLayout(layout.types[:count], self.has_gain)
            solution = self._with_band(now, solution, kind, 15) or solution
        return solution

    def moved(
        self, layout: EqLayout, solution: Solution, rounds: int, rng: np.random.Generator
    ) -> Solution:
        """Each band taken out in turn and put in where the error then is largest."""
        types = layout.types
        for _ in range(rounds):
            before = self.cost(solution)
            for k in rng.permutation(len(types)):
                bands = solution.parameters[1:].reshape(-1, 3)
                rest = np.append(solution.parameters[0], np.delete(bands, k, axis=0))
                fewer = EqLayout((*types[:k], *types[k + 1 :]), self.has_gain)
                without = self.improved(fewer, rest, 10)
                if without is None:
                    continue
                again = EqLayout((*fewer.types, types[k]), self.has_gain)
                found = self._with_band(again, without, types[k], 40)
                if found is not None and self.cost(found) < 0.999 * self.cost(solution):
                    # Back into its place, so that the types stay in order.
                    rows = found.parameters[1:].reshape(-1, 3)
                    rows = np.insert(rows[:-1], k, rows[-1], axis=0)
                    flat = np.append(found.parameters[0], rows)
                    solution = Solution(flat, found.residual, found.steps)
            if self.cost(solution) > 0.99 * before:
                break
        return solution

    def _with_band(
        self, layout: EqLayout, solution: Solution, kind: FitBand, steps: int
    ) -> Solution | None:
        """The best of a few first guesses of one more band, improved together with the others."""
        error = solution.residual * self.target.weight
        x = np.log(self.circle.sin2 / np.maximum(self.circle.cos2, 1e-9) + 1e-12)
        if kind == "peak":
            k = int(abs(error).argmax())
            height = solution.residual[k]
            guesses = [(x[k], v, height * np.log(10) / 40) for v in _widths(x, error, k)]
        else:
            is_low = kind == "low_shelf"
            end = slice(0, len(x) // 8 + 1) if is_low else slice(-len(x) // 8 - 1, None)
            height = float(solution.residual[end].mean())
            middle = x[len(x) // 4] if is_low else x[-len(x) // 4]
            guesses = [(middle, np.log(np.sqrt(0.5)), height * np.log(10) / 40)]
        limit = 0.9 * _LARGEST_GAIN
        found = [
            self.improved(
                layout, np.append(solution.parameters, [u, v, np.clip(h, -limit, limit)]), steps
            )
            for u, v, h in guesses
        ]
        return min((s for s in found if s is not None), key=self.cost, default=None)


def _widths(x: Reals, error: Reals, k: int) -> list[float]:
    """v = -log(2 q) of a band as wide as the hump of the error around k, and of a narrower one."""
    is_hump = error * np.sign(error[k]) > abs(error[k]) / 2
    below, above = np.flatnonzero(~is_hump[:k]), np.flatnonzero(~is_hump[k:])
    low = x[below[-1]] if below.size else x[0]
    high = x[k + above[0]] if above.size else x[-1]
    # x is the logarithm of a squared frequency: half a bandwidth is sinh(width / 4).
    v = float(np.log(np.sinh(np.clip((high - low) / 4, 0.02, 2.0))))
    return [v, v - 1.0]


def _normalise(
    kind: FitBand, u: float, shift: float, level: Reals, upper_u: Reals, lower_u: Reals
) -> None:
    """Move a shelf's level (K,) and its slopes so that it is 0 dB on the side it leaves alone."""

    def side(u: float) -> tuple[float, float]:
        if kind == "low_shelf":  # 1 at Nyquist: divide by gamma
            return 2 * np.logaddexp(0, u), 2 / (1 + np.exp(-u))
        return 2 * np.logaddexp(0, -u), -2 / (1 + np.exp(u))

    (upper, upper_slope), (lower, lower_slope) = side(u + shift), side(u - shift)
    level += upper - lower
    upper_u += upper_slope
    lower_u += lower_slope


def _from_roots(target: Levels, circle: Circle, count: int, has_gain: bool) -> Reals:
    """Bands whose zeros and poles have the same size, read off AAA's rational function."""
    rational = rational_power(circle, target, 2 * count)
    uppers, lowers = _factors(rational.zeros()), _factors(rational.poles())
    matches = sorted(
        (abs(upper.u - lower.u), i, j)
        for i, upper in enumerate(uppers)
        for j, lower in enumerate(lowers)
    )
    used: set[tuple[str, int]] = set()
    bands: list[list[float]] = []
    for _, i, j in matches:
        upper, lower = uppers[i], lowers[j]
        roots = {("zero", k) for k in upper.roots} | {("pole", k) for k in lower.roots}
        if used & roots or len(bands) == count:
            continue
        used |= roots
        v, h = np.log(upper.zeta * lower.zeta) / 2, np.log(upper.zeta / lower.zeta) / 2
        limit = 0.9 * _LARGEST_GAIN
        v = np.clip(v, -np.log(1.9 * _Q[1]), -np.log(2.1 * _Q[0]))
        bands.append([(upper.u + lower.u) / 2, v, np.clip(h, -limit, limit)])
    while len(bands) < count:
        bands.append([0.0, 0.0, 0.01])
    return np.array([0.0, *np.ravel(bands)])


@dataclass(frozen=True)
class _Factor:
    u: float
    zeta: float
    roots: tuple[int, ...]


def _factors(squares: Complexes) -> list[_Factor]:
    """Every pair that could be a factor: complex roots, and any two real ones."""
    is_real = abs(squares.imag) <= 1e-9 * abs(squares)
    factors = [
        _Factor(np.log(abs(x)), max(abs(np.sqrt(-x).real) / abs(x) ** 0.5, 1e-3), (k,))
        for k, x in enumerate(squares)
        if not is_real[k] and x.imag > 0
    ]
    reals = [(k, -x.real) for k, x in enumerate(squares) if is_real[k] and x.real < 0]
    for (i, first), (j, second) in combinations(reals, 2):
        a, b = first**0.5, second**0.5
        factors.append(_Factor(np.log(a * b), (a + b) / 2 / (a * b) ** 0.5, (i, j)))
    return factors
