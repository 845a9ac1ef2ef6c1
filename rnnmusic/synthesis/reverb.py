"""A room: a feedback delay network, a recurrence with an orthogonal matrix and long memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Mutually prime at 44.1 kHz: echoes of one line don't fall on those of another.
DELAYS_MS = (21.3, 25.9, 29.7, 33.1, 37.9, 41.3, 46.7, 50.9, 55.1, 59.3, 63.7, 67.9)
DAMPING_HZ = 4200.0
LOW_CUT_HZ = 120.0
BLOCKS = 64  # filtered at once on their way in


def add_room(
    dry: NDArray[np.float32],
    sample_rate_hz: int,
    *,
    amount: float = 0.12,
    reverb_time_s: float = 1.5,
) -> None:
    """Add a room's answer to stereo sound (2, frames), in place.

    amount is the gain of the answer, reverb_time_s the time in which it falls by 60 dB. The
    network is Jot & Chaigne's (1991): twelve delay lines, each with a low-pass and the loss that
    its length asks for, fed back through a Householder reflection, which loses nothing.
    """
    from scipy.signal import butter, lfilter, sosfilt

    delays = np.array([max(1, round(ms * sample_rate_hz / 1000)) for ms in DELAYS_MS])
    lines, longest, block = len(delays), int(delays.max()), int(delays.min())
    loss = 10 ** (-3 * delays / (reverb_time_s * sample_rate_hz))
    pole = float(np.exp(-2 * np.pi * DAMPING_HZ / sample_rate_hz))
    # Lines take left and right by turns, and give to both with signs that are orthogonal, so that
    # the two answers are as unlike as in a real room.
    inlet = np.zeros((lines, 2), dtype=np.float32)
    inlet[0::2, 0] = inlet[1::2, 1] = 1
    outlet = np.tile(np.array([[1, 1, 1, 1], [1, 1, -1, -1]], dtype=np.float32), lines // 4)
    outlet *= np.float32(amount / np.sqrt(lines / 2))

    memory = np.zeros((lines, longest + block), dtype=np.float32)
    size = memory.shape[1]
    damping = np.zeros((lines, 1))
    low_cut = butter(2, LOW_CUT_HZ, "highpass", fs=sample_rate_hz, output="sos")
    low_cut_state = np.zeros((len(low_cut), 2, 2))
    rows = np.arange(lines)[:, None]
    # Nothing comes back within the shortest delay, so whole blocks are computed at once.
    for chunk in range(0, dry.shape[1], BLOCKS * block):
        part = dry[:, chunk : chunk + BLOCKS * block]
        source, low_cut_state = sosfilt(low_cut, part, axis=-1, zi=low_cut_state)
        entering = inlet @ source.astype(np.float32)
        for start in range(0, part.shape[1], block):
            span = slice(start, min(start + block, part.shape[1]))
            now = np.arange(chunk + span.start, chunk + span.stop)
            late = memory[rows, (now - delays[:, None]) % size]
            late, damping = lfilter([1 - pole], [1, -pole], late, axis=-1, zi=damping)
            late *= loss[:, None]
            memory[:, now % size] = late - (2 / lines) * late.sum(axis=0) + entering[:, span]
            part[:, span] += outlet @ late.astype(np.float32)
