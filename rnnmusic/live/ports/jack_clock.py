"""Time as a JACK server counts it: in frames."""

from __future__ import annotations

import threading
import time
from typing import Any

WRAP = 1 << 32  # JACK counts frames in 32 bits: a day at 48 kHz


class JackClock:
    """Seconds that are frames of the server over its rate, so that a due time is a frame.

    It starts at `time.monotonic` and drifts away from it as the sound card does. While no server
    is attached it runs on with the machine, and a server that comes back goes on from there, a
    whole number of frames away from its own count.
    """

    def __init__(self) -> None:
        self._client: Any = None
        self._sample_rate_hz = 48_000.0
        self._offset_frames = 0  # clock frame = server frame + offset
        self._latest_frame = 0  # of the server, unwrapped; any of the last hours will do
        self._latest_s = time.monotonic()
        self._latest_at_s = self._latest_s
        self._lock = threading.Lock()  # held for microseconds, but never while a client closes

    @property
    def sample_rate_hz(self) -> float:
        """Frames a second."""
        return self._sample_rate_hz

    def attach(self, client: Any) -> None:
        """Count the frames of this client's server from now on."""
        with self._lock:
            now_s = self._now()
            self._sample_rate_hz = float(client.samplerate)
            self._latest_frame = int(client.frame_time)
            self._offset_frames = round(now_s * self._sample_rate_hz) - self._latest_frame
            self._client = client

    def detach(self) -> None:
        """Run on with the machine: the server has gone, or the client is about to."""
        with self._lock:
            self._now()
            self._client = None

    def now(self) -> float:
        """Seconds; never less than before."""
        with self._lock:
            return self._now()

    def unwrapped(self, frame_time: int) -> int:
        """The server's frame that a 32-bit count means, the nearest to the latest known."""
        latest = self._latest_frame
        frame = latest + (frame_time - latest + WRAP // 2) % WRAP - WRAP // 2
        self._latest_frame = frame
        return frame

    def frame_at(self, time_s: float) -> int:
        """The server's frame at a time of this clock."""
        return round(time_s * self._sample_rate_hz) - self._offset_frames

    def time_at(self, frame: int) -> float:
        """Time of this clock at a frame of the server; the inverse of `frame_at`."""
        return (frame + self._offset_frames) / self._sample_rate_hz

    def _now(self) -> float:
        machine_s = time.monotonic()
        if self._client is None:
            now_s = self._latest_s + (machine_s - self._latest_at_s)
        else:
            now_s = self.time_at(self.unwrapped(self._client.frame_time))
        # The server's estimate between two periods may step back by a few frames.
        self._latest_s = max(self._latest_s, now_s)
        self._latest_at_s = machine_s
        return self._latest_s
