"""Many notes at once, each a bank of modes whose state goes on from block to block.

The kernel is `resonators.ring` cut into blocks: a mode's next L samples are Re(s z^n), n < L, and
its next state s z^L. With z^n = z^(16 i) z^j a block of all modes of a note is one small matrix
product.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FINE = 16  # columns of a product; its rows are steps of as many frames
MODES = 32  # of a note, at most
LONGEST_BLOCK = 256


class Modes(NamedTuple):
    """What a note is made of, (modes,) each.

    log_pole: log z per frame, complex; state: the amplitude and phase of its first frame.
    """

    log_pole: NDArray[np.complex128]
    state: NDArray[np.complex128]


class Bank:
    """Notes in the slots 0 to `len(bank) - 1`; ending one moves the last into its slot.

    sounding: the notes' highest possible amplitudes, (n,), as of the last block.
    """

    def __init__(self, capacity: int) -> None:
        steps = LONGEST_BLOCK // FINE
        self._count = 0
        self._log_pole = np.zeros((capacity, MODES), dtype=np.complex128)
        self._state = np.zeros((capacity, MODES), dtype=np.complex128)
        self._coarse = np.zeros((capacity, steps, MODES), dtype=np.complex64)
        # Rows Re z^j and -Im z^j by turns, as a complex number's halves lie in memory.
        self._fine = np.zeros((capacity, MODES, 2, FINE), dtype=np.float32)
        self.sounding = np.zeros(0)

    def __len__(self) -> int:
        """Notes in it."""
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether there is no slot left."""
        return self._count == len(self._state)

    def start(self, modes: Modes) -> None:
        """Add a note in slot `len(bank)`; at most 32 modes."""
        slot, used = self._count, len(modes.state)
        self._log_pole[slot] = 0
        self._state[slot] = 0
        self._log_pole[slot, :used] = modes.log_pole
        self._state[slot, :used] = modes.state
        self._count += 1
        self._tabulate(slot)
        self.sounding = np.append(self.sounding, np.abs(modes.state).sum())

    def damp(self, slot: int, time_constant_frames: float) -> None:
        """Let a note fall faster from now on, by 1 / e in so many frames."""
        self._log_pole[slot] -= 1 / time_constant_frames
        self._tabulate(slot)

    def end(self, slot: int) -> None:
        """Take a note out at once."""
        last = self._count - 1
        for table in (self._log_pole, self._state, self._coarse, self._fine):
            table[slot] = table[last]
        self.sounding[slot] = self.sounding[last]
        self.sounding = self.sounding[:last]
        self._count = last

    def render(self, frames: int) -> NDArray[np.float32]:
        """The next frames of every note, (n, frames), 1 to 256 of them."""
        n = self._count
        steps = -(-frames // FINE)
        left = self._state[:n, None, :].astype(np.complex64) * self._coarse[:n, :steps]
        right = self._fine[:n].reshape(n, 2 * MODES, FINE)
        sound = np.matmul(left.view(np.float32), right).reshape(n, steps * FINE)[:, :frames]
        self._state[:n] *= np.exp(frames * self._log_pole[:n])
        self.sounding = np.abs(self._state[:n]).sum(axis=1)
        return np.asarray(sound)

    def _tabulate(self, slot: int) -> None:
        log_pole = self._log_pole[slot]
        fine = np.exp(np.arange(FINE) * log_pole[:, None])
        self._fine[slot, :, 0], self._fine[slot, :, 1] = fine.real, -fine.imag
        steps = self._coarse.shape[1]
        self._coarse[slot] = np.exp(FINE * np.arange(steps)[:, None] * log_pole)
