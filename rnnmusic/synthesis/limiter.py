"""A limiter that looks one block ahead, so that it never clips and never jumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RECOVERY_S = 0.3


class Limiter:
    """Keeps every sample within the ceiling by a gain that moves in straight lines.

    The gain at the seam between two blocks suits the louder of them, and within a block it runs
    from seam to seam: so it is never more than the block can bear. Afterwards it recovers with a
    time constant of 0.3 s. Output is a block late.
    """

    def __init__(self, sample_rate_hz: float, frames: int, ceiling: float = 0.89) -> None:
        self._ceiling = ceiling
        self._recovery = -float(np.expm1(-frames / (RECOVERY_S * sample_rate_hz)))
        self._block = np.zeros((2, frames), dtype=np.float32)
        self._bearable = 1.0  # the gain that the kept block can bear
        self._gain = 1.0  # at its beginning
        self._ramp = np.arange(frames, dtype=np.float32) / frames

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take a block (2, frames), give the one before it."""
        peak = float(np.abs(block).max())
        bearable = min(1.0, self._ceiling / peak) if peak else 1.0
        recovered = self._gain + (1 - self._gain) * self._recovery
        gain = min(self._bearable, bearable, recovered)
        limited = self._block * (self._gain + (gain - self._gain) * self._ramp)
        self._block, self._bearable, self._gain = block, bearable, gain
        return np.asarray(limited, dtype=np.float32)
