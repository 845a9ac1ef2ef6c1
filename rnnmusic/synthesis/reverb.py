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
    loss = (10 ** (-3 * delays / (reverb_time_s * sample_rate_hz))).astype(np.float32)[:, None]
    pole = float(np.exp(-2 * np.pi * DAMPING_HZ / sample_rate_hz))
    # Lines take left and right by turns, and give to both with signs that are orthogonal, so that
    # the two answers are as unlike as in a real room.
    inlet = np.zeros((lines, 2), dtype=np.float32)
    inlet[0::2, 0] = inlet[1::2, 1] = 1
    outlet = np.tile(np.array([[1, 1, 1, 1], [1, 1, -1, -1]], dtype=np.float32), lines // 4)
    outlet *= np.float32(amount / np.sqrt(lines / 2))

    low_pass = np.array([1 - pole], dtype=np.float32), np.array([1, -pole], dtype=np.float32)
    low_pass_state = np.zeros((lines, 1), dtype=np.float32)
    low_cut = butter(2, LOW_CUT_HZ, "highpass", fs=sample_rate_hz, output="sos")
    low_cut_state = np.zeros((len(low_cut), 2, 2))

    # What the lines hold: the last `longest` frames, then those of the chunk being worked on.
    memory = np.zeros((lines, longest + BLOCKS * block), dtype=np.float32)
    for chunk in range(0, dry.shape[1], BLOCKS * block):
        part = dry[:, chunk : chunk + BLOCKS * block]
        frames = part.shape[1]
        source, low_cut_state = sosfilt(low_cut, part, axis=-1, zi=low_cut_state)
        memory[:, longest : longest + frames] = inlet @ source.astype(np.float32)
        answer = np.empty((lines, frames), dtype=np.float32)
        # Nothing comes back within the shortest delay, so whole blocks are computed at once.
        for start in range(0, frames, block):
            stop = min(start + block, frames)
            late = np.stack(
                [
                    line[start + longest - d : stop + longest - d]
                    for line, d in zip(memory, delays, strict=True)
                ]
            )
            late, low_pass_state = lfilter(*low_pass, late, axis=-1, zi=low_pass_state)
            late *= loss
            memory[:, start + longest : stop + longest] += late - (2 / lines) * late.sum(axis=0)
            answer[:, start:stop] = late
        part += outlet @ answer
        memory[:, :longest] = memory[:, frames : frames + longest].copy()
