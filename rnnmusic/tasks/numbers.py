"""Tasks over numbers: adding, telling periods apart, and two series to predict."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.tasks.protocol import Examples, Task


class Adding(Task):
    """Add the two numbers that are marked (Hochreiter and Schmidhuber 1997).

    Inputs (value in 0..1, mark); one mark in each half; the sum is wanted at the last step.
    """

    name = "adding"
    measure = "mse"
    paper = "Hochreiter and Schmidhuber 1997; Le et al. 2015"

    def __init__(self, length: int = 200) -> None:
        if length < 2:
            raise UsageError(f"Adding takes 2 steps or more, not {length}.")
        self.length = length
        self.input_size, self.output_size = 2, 1

    @property
    def memoryless(self) -> float:
        """Always saying 1: the variance of the sum of two uniform numbers."""
        return 1 / 6

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        """inputs (B, T, 2), targets (B, T, 1) of which the last counts."""
        half, rows = self.length // 2, torch.arange(count)
        values = torch.rand(count, self.length, generator=rng)
        first = torch.randint(0, half, (count,), generator=rng)
        second = torch.randint(half, self.length, (count,), generator=rng)
        marks = torch.zeros(count, self.length)
        marks[rows, first] = marks[rows, second] = 1.0
        total = (values * marks).sum(1)
        mask = torch.zeros(count, self.length, dtype=torch.bool)
        mask[:, -1] = True
        targets = total.view(-1, 1, 1).expand(-1, self.length, 1)
        return Examples(torch.stack([values, marks], 2), targets, mask)


class FrequencyDiscrimination(Task):
    """Whether the period of a sine is within 5 to 6 ms or not (Neil, Pfeiffer and Liu 2016, 3.1).

    Sines of random phase, for 15 to 125 ms within the first 125; half of the periods are in the
    class, the others log-uniform in 1..100 ms outside it, as in the authors' program. `sampling`:
    "regular" (every ms), "fast" (every 0.1 ms) or "asynchronous", at 15 to 124 random times. dt is
    the time since the step before. Inputs: the value, and the time in ms unless `clock` is False:
    the paper tells it to an LSTM, and not to a phased one, whose gates know it.
    """

    name = "frequency-discrimination"
    measure = "accuracy"
    is_classification = True
    paper = "Neil et al. 2016"
    PERIODS_MS = (5.0, 6.0)

    def __init__(self, sampling: str = "asynchronous", *, clock: bool = True) -> None:
        if sampling not in ("regular", "fast", "asynchronous"):
            raise UsageError(f"sampling is {sampling!r}; choose regular, fast or asynchronous.")
        self.sampling, self.clock = sampling, clock
        self.input_size, self.output_size = 1 + clock, 2

    @property
    def memoryless(self) -> float:
        """Guessing."""
        return 0.5

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        """inputs (B, T, 1 or 2), targets (B, T) of which each row's last step counts."""

        def uniform(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(count, generator=rng, dtype=torch.float64)

        low, high = self.PERIODS_MS
        inside = torch.rand(count, generator=rng) < 0.5
        # Log-uniform over 1..low and high..100, one stretch after the other.
        below, above = math.log(low), math.log(100.0 / high)
        place = uniform(0.0, below + above)
        outside = torch.where(place < below, place.exp(), (place - below).exp() * high)
        period = torch.where(inside, uniform(low, high), outside)
        duration, begin, phase = uniform(15.0, 125.0), uniform(0.0, 125.0), uniform(0.0, math.tau)
        begin = begin * (125.0 - duration) / 125.0
        if self.sampling == "asynchronous":
            lengths = uniform(15.0, 125.0).long()
            draws = torch.rand(count, 125, generator=rng, dtype=torch.float64)
            spare = torch.arange(125) >= lengths.unsqueeze(1)
            share = draws.masked_fill(spare, 2.0).sort(1).values.clamp_max(1.0)
            time = begin.unsqueeze(1) + share * duration.unsqueeze(1)
        else:
            spacing = 1.0 if self.sampling == "regular" else 0.1
            lengths = (duration / spacing).long()
            time = begin.unsqueeze(1) + spacing * torch.arange(round(125 / spacing))
        value = torch.sin(math.tau * time / period.unsqueeze(1) + phase.unsqueeze(1))
        steps = torch.arange(time.shape[1])
        value = torch.where(steps < lengths.unsqueeze(1), value, 0.0)
        dt = torch.cat([torch.ones(count, 1), time.diff(dim=1).float()], 1)
        mask = steps == lengths.unsqueeze(1) - 1
        targets = inside.long().unsqueeze(1).expand(mask.shape)
        inputs = torch.stack([value, time] if self.clock else [value], 2).float()
        return Examples(inputs, targets, mask, dt, lengths)


def mackey_glass(
    steps: int, *, delay: int = 17, seed: int = 0, per_step: int = 10, discarded: int = 1000
) -> NDArray[np.float64]:
    """The Mackey-Glass series, x' = 0.2 x(t - delay) / (1 + x(t - delay)**10) - 0.1 x, (steps,).

    One number per unit of time, by the Runge-Kutta rule of order 4 with `per_step` steps in it, the
    delayed value between two of them the mean of both. It begins at 1.2 with small random
    perturbations; `discarded` units of time come before the first. (Mackey and Glass 1977.)
    """
    if steps < 1 or delay < 1 or per_step < 1 or discarded < 0:
        raise UsageError(
            f"A series of {steps} steps with a delay of {delay} and {per_step} parts a step can't "
            "be; give 1 or more of each."
        )
    h, back = 1.0 / per_step, delay * per_step
    total = (steps + discarded) * per_step
    start = 1.2 + 0.2 * (np.random.default_rng(seed).random(back + 1) - 0.5)
    x = [float(value) for value in start]
    for n in range(total):
        old, new = x[n], x[n + 1]
        fed = [0.2 * v / (1.0 + v**10) for v in (old, (old + new) / 2, new)]
        now = x[-1]
        k1 = fed[0] - 0.1 * now
        k2 = fed[1] - 0.1 * (now + h / 2 * k1)
        k3 = fed[1] - 0.1 * (now + h / 2 * k2)
        k4 = fed[2] - 0.1 * (now + h * k3)
        x.append(now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x[back + 1 + discarded * per_step :: per_step])[:steps]


def narma10(steps: int, *, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inputs u and outputs y, (steps,) each, of the tenth-order system of Atiya and Parlos 2000:
    y[t+1] = 0.3 y[t] + 0.05 y[t] sum(y[t-9..t]) + 1.5 u[t-9] u[t] + 0.1, u uniform in 0..0.5.

    y[t] depends on u up to t - 1. Some inputs make it run away; such are drawn again.
    """
    rng = np.random.default_rng(seed)
    while True:
        u = rng.uniform(0.0, 0.5, steps)
        y = np.zeros(steps)
        for t in range(9, steps - 1):
            y[t + 1] = (
                0.3 * y[t] + 0.05 * y[t] * y[t - 9 : t + 1].sum() + 1.5 * u[t - 9] * u[t] + 0.1
            )
            if y[t + 1] > 1.0:
                break
        else:
            return u, y
