"""Which frame of a sound card is due when, from callbacks that come early and late."""

from __future__ import annotations

import math

BANDWIDTH_HZ = 0.5
LOST_BLOCKS = 4  # further off than this, and blocks were left out: start anew


class FrameClock:
    """A delay-locked loop over the times at which a driver asks for blocks.

    A second-order loop, as in F. Adriaensen, "Using a DLL to filter time" (Linux Audio Conference
    2005): it follows the card's true rate and takes no notice of a callback's jitter.
    """

    def __init__(self, sample_rate_hz: float, block_frames: int) -> None:
        self._frames = block_frames
        self._nominal_s = block_frames / sample_rate_hz
        omega = 2 * math.pi * BANDWIDTH_HZ * self._nominal_s
        self._b, self._c = math.sqrt(2) * omega, omega**2
        self._next_s: float | None = None
        self._block_s = self._nominal_s
        #: (frame, its time, frames a second), replaced as a whole: another thread reads it.
        self._line = (0, 0.0, 0.0)

    def block(self, frame: int, now_s: float) -> None:
        """A block that begins at `frame` is asked for at `now_s`."""
        error_s = 0.0 if self._next_s is None else now_s - self._next_s
        if self._next_s is None or abs(error_s) > LOST_BLOCKS * self._nominal_s:
            start_s, self._block_s = now_s, self._nominal_s
            self._next_s = start_s + self._block_s
        else:
            start_s = self._next_s
            self._next_s += self._b * error_s + self._block_s
            self._block_s += self._c * error_s
        self._line = (frame, start_s, self._frames / (self._next_s - start_s))

    def frame_at(self, time_s: float) -> int:
        """The frame that is asked for at a time; 0 before the first block."""
        frame, start_s, rate_hz = self._line
        return frame + round((time_s - start_s) * rate_hz)
