"""Stepper: a generator as a pure function of values, one step at a time."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import ScoreEncoding, Steps
from rnnmusic.sampling.shaping import Shaping

#: What a network remembers: a value, never written into, so that keeping it is taking a snapshot.
State = Any
Hidden = NDArray[np.float32]


class Stepper(Protocol):
    """What live playing asks of a generator. Nothing is kept between calls.

    `compiled.export(generator)` makes one that runs without torch where every part of the
    generator can be exported, and one that steps the network through torch where not.
    """

    @property
    def encoding(self) -> ScoreEncoding:
        """The encoding of the steps."""
        ...

    @property
    def is_compiled(self) -> bool:
        """Whether it runs without torch."""
        ...

    @property
    def draws(self) -> int:
        """How many random numbers `draw` takes."""
        ...

    def initial(self) -> State:
        """The state before the first step."""
        ...

    def hear(self, previous: Steps, clock: NDArray[np.uint8], state: State) -> tuple[Hidden, State]:
        """Take the step before (F,) and the metrical position of the one to come (C,); return
        what the head needs to draw that one, and the state after."""
        ...

    def draw(self, hidden: Hidden, shaping: Shaping, uniforms: NDArray[np.float64]) -> Steps:
        """The next step (F,) int64, by `draws` numbers in [0, 1)."""
        ...

    def mix(self, first: State, second: State, share: float) -> State:
        """A state between two: share 0 is the first, 1 the second."""
        ...


@runtime_checkable
class Adaptive(Stepper, Protocol):
    """A stepper that learns while it is played; what it has learned is part of its states."""

    def learn(
        self, hidden: Hidden, step: Steps, state: State, theirs: NDArray[np.bool_] | None = None
    ) -> State:
        """The state when a step of another player's has been learned from, if that is on.

        hidden: what `hear` gave for that step. theirs: the choices of the step that count, one by
        one as the biases of a `Shaping`; None: all.
        """
        ...

    def switched(self, state: State, *, is_on: bool) -> State:
        """The state when it learns on, or no more; what has been learned stays."""
        ...

    def is_learning(self, state: State) -> bool:
        """Whether it does."""
        ...

    def forgotten(self, state: State) -> State:
        """The state when nothing has been learned."""
        ...
