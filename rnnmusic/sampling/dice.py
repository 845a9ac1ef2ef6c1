"""Dice: random numbers by name, so that nothing has to remember how many were drawn before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WORD = 1 << 64
# The 53 bits of a float64 are the upper ones of each word.
_SHIFT, _SCALE = np.uint64(11), 2.0**-53


class Dice:
    """Numbers that are a function of (seed, take, index): the same on every platform.

    Philox 4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), whose key
    is the seed and whose counter is (block, index, take). Returning to a step needs no state of a
    generator, what is drawn again under other controls is drawn with the same dice, and another
    take is another throw of all of them. One thread at a time.
    """

    def __init__(self, seed: int) -> None:
        """seed: any int; those that differ by a multiple of 2**128 are the same."""
        self.seed = seed
        self._philox = np.random.Philox(key=seed % (_WORD * _WORD))
        self._place = self._philox.state
        self._place["buffer_pos"] = 4  # nothing left over of another block
        self._counter = self._place["state"]["counter"]

    def uniforms(self, take: int, index: int, count: int) -> NDArray[np.float64]:
        """count numbers in [0, 1) of step `index` of a take, (count,); fewer are a part of more."""
        self._counter[:] = 0, index % _WORD, take % _WORD, 0
        self._philox.state = self._place
        words = self._philox.random_raw(count)
        return np.asarray((words >> _SHIFT) * _SCALE)
