"""Backpropagation through time on a task: what every other way of learning is compared with."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from rnnmusic.errors import RnnMusicError, UsageError
from rnnmusic.learning.model import SequenceModel
from rnnmusic.recurrent import State, detach
from rnnmusic.tasks import Examples, Task

TEST_SEED = 987_654_321

#: Whether the first score is as good as the second.
Better = Callable[[float, float], bool]


def never() -> bool:
    """What asks for no stop."""
    return False


@dataclass(frozen=True)
class Limits:
    """When learning ends, of whatever kind it is."""

    updates: int = 1000  # at most
    seconds: float = math.inf  # at most; looked at between updates
    check_every: int = 100  # updates between looks at the score
    target: float | None = None  # a score that is good enough to stop
    tests: int = 256  # sequences of the scores
    should_stop: Callable[[], bool] = never  # asked after each update

    def numbers(self, score: Callable[[], float], is_better: Better) -> Iterator[int]:
        """The updates 1, 2, ... to make: until there are enough, time is over, somebody asks for
        an end, or the score is as good as the target."""
        begun = time.monotonic()
        for number in range(1, self.updates + 1):
            yield number
            if time.monotonic() - begun > self.seconds or self.should_stop():
                break
            if self.target is None or number % self.check_every:
                continue
            if is_better(score(), self.target):
                break


@dataclass(frozen=True)
class FitConfig(Limits):
    """How to learn a task, and for how long."""

    batch_size: int = 32
    learning_rate: float = 1e-3
    final_rate: float = 1.0  # share of it that is left at the end, on a cosine
    clip_norm: float = 1.0  # of the whole gradient; 0: no clipping
    clip_value: float = 0.0  # of each number of it; 0: no clipping
    chunk_length: int = 0  # truncated BPTT: gradients reach so many steps back; 0: all
    seed: int = 0

    def __post_init__(self) -> None:
        whole = (self.updates, self.batch_size, self.check_every, self.tests)
        if min(whole) < 1 or self.learning_rate <= 0 or self.chunk_length < 0:
            raise UsageError(
                f"updates, batch_size, check_every and tests must be 1 or more, not {whole}, and "
                f"the learning rate above 0, not {self.learning_rate}."
            )


@dataclass(frozen=True)
class Fitted:
    """How well a task was learned: its score on fresh sequences, and what that took."""

    score: float
    updates: int
    seconds: float
    parameters: int
    losses: tuple[float, ...]  # of the updates


def fit(
    model: SequenceModel,
    task: Task,
    config: FitConfig,
    *,
    penalty: Callable[[SequenceModel], Tensor] | None = None,
    optimizer: Callable[[list[nn.Parameter], float], torch.optim.Optimizer] = torch.optim.Adam,
) -> Fitted:
    """Train on fresh sequences until time, updates or the target are reached.

    penalty: added to the loss of every update. optimizer: made of the parameters and a learning
    rate. RnnMusicError when the loss is no longer finite.
    """
    rng = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)
    trained = [p for p in model.parameters() if p.requires_grad]
    moving = optimizer(trained, config.learning_rate)

    def update(number: int) -> float:
        share = 0.5 + 0.5 * math.cos(math.pi * (number - 1) / config.updates)
        rate = config.final_rate + (1 - config.final_rate) * share
        for group in moving.param_groups:
            group["lr"] = config.learning_rate * rate
        model.train()
        return _update(model, task, config, moving, trained, rng, penalty)

    remedy = f"lower the learning rate ({config.learning_rate}) or clip_norm ({config.clip_norm})"
    return repeated(update, model, task, config, remedy)


def repeated(
    update: Callable[[int], float], model: SequenceModel, task: Task, limits: Limits, remedy: str
) -> Fitted:
    """Call `update`, which learns from fresh sequences and gives their loss, with 1, 2, ... until
    time, updates or the target are reached. RnnMusicError, with the remedy, when a loss isn't
    finite."""
    begun, losses = time.monotonic(), []
    score = partial(evaluate, model, task, count=limits.tests, seed=TEST_SEED - 1)
    for number in limits.numbers(score, task.is_better):
        losses.append(update(number))
        if not math.isfinite(losses[-1]):
            raise RnnMusicError(
                f"The loss of {task.name} became {losses[-1]} at update {number}; {remedy}."
            )
    seconds = time.monotonic() - begun
    found = evaluate(model, task, count=limits.tests)
    return Fitted(found, number, seconds, model.parameter_count, tuple(losses))


@torch.no_grad()
def evaluate(
    model: nn.Module, task: Task, *, count: int = 256, seed: int = TEST_SEED, batch: int = 64
) -> float:
    """The task's score on `count` sequences that no training has seen, in eval mode."""
    was_training = model.training
    model.eval()
    rng = torch.Generator().manual_seed(seed)
    total = 0.0
    try:
        for begin in range(0, count, batch):
            examples = task.draw(min(batch, count - begin), rng)
            outputs, _ = model(examples)
            total += task.score(outputs, examples) * len(examples.inputs)
    finally:
        model.train(was_training)
    return total / count


def chunks(examples: Examples, length: int) -> Iterator[Examples]:
    """The same sequences in stretches of `length` steps, for truncated BPTT."""
    time_steps = examples.inputs.shape[1]
    for begin in range(0, time_steps, length or time_steps):
        span = slice(begin, begin + (length or time_steps))
        width = len(range(time_steps)[span])
        yield Examples(
            examples.inputs[:, span],
            examples.targets[:, span],
            examples.mask[:, span],
            None if examples.dt is None else examples.dt[:, span],
            None if examples.lengths is None else (examples.lengths - begin).clamp(0, width),
            None if examples.units is None else examples.units[:, span],
        )


def _update(
    model: SequenceModel,
    task: Task,
    config: FitConfig,
    optimizer: torch.optim.Optimizer,
    trained: list[nn.Parameter],
    rng: torch.Generator,
    penalty: Callable[[SequenceModel], Tensor] | None,
) -> float:
    """One batch: gradients of all its stretches, clipped, and a step."""
    examples = task.draw(config.batch_size, rng)
    state: State | None = None
    taught, total = float(examples.mask.sum()), 0.0
    optimizer.zero_grad()
    for part in chunks(examples, config.chunk_length):
        outputs, state = model(part, state)
        state = None if state is None else detach(state)
        if part.mask.any():
            loss = task.loss(outputs, part) * (part.mask.sum() / taught)
            total += float(loss.detach())
            loss.backward()  # type: ignore[no-untyped-call]
    if penalty is not None:
        penalty(model).backward()  # type: ignore[no-untyped-call]
    if config.clip_value:
        nn.utils.clip_grad_value_(trained, config.clip_value)
    if config.clip_norm:
        nn.utils.clip_grad_norm_(trained, config.clip_norm)
    optimizer.step()
    return total
