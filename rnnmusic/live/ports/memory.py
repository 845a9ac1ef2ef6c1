"""Ports in memory: for tests, also yours, and for a rehearsal without sound."""

from __future__ import annotations

import time

from rnnmusic.live.ports.protocol import OnMessage


class MemoryPort:
    """Keeps what it is sent.

    messages: (time_s, message) in the order of arrival; start_s and tempo_bpm as `begin` had them.
    """

    name = "memory"
    lead_s = 0.0
    clock = None

    def __init__(self) -> None:
        self.messages: list[tuple[float, bytes]] = []
        self.start_s = 0.0
        self.tempo_bpm = 120.0
        self.is_closed = False

    @property
    def is_alive(self) -> bool:
        """Until it is closed."""
        return not self.is_closed

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Remember the start and the tempo."""
        self.start_s, self.tempo_bpm = start_s, tempo_bpm

    def send(self, message: bytes, time_s: float) -> None:
        """Keep a message."""
        self.messages.append((time_s, bytes(message)))

    def close(self) -> None:
        """Remember that it was closed."""
        self.is_closed = True


class MemoryInput:
    """An input that is played by calling `play`."""

    name = "memory"

    def __init__(self, on_message: OnMessage) -> None:
        self._on_message = on_message
        self.is_closed = False

    @property
    def is_alive(self) -> bool:
        """Until it is closed."""
        return not self.is_closed

    def play(self, message: bytes, time_s: float | None = None) -> None:
        """Let a message arrive, played at `time_s` of time.monotonic, by default now."""
        if not self.is_closed:
            self._on_message(message, time.monotonic() if time_s is None else time_s)

    def close(self) -> None:
        """Hear no more."""
        self.is_closed = True
