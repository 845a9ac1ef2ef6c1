"""Training by the extended Kalman filter (Puskorius and Feldkamp 1994).

The weights w are the state of a system that stands still but for noise, w_t = w_(t-1) + q, and what
the network should have said is a measurement of it, d_t = y(w_t) + r. With H = dy/dw, of m numbers:

    K = P H' (R + H P H')^-1,    w += K (d - y),    P += -K H P + Q.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.learning.functional import Functional, vjp
from rnnmusic.learning.model import SequenceModel
from rnnmusic.learning.supervised import Fitted, Limits, repeated
from rnnmusic.tasks import Examples, Task, taught

Groups = Literal["all", "tensor"]


@dataclass(frozen=True)
class KalmanConfig(Limits):
    """How to learn a task by Kalman filtering of the weights, and for how long."""

    updates: int = 500  # at most
    batch_size: int = 8  # sequences measured in one update: several streams
    groups: Groups = "all"  # weights whose errors are taken to depend on each other
    uncertainty: float = 0.1  # variance of each weight before any learning
    process_noise: float = 1e-6  # variance that each weight gains per update
    measurement_noise: float = 0.1  # variance of what is measured
    check_every: int = 25  # updates between looks at the score
    seed: int = 0


class Kalman:
    """The filter of a model's weights.

    groups: "all" keeps one covariance of all P weights, P**2 numbers; "tensor" one for each of the
    parameters, and none between them (the decoupled filter, by layer). Outputs are measured where
    the examples are taught: numbers as they are, classes as their probabilities. H comes from
    backpropagation through the whole of the examples given: hand in stretches to truncate it.
    """

    def __init__(
        self,
        model: SequenceModel,
        task: Task,
        *,
        groups: Groups = "all",
        uncertainty: float = 0.1,
        process_noise: float = 1e-6,
        measurement_noise: float = 0.1,
    ) -> None:
        if groups not in ("all", "tensor"):
            raise UsageError(f"groups is {groups!r}; choose all or tensor.")
        if uncertainty <= 0 or measurement_noise <= 0 or process_noise < 0:
            raise UsageError(
                "uncertainty and measurement_noise must be above 0 and process_noise 0 or more, "
                f"not {uncertainty}, {measurement_noise} and {process_noise}."
            )
        self.functional = Functional(model)
        self.task = task
        self._process, self._measurement = process_noise, measurement_noise
        sizes = [p.numel() for p in self.functional.parameters]
        self._sizes = [sum(sizes)] if groups == "all" else sizes
        like = self.functional.parameters[0]
        self.covariances = [
            uncertainty * torch.eye(size, dtype=like.dtype) for size in self._sizes
        ]  # fmt: skip

    def update(self, examples: Examples) -> float:
        """Move the weights by one measurement; the task's loss before it."""
        vector = self.functional.vector()
        _, wanted = taught(examples.targets, examples)
        if self.task.is_classification:
            wanted = F.one_hot(wanted, self.task.output_size).to(vector)

        def measured(vector: Tensor) -> tuple[Tensor, Tensor]:
            outputs, _ = self.functional.whole(vector, examples)
            given, _ = taught(outputs, examples)
            said = given.softmax(-1) if self.task.is_classification else given
            return said.flatten(), outputs

        said, pull, outputs = vjp(measured, vector, has_aux=True)
        rows = torch.eye(len(said), dtype=said.dtype)
        jacobian = torch.stack([pull(row, retain_graph=True)[0] for row in rows])
        parts = torch.split(jacobian, self._sizes, 1)
        spreads = [p @ h.T for p, h in zip(self.covariances, parts, strict=True)]  # P H'
        innovation = self._measurement * rows
        for h, spread in zip(parts, spreads, strict=True):
            innovation = innovation + h @ spread
        factor = torch.linalg.cholesky(innovation)
        moves = []
        for i, spread in enumerate(spreads):
            gain = torch.cholesky_solve(spread.T, factor).T
            moves.append(gain @ (wanted.flatten() - said))
            after = self.covariances[i] - gain @ spread.T
            # Rounding makes it lopsided, and in the end indefinite.
            self.covariances[i] = (after + after.T) / 2
            self.covariances[i].diagonal().add_(self._process)
        self.functional.load(vector + torch.cat(moves))
        return float(self.task.loss(outputs.detach(), examples))


def fit_kalman(model: SequenceModel, task: Task, config: KalmanConfig) -> Fitted:
    """Learn a task by Kalman filtering on fresh sequences."""
    kalman = Kalman(
        model,
        task,
        groups=config.groups,
        uncertainty=config.uncertainty,
        process_noise=config.process_noise,
        measurement_noise=config.measurement_noise,
    )
    rng = torch.Generator().manual_seed(config.seed)
    return repeated(
        lambda _: kalman.update(task.draw(config.batch_size, rng)),
        model,
        task,
        config,
        f"raise measurement_noise ({config.measurement_noise})",
    )


__all__ = ["Kalman", "KalmanConfig", "fit_kalman"]
