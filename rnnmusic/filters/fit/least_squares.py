"""Nonlinear least squares for a few dozen parameters, and minimax on top of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnmusic.filters.forms.protocol import Reals

#: parameters (P,) -> values (K,) and Jacobian (P, K), or None where the model doesn't exist.
Model = Callable[[Reals], tuple[Reals, Reals] | None]


@dataclass(frozen=True)
class Solution:
    """Where a search ended: parameters (P,), residual (K,) = target - model, unweighted."""

    parameters: Reals
    residual: Reals
    steps: int

    @property
    def largest(self) -> float:
        """Largest absolute residual."""
        return float(abs(self.residual).max())

    def cost(self, weight: Reals) -> float:
        """Sum of squares of the weighted residual."""
        return float(np.sum((self.residual * weight) ** 2))

    def worst(self, weight: Reals) -> float:
        """Largest absolute weighted residual."""
        return float(abs(self.residual * weight).max())


def levenberg_marquardt(
    model: Model,
    start: Reals,
    target: Reals,
    weight: Reals,
    *,
    steps: int = 200,
    tolerance: float = 1e-10,
    enough: float = 0.0,
    longest: Reals | float = 1.0,
) -> Solution | None:
    """Minimise sum((weight (target - model))**2) from `start`; None where that has no model.

    Marquardt's scaling by the diagonal of J'J makes it indifferent to the units of parameters
    (Marquardt 1963; Moré 1978). It ends when a step gains less than `tolerance` of the cost, or
    when the cost is down to `enough`. No parameter moves further than `longest` (a number, or one
    for each) in a step: 1 suits logarithms. Values are real: stack real and imaginary parts.
    """
    here = model(start)
    if here is None:
        return None
    point = start
    values, jacobian = here
    residual = target - values
    cost = float(np.sum((residual * weight) ** 2))
    damping = 1e-3
    step = 0
    while step < steps and cost > enough:
        step += 1
        weighted = jacobian * weight
        normal, gradient = weighted @ weighted.T, weighted @ (residual * weight)
        diagonal = np.diag(normal)
        # What has no influence here at all must not move, nor make the system singular.
        scale = 1 / np.sqrt(np.maximum(diagonal, 1e-14 * diagonal.max() + 1e-300))
        normal = normal * scale * scale[:, None]
        found = None
        for _ in range(10):
            move = scale * _solve(normal, damping, gradient * scale)
            move /= max(1.0, float((abs(move) / longest).max()))
            there = model(point + move)
            if there is not None:
                difference = target - there[0]
                new_cost = float(np.sum((difference * weight) ** 2))
                if new_cost < cost:
                    found = point + move, there, difference, new_cost
                    break
            damping = max(4 * damping, 1e-12)
        if found is None:
            break
        is_done = cost - found[3] < tolerance * cost
        point, (values, jacobian), residual, cost = found
        damping = max(damping / 5, 1e-15)
        if is_done:
            break
    return Solution(point, residual, step)


def _solve(normal: Reals, damping: float, gradient: Reals) -> Reals:
    damped = normal + damping * np.eye(len(normal))
    try:
        solution = np.linalg.solve(damped, gradient)
    except np.linalg.LinAlgError:
        solution = np.full(len(gradient), np.nan)
    if not np.isfinite(solution).all():
        return np.zeros(len(gradient))
    return np.asarray(solution, dtype=np.float64)


def minimax(
    model: Model, start: Solution, target: Reals, weight: Reals, *, steps: int = 30
) -> Solution:
    """Minimise max |weight (target - model)| from a least-squares solution.

    Each step is a linear program over the linearised model in a trust region (Madsen 1975); the
    points where the error is far below its maximum can't matter within the region and are left
    out. The result is never worse than the start.
    """
    from scipy.optimize import linprog

    here = model(start.parameters)
    if here is None:
        return start
    point = start.parameters
    values, jacobian = here
    error = (target - values) * weight
    largest = float(abs(error).max())
    radius = 0.1
    step = 0
    while step < steps and radius > 1e-7 and largest > 1e-12:
        step += 1
        rows = (jacobian * weight).T
        scale = np.maximum(np.sqrt(np.sum(rows**2, axis=0) / len(rows)), 1e-12) / largest
        scaled = rows / scale / largest
        active = abs(error) > 0.2 * largest
        matrix = np.concatenate([scaled[active], -scaled[active]])
        right = np.concatenate([error[active], -error[active]]) / largest
        # error - J move <= bound and -(error - J move) <= bound, all in units of `largest`.
        program = linprog(
            np.append(np.zeros(len(point)), 1.0),
            A_ub=np.column_stack([-matrix, -np.ones(len(matrix))]),
            b_ub=-right,
            bounds=[(-radius, radius)] * len(point) + [(0, None)],
            method="highs",
        )
        if program.status != 0:
            radius /= 4
            continue
        move = program.x[:-1] / scale
        there = model(point + move)
        gained = -np.inf
        if there is not None:
            new_error = (target - there[0]) * weight
            gained = largest - float(abs(new_error).max())
        promised = largest * (1 - float(program.x[-1]))
        if there is None or gained <= 0:
            radius /= 4
        else:
            radius *= 2 if gained > 0.7 * promised else 0.5 if gained < 0.2 * promised else 1
            is_done = gained < 1e-5 * largest
            point, (values, jacobian), error = point + move, there, new_error
            largest -= gained
            if is_done:
                break
    return Solution(point, target - values, start.steps + step)
