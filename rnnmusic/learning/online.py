"""Learning while the sequence goes by: gradients that are carried forwards, never back."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.learning.functional import Functional
from rnnmusic.learning.model import SequenceModel
from rnnmusic.learning.supervised import FitConfig, Fitted, repeated
from rnnmusic.recurrent.flat import flattened
from rnnmusic.tasks import Task


class OnlineLearner(ABC):
    """Steps B rows through a model and adds the gradient of what each step costs to `.grad`.

    Between two steps an optimiser may move the parameters; what is carried then belongs to the old
    ones, as in all real-time learning. The state (B, n) is that of the recurrence as plain numbers.
    """

    def __init__(self, model: SequenceModel, task: Task) -> None:
        self.functional = Functional(model)
        self.task = task
        self.begin(1)

    def begin(self, rows: int) -> None:
        """Forget everything; `rows` new sequences begin."""
        vector = self.functional.vector()
        state, self._unflatten = flattened(self.functional.initial_state(vector, rows))
        self.state = state.detach()
        self._begin(vector)

    def learn(self, x: Tensor, target: Tensor, taught: Tensor) -> Tensor:
        """One step: x (B, D) or symbols (B,), target (B, F) or classes (B,), taught (B,) bool.

        Returns what the taught rows cost, summed: cross-entropy in nats, or mean squared errors.
        """
        with torch.no_grad():
            losses, gradient = self._advance(x, target, taught.to(self.state.dtype))
            parts = self.functional.split(gradient)
            for parameter, part in zip(self.functional.parameters, parts, strict=True):
                old = parameter.grad
                parameter.grad = part.clone() if old is None else old + part
        return losses[taught].sum()

    @abstractmethod
    def _begin(self, vector: Tensor) -> None:
        """Set up what is carried along with `self.state`."""

    @abstractmethod
    def _advance(self, x: Tensor, target: Tensor, taught: Tensor) -> tuple[Tensor, Tensor]:
        """Move the state on; losses (B,) and the gradient (P,) of those with taught (B,) 1."""

    def _step(
        self, vector: Tensor, state: Tensor, x: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One row: state (n,), x (D,), target -> loss (), state (n,)."""
        before = self._unflatten(state.unsqueeze(0))
        outputs, after = self.functional.step(vector, x.unsqueeze(0), before)
        if self.task.is_classification:
            loss = F.cross_entropy(outputs, target.unsqueeze(0))
        else:
            loss = F.mse_loss(outputs[0], target)
        return loss, flattened(after)[0][0]


def fit_online(learner: OnlineLearner, config: FitConfig) -> Fitted:
    """Learn by `learner` on fresh sequences of its task, with Adam.

    The parameters move every `chunk_length` steps, or at the end of the sequences where that is 0.
    Of the other settings those of `fit` that speak of gradients and of stopping count.
    """
    model, task = learner.functional.model, learner.task
    rng = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)
    optimizer = torch.optim.Adam(learner.functional.parameters, lr=config.learning_rate)

    def update(_: int) -> float:
        examples = task.draw(config.batch_size, rng)
        if any(p is not None for p in (examples.lengths, examples.dt, examples.units)):
            raise UsageError(
                f"The rows of {task.name} differ in length, time or units; learn it through `fit`."
            )
        learner.begin(config.batch_size)
        optimizer.zero_grad()
        total, steps = 0.0, examples.inputs.shape[1]
        every = config.chunk_length or steps
        for t in range(steps):
            taught = examples.mask[:, t]
            total += float(learner.learn(examples.inputs[:, t], examples.targets[:, t], taught))
            if (t + 1) % every == 0 or t + 1 == steps:
                count = int(examples.mask[:, t + 1 - ((t % every) + 1) : t + 1].sum())
                if count:
                    _move(learner.functional.parameters, optimizer, count, config)
        return total / max(1, int(examples.mask.sum()))

    remedy = f"lower the learning rate ({config.learning_rate})"
    return repeated(update, model, task, config, remedy)


def _move(
    parameters: list[nn.Parameter], optimizer: torch.optim.Optimizer, count: int, config: FitConfig
) -> None:
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad /= count
    if config.clip_value:
        nn.utils.clip_grad_value_(parameters, config.clip_value)
    if config.clip_norm:
        nn.utils.clip_grad_norm_(parameters, config.clip_norm)
    optimizer.step()
    optimizer.zero_grad()


__all__ = ["OnlineLearner", "fit_online"]
