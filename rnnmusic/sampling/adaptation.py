"""AdaptiveStepper: a model that follows another player while it plays: its readout, its poles.

What is learned is part of the state, and the state is a value: whoever goes back in time has the
readout of that time, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import ScoreEncoding, Steps
from rnnmusic.errors import UsageError
from rnnmusic.sampling.compiled import ExportedStepper, adapting
from rnnmusic.sampling.compiled.adapting_poles import MovingPoles
from rnnmusic.sampling.compiled.arithmetic import Floats, zeros
from rnnmusic.sampling.compiled.logit_gradients import LogitGradient
from rnnmusic.sampling.shaping import Shaping
from rnnmusic.sampling.stepper import Hidden, State, Stepper

#: How much the log-odds of what was played can move altogether, where the network stands as it did
#: then; a single note moves them by a nat at most.
LIMIT_NATS = 4.0
#: The covariance before any lesson is so much of the identity over H + 1: with outputs of about
#: 0.3, as gated cells have, the first lesson on something moves by 0.8 of what it could.
PRIOR = 40.0
#: And of what lessons made of it so much is taken back at each, so that it never stops learning.
RESET = 1.0 / 64.0

_RESET, _LIMIT = np.float32(RESET), np.float32(LIMIT_NATS)

#: Lessons that are kept as they are before they become part of a matrix.
_LESSONS = 32


class Lesson(NamedTuple):
    """One step of what was learned: C += gain error', columns of C shortened to the limit, and
    P += RESET (P_0 - P) - root root'.

    hidden h (H,), gain (H + 1,), error (W,), root (H + 1,).
    """

    hidden: Floats
    gain: Floats
    error: Floats
    root: Floats


class Readout(NamedTuple):
    """What has been learned: C (H + 1, W), and the covariance P (H + 1, H + 1) of what it was
    learned from. Neither is ever written to."""

    change: Floats
    covariance: Floats


class Adapted(NamedTuple):
    """A state with what has been learned.

    network: the state of the network. start: the readout some lessons ago. lessons: those since;
    matrices per state would fill the memory while every step can be taken back. is_on: whether
    more is learned.
    """

    network: State
    start: Readout
    lessons: tuple[Lesson, ...]
    is_on: bool


class AdaptiveStepper:
    """An `Adaptive` stepper: z + C [h; 1] instead of z, where C follows what is played.

    C begins at 0 and is moved by recursive least squares on what the logits got wrong (Plackett
    1950; Haykin 2002, chapter 9; the covariance is reset a little at each lesson as in Salgado,
    Goodwin and Middleton 1988, so that what is played later counts as much):

        q = P [h; 1], d = 1 + [h; 1]' q, C += q (y - p)' / d, P += RESET (P_0 - P) - q q' / d

    with y what was played, 0 or 1 each, and p how likely that was. A lesson moves the logits where
    it was learned by less than a nat. No column of C is longer than LIMIT_NATS / |[h; 1]|: however
    long the same is played, no logit moves by more than that where h is as large as when it was
    learned.

    With `poles` those of the last layer move as well, up the likelihood of what was played (see
    `MovingPoles`); without `readout` they do so alone.

    UsageError for a model with a head that can't say what it thinks of a given step, and with
    `poles` for one whose last layer isn't diagonal.
    """

    def __init__(self, stepper: Stepper, *, readout: bool = True, poles: bool = False) -> None:
        logits = stepper.step_logits() if isinstance(stepper, ExportedStepper) else None
        if logits is None or not isinstance(stepper, ExportedStepper):
            raise UsageError(
                "This model's head can't follow a player; play without --adapt, or take a model "
                "with a bernoulli, nade or categorical head."
            )
        self._poles: MovingPoles | None = None
        self._gradient: LogitGradient | None = None
        if poles:
            self._gradient = stepper.logit_gradient()
            stepper, self._poles = stepper.with_moving_poles()
        self._reads = readout
        self._stepper = stepper
        self._logits = logits
        sizes = stepper.encoding.sizes
        self._is_binary = all(size == 2 for size in sizes)
        self._edges = np.cumsum([0, *([] if self._is_binary else sizes)], dtype=np.int64)
        self._width = len(sizes) if self._is_binary else sum(sizes)
        start, clock = stepper.encoding.start_step(), stepper.encoding.clock_at(0)
        hidden, _ = stepper.hear(start, clock, stepper.initial())
        self._size = len(hidden)
        self._correct, self._blame = adapting.CORRECT.for_work(1), adapting.BLAME.for_work(1)
        self._gain, self._add = adapting.GAIN.for_work(1), adapting.ADD.for_work(1)
        self._spread, self._back = adapting.SPREAD.for_work(1), adapting.BACK.for_work(1)
        read = self._size + 1
        self._prior = np.float32(PRIOR / read)
        covariance = self._prior * np.eye(read, dtype=np.float32)
        self._nothing = Readout(zeros(read, self._width), covariance)
        # The readout of the state that was asked for last: it is asked for again and again.
        self._kept: tuple[Readout, tuple[Lesson, ...], Readout] = (
            self._nothing,
            (),
            self._nothing,
        )

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

    def readout(self, state: Adapted) -> Readout:
        """What a state has learned; not to be written to."""
        start, lessons, readout = self._kept
        if start is not state.start or lessons is not state.lessons:
            readout = state.start
            for lesson in state.lessons:
                readout = self._after(readout, lesson)
            self._kept = state.start, state.lessons, readout
        return readout

    def change(self, state: Adapted) -> Floats:
        """C (H + 1, W) of a state; not to be written to."""
        return self.readout(state).change

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
        readouts = self.readout(first), self.readout(second)
        parts = zip(*readouts, strict=True)
        start = Readout(*(self._stepper.mix(one, other, share) for one, other in parts))
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
        error = self._blame(logits, played, self._edges, counts)
        readout = self.readout(state)
        if self._poles is not None and self._gradient is not None:
            by_hidden = self._gradient(hidden[:size], played, error)
            by_hidden = self._back(by_hidden, readout.change, error)
            *below, last = state.network
            state = state._replace(network=(*below, self._poles.taught(by_hidden, last)))
        if not self._reads:
            return state
        gain, root = self._gain(hidden[:size], readout.covariance)
        lesson = Lesson(hidden[:size], gain, error, root)
        readout = self._after(readout, lesson)
        start, lessons = state.start, (*state.lessons, lesson)
        if len(lessons) > _LESSONS:
            start, lessons = readout, ()
        self._kept = start, lessons, readout
        return state._replace(start=start, lessons=lessons)

    def switched(self, state: Adapted, *, is_on: bool) -> Adapted:
        """As in `Adaptive`."""
        return state._replace(is_on=is_on)

    def is_learning(self, state: Adapted) -> bool:
        """As in `Adaptive`."""
        return state.is_on

    def forgotten(self, state: Adapted) -> Adapted:
        """As in `Adaptive`."""
        if self._poles is not None:
            *below, last = state.network
            state = state._replace(network=(*below, self._poles.forgotten(last)))
        return state._replace(start=self._nothing, lessons=())

    def _after(self, readout: Readout, lesson: Lesson) -> Readout:
        change = self._add(readout.change, lesson.hidden, lesson.gain, lesson.error, _LIMIT)
        covariance = self._spread(readout.covariance, lesson.root, self._prior, _RESET)
        return Readout(change, covariance)


def adaptive(
    load: Callable[[str], Stepper], *, readout: bool = True, poles: bool = False
) -> Callable[[str], AdaptiveStepper]:
    """What loads the same models as adaptive ones, each once: states are of one stepper."""
    return cache(lambda name: AdaptiveStepper(load(name), readout=readout, poles=poles))
