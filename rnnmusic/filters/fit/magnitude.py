"""Filters from levels alone: AAA and other starts, Levenberg-Marquardt in dB, minimax."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnnmusic.filters.fit.aaa import Barycentric, aaa
from rnnmusic.filters.fit.factors import DB, Circle, Layout, Roots
from rnnmusic.filters.fit.least_squares import Model, Solution, levenberg_marquardt, minimax
from rnnmusic.filters.fit.targets import Levels
from rnnmusic.filters.forms import Complexes, Reals, ZeroPoleGain

#: Largest error in dB at which a fit is exact and no other start needs trying.
EXACT_DB = 1e-7
#: Least damping of a start: at 0 the level has no slope by it, and the search couldn't leave.
_LEAST_DAMPING = 1e-6
#: What stands for 0 and for infinity among squares.
_SQUARES = (1e-20, 1e20)


@dataclass(frozen=True)
class Search:
    """A best fit to levels, and the largest error in dB that every start led to."""

    layout: Layout
    solution: Solution
    starts: dict[str, float]


def fit_levels(
    target: Levels,
    layout: Layout,
    *,
    loss: Literal["rms", "max"] = "rms",
    restarts: int = 6,
    seed: int = 0,
    known: Mapping[str, ZeroPoleGain] | None = None,
) -> Search:
    """The filter of a layout whose level is nearest to a target.

    Least squares of weight times the error in dB, or its maximum with loss="max". When a start
    comes out exact, AAA's usually, nothing else is tried; else all are run for a while, and the
    best two to the end. `known`: filters to start from besides, by name.
    """
    circle = Circle(target.omega)
    level_db, weight = target.level_db, target.weight

    model = one_sided(lambda parameters: layout.model(circle, parameters), target)
    found: dict[str, Solution] = {}

    def search(start: Reals, steps: int) -> Solution | None:
        enough = len(level_db) * (1e-12 * weight.max()) ** 2
        return levenberg_marquardt(model, start, level_db, weight, steps=steps, enough=enough)

    rng = np.random.default_rng(seed)
    starts = _starts(layout, circle, target, restarts, rng)
    given = ((name, _from_filter(layout, form)) for name, form in (known or {}).items())
    for name, start in chain(starts, given):
        steps = 600 if name.startswith("AAA") else 60
        solution = search(_with_gain(model, start, level_db, weight), steps)
        if solution is not None:
            found[name] = solution
            if solution.largest < EXACT_DB:
                break
    ranked = sorted(found, key=lambda name: found[name].cost(weight))[:2]
    for name in ranked:
        if found[name].largest > EXACT_DB:
            found[name] = search(found[name].parameters, 400) or found[name]
        if loss == "max":
            found[name] = minimax(model, found[name], level_db, weight)
    badness = Solution.cost if loss == "rms" else Solution.worst
    best = min(ranked, key=lambda name: badness(found[name], weight))
    return Search(layout, found[best], {name: s.largest for name, s in found.items()})


def one_sided(model: Model, target: Levels) -> Model:
    """The model for which any level below a ceiling is as good as the ceiling."""
    ceiling: NDArray[np.bool_] = target.is_ceiling
    if not ceiling.any():
        return model

    def bounded(parameters: Reals) -> tuple[Reals, Reals] | None:
        there = model(parameters)
        if there is None:
            return None
        values, jacobian = there
        is_met = ceiling & (values < target.level_db)
        return np.where(is_met, target.level_db, values), np.where(is_met, 0.0, jacobian)

    return bounded


def roots_from_squares(squares: Complexes, degree: int, count: int) -> Roots:
    """`count` stable roots in s whose negative squares are those of a polynomial of this degree.

    A complex pair of squares is a complex pair in s, a negative square a real root. Positive ones
    come from a double root, a pair on the circle, that rounding has split, or can't be of any
    filter: two neighbours become a pair between them, as narrow as they are close. Squares that the
    polynomial lacks are infinite. Roots beyond `count` are left out, the broadest first; missing
    ones are at s = -1, where a pole and a zero cancel.
    """
    size = np.clip(abs(squares), *_SQUARES)
    is_real = abs(squares.imag) <= 1e-9 * size
    is_upper = ~is_real & (squares.imag > 0)
    pairs = [
        (float(np.log(abs(x))), float(abs(np.sqrt(-x).real) / abs(x) ** 0.5))
        for x in squares[is_upper]
    ]
    above = list(np.sort(size[is_real & (squares.real > 0)]))
    while len(above) >= 2:
        low, high = above.pop(0), above.pop(0)
        pairs.append((float(np.log(low * high) / 2), min(float(np.log(high / low)) / 4, 0.02)))
    pairs = sorted(pairs, key=lambda pair: pair[1])[: count // 2]
    reals = [*size[is_real & (squares.real <= 0)], *above]
    reals += [_SQUARES[1]] * (degree - len(squares))
    reals = sorted(np.sqrt(reals))[: count - 2 * len(pairs)]
    reals = sorted([*reals, *[1.0] * (count - 2 * len(pairs) - len(reals))])
    single = [2 * np.log(reals.pop(len(reals) // 2))] if count % 2 else []
    for low, high in zip(reals[::2], reals[1::2], strict=True):
        pairs.append((float(np.log(low * high)), float((low + high) / 2 / (low * high) ** 0.5)))
    u, zeta = np.array(pairs, dtype=float).reshape(-1, 2).T
    return Roots(u, np.arcsinh(np.maximum(zeta, _LEAST_DAMPING)), np.array(single, dtype=float))


def _starts(
    layout: Layout, circle: Circle, target: Levels, restarts: int, rng: np.random.Generator
) -> Iterator[tuple[str, Reals]]:
    degree = max(layout.zeros, layout.poles)
    for name, emphasis in {"AAA": 0.0, "AAA, peaks first": 1.0}.items():
        rational = rational_power(circle, target, degree, emphasis)
        found = len(rational.nodes) - 1
        zeros = roots_from_squares(rational.zeros(), found, layout.zeros)
        poles = roots_from_squares(rational.poles(), found, layout.poles)
        yield name, layout.join(0.0, zeros, poles)
    for k in range(restarts):
        yield f"grid {k + 1}", _from_grid(layout, circle, (0.5, 1.0, 0.7)[k % 3], rng)


def rational_power(
    circle: Circle, target: Levels, degree: int, emphasis: float = 0.0
) -> Barycentric:
    """|H|**2 as a rational function of tan(omega / 2)**2, up to a factor.

    emphasis: the power of |H|**2 that relative errors are weighted by. With 1 errors count
    absolutely, which finds the poles of a filter with many zeros at 0 and Nyquist; with 0 in dB.
    """
    is_used = (circle.omega < np.pi - 1e-6) & (target.weight > 0)
    if np.count_nonzero(is_used & ~target.is_ceiling) > 2 * degree + 2:
        is_used &= ~target.is_ceiling
    x = circle.sin2[is_used] / circle.cos2[is_used]
    power = 10 ** ((target.level_db[is_used] - target.level_db.max()) / 10)
    return aaa(x, power, degree, target.weight[is_used] * power**emphasis)


def _from_filter(layout: Layout, form: ZeroPoleGain) -> Reals:
    """Zeros and poles of a filter, those outside the circle reflected."""

    def roots(z: Complexes, count: int) -> Roots:
        is_far = abs(z + 1) < 1e-12
        s = np.where(is_far, 1e12, (z - 1) / np.where(is_far, 1.0, z + 1))
        return roots_from_squares(-(s**2), len(z), count)

    return layout.join(0.0, roots(form.zero, layout.zeros), roots(form.pole, layout.poles))


def _from_grid(layout: Layout, circle: Circle, damping: float, rng: np.random.Generator) -> Reals:
    """Zeros and poles spread evenly over the logarithm of frequency, each above a pole."""
    x = circle.sin2 / np.maximum(circle.cos2, 1e-12)
    low, high = np.log(np.maximum(x.min(), 1e-8)), np.log(min(x.max(), 1e4))

    def roots(count: int) -> Roots:
        pairs = count // 2
        spacing = (high - low) / max(pairs, 1)
        u = low + spacing * (np.arange(pairs) + 0.5 + 0.3 * rng.standard_normal(pairs))
        zeta = damping * spacing / 2 * np.exp(0.2 * rng.standard_normal(pairs))
        return Roots(u, np.arcsinh(zeta), np.full(count % 2, (low + high) / 2))

    return layout.join(0.0, roots(layout.zeros), roots(layout.poles))


def _with_gain(model: Model, parameters: Reals, level_db: Reals, weight: Reals) -> Reals:
    """The same roots with the gain that suits them best."""
    there = model(parameters)
    result = parameters.copy()
    if there is not None:
        result[0] += np.average(level_db - there[0], weights=weight**2) / DB
    return result
