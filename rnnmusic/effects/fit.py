"""Learning an effect from a recording of what went into a device and one of what came out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.effects.model import Effect, EffectConfig, build
from rnnmusic.errors import InputError
from rnnmusic.recurrent import detach

Waveform = NDArray[np.float32]

_PRE_EMPHASIS = 0.85  # of the loss: y[t] - 0.85 y[t - 1], where ears are keener
_WARM_UP_SAMPLES = 200  # heard before a segment counts, so that its start isn't learned
_ROUND_UPDATES = 50  # between two looks at the held-out part


@dataclass(frozen=True)
class Schedule:
    """How long and in what portions to learn."""

    seconds: float = 300.0  # of process time
    updates: int = 20_000
    batch_size: int = 32  # segments
    unroll: int = 512  # samples between two updates: truncated backpropagation
    segment_samples: int = 8192
    learning_rate: float = 5e-3
    patience: int = 20  # looks at the held-out part without progress, then the rate is halved
    held_out: float = 0.15  # share of the recording, its end


class Learned(NamedTuple):
    """An effect and its error-to-signal ratios, sum (y - y')**2 / sum y**2 of whole recordings.

    held_out: on the end of the recording, which wasn't learned from; untouched: what passing the
    input on unchanged would give there.
    """

    effect: Effect
    held_out: float
    untouched: float
    updates: int


def fit(
    config: EffectConfig,
    heard: Waveform,
    wanted: Waveform,
    *,
    schedule: Schedule = Schedule(),
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> Learned:
    """Learn an effect from heard (inputs, T) to wanted (outputs, T), sample-aligned.

    The loss is the error-to-signal ratio after pre-emphasis plus that of the means (Wright et al.
    2019), by Adam with gradients cut every `unroll` samples; the weights that do best on the
    held-out end are kept. progress is called with the updates done and that ratio. InputError for
    recordings that differ in length, are silent or too short.
    """
    heard, wanted = _checked(heard, config.inputs), _checked(wanted, config.outputs)
    if heard.shape[1] != wanted.shape[1]:
        raise InputError(
            f"The recordings have {heard.shape[1]} and {wanted.shape[1]} samples; give two of one "
            "length that start together."
        )
    x, y = (torch.from_numpy(signal.T.copy()) for signal in (heard, wanted))
    cut = int(len(x) * (1 - schedule.held_out))
    shortest = schedule.unroll + _WARM_UP_SAMPLES
    if min(cut, len(x) - cut) < shortest:
        raise InputError(
            f"The recordings have {len(x)} samples; give {round(shortest / schedule.held_out) + 1} "
            f"or more, of which {schedule.held_out:.0%} are held out."
        )
    if not y[:cut].any() or not y[cut:].any():
        raise InputError(
            "What came out is silence, for the part to learn from or the end; cut the recording."
        )
    effect = build(config, seed=seed)
    learner = _Learner(effect, x[:cut], y[:cut], schedule, seed)
    rest = (x[cut:], y[cut:])
    untouched = _ratio(_adapted(rest[0], config.outputs), rest[1])
    best, best_ratio, stale = effect.state_dict(), float("inf"), 0
    end_s = time.process_time() + schedule.seconds
    while learner.updates < schedule.updates:
        learner.run(_ROUND_UPDATES, end_s)
        with torch.no_grad():
            ratio = _ratio(effect(rest[0][None])[0][0], rest[1])
        if progress is not None:
            progress(learner.updates, ratio)
        stale += 1
        if ratio < best_ratio:
            stale, best_ratio = 0, ratio
            best = {name: value.clone() for name, value in effect.state_dict().items()}
        elif stale >= schedule.patience:
            stale = 0
            learner.slow_down()
        if time.process_time() > end_s:
            break
    effect.load_state_dict(best)
    return Learned(effect.eval(), best_ratio, untouched, learner.updates)


def error_to_signal(got: Waveform, wanted: Waveform) -> float:
    """sum (wanted - got)**2 / sum wanted**2, of signals of one shape."""
    return float(np.square(wanted - got).sum() / np.square(wanted).sum())


class _Learner:
    """Truncated backpropagation through time over random segments side by side."""

    def __init__(self, effect: Effect, x: Tensor, y: Tensor, schedule: Schedule, seed: int) -> None:
        self.updates = 0
        self._effect = effect
        self._x, self._y = x, y
        self._schedule = schedule
        self._rng = torch.Generator().manual_seed(seed)
        self._optimiser = torch.optim.Adam(effect.parameters(), lr=schedule.learning_rate)

    def slow_down(self) -> None:
        """Halve the learning rate."""
        for group in self._optimiser.param_groups:
            group["lr"] /= 2

    def run(self, updates: int, end_s: float) -> None:
        """So many updates, or a few more: segments are finished unless process time runs out."""
        until = self.updates + updates
        while self.updates < until and time.process_time() <= end_s:
            self._segments(end_s)

    def _segments(self, end_s: float) -> None:
        plan = self._schedule
        length = min(plan.segment_samples, len(self._x) - _WARM_UP_SAMPLES)
        last = len(self._x) - length - _WARM_UP_SAMPLES
        starts = torch.randint(last + 1, (plan.batch_size, 1), generator=self._rng)
        index = starts + torch.arange(length + _WARM_UP_SAMPLES)
        x, y = self._x[index], self._y[index]
        with torch.no_grad():
            _, state = self._effect(x[:, :_WARM_UP_SAMPLES])
        for begin in range(_WARM_UP_SAMPLES, x.shape[1] - plan.unroll + 1, plan.unroll):
            part = slice(begin, begin + plan.unroll)
            got, state = self._effect(x[:, part], state)
            loss = _loss(got, y[:, part])
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._effect.parameters(), 1.0)
            self._optimiser.step()
            state = detach(state)
            self.updates += 1
            if time.process_time() > end_s:
                break


def _loss(got: Tensor, wanted: Tensor) -> Tensor:
    """Error-to-signal ratio of pre-emphasised signals (B, T, C), plus that of their means."""
    energy = wanted.square().mean() + 1e-6
    error = got - wanted
    emphasised = error[:, 1:] - _PRE_EMPHASIS * error[:, :-1]
    reference = wanted[:, 1:] - _PRE_EMPHASIS * wanted[:, :-1]
    ratio = emphasised.square().mean() / (reference.square().mean() + 1e-6)
    return ratio + error.mean(dim=1).square().mean() / energy


def _ratio(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).square().sum() / wanted.square().sum())


def _adapted(x: Tensor, channels: int) -> Tensor:
    return x if x.shape[1] == channels else x.mean(dim=1, keepdim=True).expand(-1, channels)


def _checked(signal: Waveform, channels: int) -> Waveform:
    array = np.atleast_2d(np.asarray(signal, dtype=np.float32))
    if array.ndim != 2 or len(array) != channels or not np.isfinite(array).all():
        raise InputError(
            f"A recording of shape {array.shape} was given, or one that isn't finite; give "
            f"({channels}, samples)."
        )
    return array
