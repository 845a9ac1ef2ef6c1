"""The time values that note events can say, and placing onsets with them without drift."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from rnnmusic.encodings.grid import Ints

VALUES_PER_OCTAVE = 8


def time_values(exact_steps: int, longest_steps: int) -> Ints:
    """0 to exact_steps by ones, then 8 evenly spaced values to each doubling, to longest_steps."""
    values = [np.arange(exact_steps + 1, dtype=np.float64)]
    octave = float(exact_steps)
    while octave < longest_steps:
        values.append(octave * (1 + np.arange(1, VALUES_PER_OCTAVE + 1) / VALUES_PER_OCTAVE))
        octave *= 2
    return np.unique(np.rint(np.concatenate(values)).astype(np.int64))


class Placement:
    """Turns rising onsets into shifts, by absolute time: errors are made good, never summed.

    A shift that isn't among the values is rounded down and the rest is carried to the next onset.
    Rounding down keeps the clock at or before the true onset, so the next shift stays positive:
    chords neither split nor run together.
    """

    def __init__(self, shift_values: Ints) -> None:
        self._values: list[int] = shift_values.tolist()
        self._onset: int | None = None  # the last one, as asked for
        self.placed_step = 0  # and as the shifts say it

    def place(self, onset_step: int) -> int:
        """Id of the shift to this onset, 0 for another note of the last; updates placed_step."""
        if onset_step == self._onset:
            return 0
        index = bisect_right(self._values, onset_step - self.placed_step) - 1
        self._onset = onset_step
        self.placed_step += self._values[index]
        return index
