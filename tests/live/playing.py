"""An instrument's view of messages: one switch per key, and none is thrown twice."""

from __future__ import annotations

from collections.abc import Iterable


class Synthesiser:
    """Hears messages as an instrument does: one switch per key."""

    def __init__(self) -> None:
        self.down: set[tuple[int, int]] = set()
        self.strikes = 0

    def hear(self, message: bytes) -> None:
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == 0x90 and message[2]:
            key = (channel, message[1])
            if key in self.down:
                raise AssertionError(f"{key} was struck while it was down")
            self.down.add(key)
            self.strikes += 1
        elif kind in (0x80, 0x90):
            self.down.remove((channel, message[1]))  # KeyError: released twice


def hear(messages: Iterable[bytes]) -> Synthesiser:
    """What an instrument makes of messages."""
    synthesiser = Synthesiser()
    for message in messages:
        synthesiser.hear(message)
    return synthesiser
