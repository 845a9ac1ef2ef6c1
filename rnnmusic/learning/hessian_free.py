"""Hessian-free optimisation: Newton's method with products instead of matrices."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rnnmusic.errors import RnnMusicError, UsageError
from rnnmusic.learning.functional import Functional, vjp
from rnnmusic.learning.model import SequenceModel
from rnnmusic.learning.supervised import TEST_SEED, Fitted, Limits, evaluate
from rnnmusic.tasks import Examples, Task

Product = Callable[[Tensor], Tensor]

# Martens 2010, section 4: progress per iteration below which conjugate gradients end, and the
# spacing of the iterates that backtracking looks at.
_CG_PROGRESS = 5e-4
_KEPT_SPACING = 1.3
_SHRINK, _SHRINKAGES = 0.8, 30  # of the line search
_LEAST_DECREASE = 1e-2  # of the loss, as a share of what the gradient promises


@dataclass(frozen=True)
class HessianFreeConfig(Limits):
    """How to learn a task by Hessian-free optimisation, and for how long."""

    updates: int = 100
    check_every: int = 1
    batch_size: int = 512  # of gradient and line search
    curvature_size: int = 128  # how many of them the Gauss-Newton products see
    damping: float = 1.0  # Tikhonov's lambda, to begin with
    structural: float = 0.0  # mu of Martens and Sutskever 2011; 0: none
    cg_iterations: int = 100  # at most, per update
    cg_carried: float = 0.95  # share of the last solution that the next one begins from
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.curvature_size <= self.batch_size:
            raise UsageError(
                f"curvature_size is {self.curvature_size}; give 1 up to batch_size, "
                f"{self.batch_size}."
            )
        if min(self.updates, self.cg_iterations) < 1 or self.damping <= 0 or self.structural < 0:
            raise UsageError(
                "updates and cg_iterations must be 1 or more, damping above 0 and structural 0 or "
                f"more, not {self.updates}, {self.cg_iterations}, {self.damping} and "
                f"{self.structural}."
            )


def gauss_newton(
    functional: Functional, vector: Tensor, task: Task, examples: Examples, structural: float = 0.0
) -> Product:
    """v -> G v with G = J' H J, J of the outputs z by the parameters, H the loss's Hessian by z.

    structural adds the same for the hidden outputs, with `structural` times the squared distance
    they move, per taught step, for a loss. All by torch.func: J' u is a vjp, and as it is linear
    in u its own vjp is J v, so that kernels without forward mode serve as well. H
    is symmetric, so that a vjp of the loss's gradient is H J v.
    """
    (z, hidden), pull = vjp(lambda p: functional.whole(p, examples), vector)
    zeros = (torch.zeros_like(z), torch.zeros_like(hidden))

    def pulled(by_z: Tensor, by_hidden: Tensor) -> Any:
        return pull((by_z, by_hidden))[0]

    def cost(z: Tensor) -> Tensor:
        return task.loss(z, examples)

    _, push = vjp(pulled, *zeros)
    _, bend = vjp(torch.func.grad(cost), z)
    weight = structural / max(1.0, float(examples.mask.sum()))

    def product(v: Tensor) -> Tensor:
        moved, moved_hidden = push(v)
        result: Tensor = pull((bend(moved)[0], weight * moved_hidden))[0]
        return result

    return product


def conjugate_gradients(
    product: Product, b: Tensor, start: Tensor, iterations: int
) -> list[tuple[Tensor, float]]:
    """Iterates x of A x = b with their q(x) = x'Ax / 2 - b'x, some of them, the last one included.

    They end when the last k = max(10, i / 10) iterations gained less than k * 5e-4 of q (Martens
    2010).
    """
    x, r = start, b - product(start)
    p, found, values = r, [], []
    square = float(r @ r)
    next_kept = 1.0
    for i in range(1, iterations + 1):
        curved = product(p)
        curvature = float(p @ curved)
        if curvature <= 0 or square == 0:
            break
        alpha = square / curvature
        x, r = x + alpha * p, r - alpha * curved
        values.append(-0.5 * float(x @ (b + r)))
        if i >= next_kept:
            found.append((x, values[-1]))
            next_kept = math.ceil(next_kept * _KEPT_SPACING)
        new = float(r @ r)
        p, square = r + (new / square) * p, new
        k = max(10, i // 10)
        if (
            i > k
            and values[-1] < 0
            and (values[-1] - values[-1 - k]) / values[-1] < k * _CG_PROGRESS
        ):
            break
    if values and (not found or found[-1][0] is not x):
        found.append((x, values[-1]))
    return found or [(start, -0.5 * float(start @ (b + r)))]


def fit_hessian_free(model: SequenceModel, task: Task, config: HessianFreeConfig) -> Fitted:
    """Learn a task by Hessian-free optimisation (Martens 2010; Martens and Sutskever 2011).

    Each update minimises q(d) = g'd + d'(G + damping I)d / 2 by conjugate gradients, takes the best
    of the iterates (backtracking), shortens it until the loss falls (line search), and moves the
    damping by how much of the promised fall came true (Levenberg and Marquardt): times 3/2 below a
    quarter, times 2/3 above three quarters. Martens's preconditioner is left out.
    """
    functional = Functional(model)
    rng = torch.Generator().manual_seed(config.seed)
    vector, damping = functional.vector(), config.damping
    carried = torch.zeros_like(vector)
    begun, losses = time.monotonic(), []
    score = partial(evaluate, model, task, count=config.tests, seed=TEST_SEED - 1)
    for update in config.numbers(score, task.is_better):
        examples = task.draw(config.batch_size, rng)
        few = _first(examples, config.curvature_size)
        loss_at = _loss(functional, task, examples)
        loss = loss_at(vector)
        if not math.isfinite(loss):
            raise RnnMusicError(
                f"The loss of {task.name} became {loss} at update {update}; raise the damping "
                f"({config.damping})."
            )
        losses.append(loss)
        gradient = _gradient(functional, task, examples, vector)
        curved = gauss_newton(functional, vector, task, few, config.structural * damping)

        def damped(v: Tensor, curved: Product = curved, damping: float = damping) -> Tensor:
            return curved(v) + damping * v

        tried = conjugate_gradients(
            damped, -gradient, config.cg_carried * carried, config.cg_iterations
        )
        carried, promised = tried[-1]
        step, step_loss = _backtrack(vector, [x for x, _ in tried], loss_at)
        ratio = (loss_at(vector + carried) - loss) / promised if promised < 0 else 0.0
        damping *= 1.5 if not ratio >= 0.25 else 2 / 3 if ratio > 0.75 else 1.0
        vector = vector + _line_search(step, step_loss, loss, gradient, vector, loss_at) * step
        functional.load(vector)
    seconds = time.monotonic() - begun
    found = evaluate(model, task, count=config.tests)
    return Fitted(found, update, seconds, model.parameter_count, tuple(losses))


def _first(examples: Examples, count: int) -> Examples:
    parts: list[Any] = [None if part is None else part[:count] for part in examples]
    return Examples(*parts)


def _loss(functional: Functional, task: Task, examples: Examples) -> Callable[[Tensor], float]:
    @torch.no_grad()
    def loss_at(vector: Tensor) -> float:
        return float(task.loss(functional.whole(vector, examples)[0], examples))

    return loss_at


def _gradient(functional: Functional, task: Task, examples: Examples, vector: Tensor) -> Tensor:
    point = vector.clone().requires_grad_()
    loss = task.loss(functional.whole(point, examples)[0], examples)
    (gradient,) = torch.autograd.grad(loss, point)
    return gradient


def _backtrack(
    vector: Tensor, steps: list[Tensor], loss_at: Callable[[Tensor], float]
) -> tuple[Tensor, float]:
    """The best of the iterates, from the last one back for as long as the loss falls."""
    best, best_loss = steps[-1], loss_at(vector + steps[-1])
    for step in reversed(steps[:-1]):
        loss = loss_at(vector + step)
        if loss >= best_loss:
            break
        best, best_loss = step, loss
    return best, best_loss


def _line_search(
    step: Tensor,
    step_loss: float,
    loss: float,
    gradient: Tensor,
    vector: Tensor,
    loss_at: Callable[[Tensor], float],
) -> float:
    """How much of the step to take: the first of 1, 0.8, 0.64... that lowers the loss; else 0."""
    promised, share = float(gradient @ step), 1.0
    for _ in range(_SHRINKAGES):
        if step_loss <= loss + _LEAST_DECREASE * share * min(promised, 0.0):
            return share
        share *= _SHRINK
        step_loss = loss_at(vector + share * step)
    return 0.0


__all__ = ["HessianFreeConfig", "conjugate_gradients", "fit_hessian_free", "gauss_newton"]
