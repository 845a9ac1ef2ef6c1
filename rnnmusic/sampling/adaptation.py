"""AdaptiveStepper: a model whose readout follows another player while it plays.

What is learned is part of the state, and the state is a value: whoever goes back in time has the
readout of that time, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.compiling import Kernel
from rnnmusic.encodings.protocol import ScoreEncoding, Steps
from rnnmusic.errors import UsageError
from rnnmusic.sampling.compiled import ExportedStepper
from rnnmusic.sampling.compiled.arithmetic import Floats, add_product, sigmoid, tanh, zeros
from rnnmusic.sampling.shaping import Shaping
from rnnmusic.sampling.stepper import Hidden, State, Stepper

#: By how many nats the log-odds of what was played rise at most, when it is heard once.
RATE_NATS = 1.0
#: And altogether, where the network stands as it did then.
LIMIT_NATS = 4.0


#: Lessons that are kept as they are before they become part of a matrix.
_LESSONS = 32


class Lesson(NamedTuple):
    """One step of what was learned: C += [h; 1] error', columns of C shortened to the limit.

    hidden h (H,), error (W,).
    """

    hidden: Floats
    error: Floats


class Adapted(NamedTuple):
    """A state with what has been learned.

    network: the state of the network. start: C (H + 1, W) some lessons ago. lessons: those since;
    a matrix per state would fill the memory while every step can be taken back. is_on: whether
    more is learned.
    """

    network: State
    start: Floats
    lessons: tuple[Lesson, ...]
    is_on: bool


class AdaptiveStepper:
    """An `Adaptive` stepper: z + C [h; 1] instead of z, where C follows what is played.

    C begins at 0, and is moved by normalised least mean squares, a step of the gradient of the
    log-likelihood over the size of what the readout reads (Widrow and Hoff 1960; Haykin 2002):

        C += RATE_NATS (y - p) [h; 1]' / |[h; 1]|^2

    with y what was played, 0 or 1 each, and p how likely that was. Recursive least squares would
    need fewer repetitions, but its covariance, H^2 numbers, would have to be updated at every note
    and kept for all that may be taken back. No column of C is longer than LIMIT_NATS / |[h; 1]|:
    however long the same is played, no logit moves by more than that where h is as large as when it
    was learned.

    UsageError for a model with a head that can't say what it thinks of a given step.
    """

    def __init__(self, stepper: Stepper) -> None:
        logits = stepper.step_logits() if isinstance(stepper, ExportedStepper) else None
        if logits is None:
            raise UsageError(
                "This model's head can't follow a player; play without --adapt, or take a model "
                "with a bernoulli, nade or categorical head."
            )
        self._stepper = stepper
        self._logits = logits
        sizes = stepper.encoding.sizes
        self._is_binary = all(size == 2 for size in sizes)
        self._edges = np.cumsum([0, *([] if self._is_binary else sizes)], dtype=np.int64)
        self._width = len(sizes) if self._is_binary else sum(sizes)
        start, clock = stepper.encoding.start_step(), stepper.encoding.clock_at(0)
        hidden, _ = stepper.hear(start, clock, stepper.initial())
        self._size = len(hidden)
        self._correct, self._blame = _CORRECT.for_work(1), _BLAME.for_work(1)
        self._add = _ADD.for_work(1)
        self._nothing = zeros(self._size + 1, self._width)
        # C of the state that was asked for last: it is asked for again and again.
        self._kept: tuple[Floats, tuple[Lesson, ...], Floats] = (self._nothing, (), self._nothing)

    @property
    def encoding(self) -> ScoreEncoding:
        """The encoding of the steps."""
        return self._stepper.encoding

    @property
    def is_compiled(self) -> bool:
        """Whether it runs without torch."""
        return self._stepper.is_compiled

    @property
    def draws(self) -> int:
        """How many random numbers `draw` takes."""
        return self._stepper.draws

    def initial(self) -> Adapted:
        """The state before the first step: nothing learned, and all ears."""
        return Adapted(self._stepper.initial(), self._nothing, (), True)

    def change(self, state: Adapted) -> Floats:
        """C (H + 1, W) of a state; not to be written to."""
        start, lessons, change = self._kept
        if start is not state.start or lessons is not state.lessons:
            change = state.start
            for lesson in state.lessons:
                change = self._add(change, *lesson, _LIMIT)
            self._kept = state.start, state.lessons, change
        return change

    def hear(
        self, previous: Steps, clock: NDArray[np.uint8], state: Adapted
    ) -> tuple[Hidden, Adapted]:
        """As in `Stepper`; hidden (H + W,) ends in what the logits are changed by."""
        hidden, network = self._stepper.hear(previous, clock, state.network)
        changed = np.concatenate([hidden, self._correct(hidden, self.change(state))])
        return changed, state._replace(network=network)

    def draw(self, hidden: Hidden, shaping: Shaping, uniforms: NDArray[np.float64]) -> Steps:
        """As in `Stepper`."""
        bias = shaping.bias + hidden[self._size :]
        return self._stepper.draw(hidden[: self._size], shaping._replace(bias=bias), uniforms)

    def mix(self, first: Adapted, second: Adapted, share: float) -> Adapted:
        """As in `Stepper`; what has been learned is mixed, too."""
        network = self._stepper.mix(first.network, second.network, share)
        start = self._stepper.mix(self.change(first), self.change(second), share)
        return Adapted(network, start, (), (first, second)[share > 0.5].is_on)

    def learn(
        self, hidden: Hidden, step: Steps, state: Adapted, theirs: NDArray[np.bool_] | None = None
    ) -> Adapted:
        """As in `Adaptive`."""
        if not state.is_on:
            return state
        size = self._size
        played = np.asarray(step, dtype=np.int64)
        counts = np.ones(self._width, np.bool_) if theirs is None else theirs
        logits = self._logits(hidden[:size], played) + hidden[size:]
        error = self._blame(hidden[:size], logits, played, self._edges, counts, _RATE)
        lesson = Lesson(hidden[:size], error)
        change = self._add(self.change(state), *lesson, _LIMIT)
        start, lessons = state.start, (*state.lessons, lesson)
        if len(lessons) > _LESSONS:
            start, lessons = change, ()
        self._kept = start, lessons, change
        return state._replace(start=start, lessons=lessons)

    def switched(self, state: Adapted, *, is_on: bool) -> Adapted:
        """As in `Adaptive`."""
        return state._replace(is_on=is_on)

    def forgotten(self, state: Adapted) -> Adapted:
        """As in `Adaptive`."""
        return state._replace(start=self._nothing, lessons=())


def adaptive(load: Callable[[str], Stepper]) -> Callable[[str], AdaptiveStepper]:
    """What loads the same models as adaptive ones, each once: states are of one stepper."""
    return cache(lambda name: AdaptiveStepper(load(name)))


def _correct(hidden: Floats, change: Floats) -> Floats:
    size = len(hidden)
    total: Floats = change[size].copy()
    add_product(total, change[:size], hidden)
    return total


def _blame(
    hidden: Floats,
    logits: Floats,
    step: NDArray[np.int64],
    edges: NDArray[np.int64],
    counts: NDArray[np.bool_],
    rate: Any,
) -> Floats:
    """rate (y - p) / |[h; 1]|^2. edges: where the factors of categorical steps begin, and the end;
    (1,) for binary ones."""
    width = len(logits)
    error = np.zeros(width, np.float32)
    if len(edges) == 1:
        for i in range(width):
            error[i] = np.float32(step[i]) - sigmoid(logits[i])
    for f in range(len(edges) - 1):
        first, end = edges[f], edges[f + 1]
        powers = np.exp((logits[first:end] - logits[first:end].max()).astype(np.float64))
        powers /= powers.sum()
        for i in range(first, end):
            error[i] = -np.float32(powers[i - first])
        error[first + step[f]] += _ONE
    squared = _squared(hidden)
    for i in range(width):
        error[i] = rate * error[i] / squared if counts[i] else _ZERO
    return error


def _add(change: Floats, hidden: Floats, error: Floats, limit: Any) -> Floats:
    size, width = len(hidden), len(error)
    after, length = np.empty_like(change), np.zeros(width, np.float32)
    for j in range(size + 1):
        read = hidden[j] if j < size else _ONE
        for i in range(width):
            after[j, i] = change[j, i] + read * error[i]
            length[i] += after[j, i] * after[j, i]
    longest = limit / np.sqrt(_squared(hidden))
    for i in range(width):
        length[i] = min(_ONE, longest / np.sqrt(length[i])) if length[i] > _ZERO else _ONE
    for j in range(size + 1):
        for i in range(width):
            after[j, i] *= length[i]
    return after


def _squared(hidden: Floats) -> Any:
    """|[h; 1]|^2."""
    total = _ONE
    for j in range(len(hidden)):
        total += hidden[j] * hidden[j]
    return total


_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_RATE, _LIMIT = np.float32(RATE_NATS), np.float32(LIMIT_NATS)
_IDS = np.zeros(1, np.int64)
_CORRECT = Kernel(
    _correct, patience=0, example=lambda: (zeros(1), zeros(2, 1)), helpers=(add_product,)
)
_BLAME = Kernel(
    _blame,
    patience=0,
    example=lambda: (zeros(1), zeros(1), _IDS, _IDS, np.ones(1, np.bool_), _RATE),
    helpers=(tanh, sigmoid, _squared),
)
_ADD = Kernel(
    _add,
    patience=0,
    example=lambda: (zeros(2, 1), zeros(1), zeros(1), _LIMIT),
    helpers=(_squared,),
)
