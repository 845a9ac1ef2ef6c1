"""RollAnswers: the notes that a model of frames puts under or over those that another strikes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.pianoroll import PianoRoll
from rnnmusic.encodings.protocol import Steps
from rnnmusic.sampling.shaping import Shaping
from rnnmusic.sampling.stepper import Hidden, Stepper

#: Frames that are tried. More fit better, and take longer: 1 gives 69 % consonant intervals to a
#: scale with bach-gru, 8 give 86 %, 32 give 90 %.
TRIES = 8

#: How finely a probability is searched for, and from where on it is nothing, in nats.
SEARCH_STEPS, NOTHING = 6, -12.0


class RollAnswers:
    """Draws a frame given that it has certain notes, also those above others.

    A head that settles columns from the bass up (NADE) can be made to set a column, but the
    columns below it don't know of that. So several frames are drawn, and one is taken with odds
    that are the probability of the highest given note after all below it: sampling importance
    resampling (Rubin 1987). That probability is found by halving, through what the head draws for
    the same numbers but one. The choice is a race in which a try is only measured if it may win.
    """

    def __init__(self, stepper: Stepper, encoding: PianoRoll) -> None:
        self._stepper = stepper
        self._encoding = encoding

    @property
    def draws(self) -> int:
        """How many random numbers `frame` takes."""
        return TRIES * (self._stepper.draws + 1)

    def frame(
        self,
        hidden: Hidden,
        free: Shaping,
        given: Shaping,
        highest: int,
        uniforms: NDArray[np.float64],
    ) -> Steps:
        """A frame (F,). free: the shaping of the step; given: the same where the notes are given;
        highest: the highest of them, a MIDI pitch in range."""
        count = self._stepper.draws
        column = (highest - self._encoding.lowest_pitch) * self._encoding.columns_per_pitch
        bias = given.bias.copy()
        bias[column] = free.bias[column] if np.isfinite(free.bias[column]) else 0.0
        asked = given._replace(bias=bias)
        numbers = uniforms[: TRIES * count].reshape(TRIES, count).copy()
        arrivals = np.log(-np.log1p(-uniforms[TRIES * count :]))
        best, best_arrival = 0, math.inf
        for number in range(TRIES):
            # It arrives after its exponential time over its probability.
            needed = float(arrivals[number]) - best_arrival
            if needed >= 0:
                continue
            log_odds = self._log_odds(hidden, asked, numbers[number], column, max(needed, NOTHING))
            if log_odds is not None:
                best, best_arrival = number, float(arrivals[number]) - log_odds
        return self._stepper.draw(hidden, given, numbers[best])

    def _log_odds(
        self,
        hidden: Hidden,
        shaping: Shaping,
        numbers: NDArray[np.float64],
        column: int,
        least: float,
    ) -> float | None:
        """The log of the probability that a column is set, None if it is below some value."""
        numbers = numbers.copy()

        def is_set(log_number: float) -> bool:
            numbers[column] = math.exp(log_number)
            return bool(self._stepper.draw(hidden, shaping, numbers)[column])

        low, high = least, 0.0
        if not is_set(low):
            return None
        for _ in range(SEARCH_STEPS):
            middle = (low + high) / 2
            if is_set(middle):
                low = middle
            else:
                high = middle
        return (low + high) / 2
