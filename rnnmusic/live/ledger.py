"""Ledger: which notes sound on the other side of a port, so that none is left there."""

from __future__ import annotations

from collections import Counter

from rnnmusic.live.messages import NOTE_OFF, NOTE_ON, note_off, panic


class Ledger:
    """Keeps account of the notes sent, and makes overlapping notes of one pitch safe to send.

    MIDI has one on/off switch per key. When a note begins on a key that already sounds, the key
    is released first and struck anew; it is then released for good only when the last of the
    notes held on it ends. So no note is stuck, and no note is cut short by another one's end.
    """

    def __init__(self) -> None:
        self._holds: Counter[tuple[int, int]] = Counter()  # (channel, pitch) -> notes held
        self._channels: set[int] = set()

    @property
    def sounding(self) -> frozenset[tuple[int, int]]:
        """The (channel, pitch) keys that are down."""
        return frozenset(self._holds)

    def admit(self, message: bytes) -> list[bytes]:
        """Enter a channel message that is wanted; return what is to be sent in its place.

        An end without a beginning becomes nothing; messages other than notes pass unchanged.
        """
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == NOTE_ON and message[2] > 0:
            return self._begin(channel, message)
        if kind in (NOTE_ON, NOTE_OFF):
            return self._end(channel, message)
        self._channels.add(channel)
        return [message]

    def close(self) -> list[bytes]:
        """Release all that sounds, then silence every channel used; afterwards it is blank."""
        releases = [note_off(channel, pitch) for channel, pitch in sorted(self._holds)]
        silence = [message for channel in sorted(self._channels) for message in panic(channel)]
        self._holds.clear()
        self._channels.clear()
        return releases + silence

    def _begin(self, channel: int, message: bytes) -> list[bytes]:
        key = (channel, message[1])
        release = [note_off(*key)] if key in self._holds else []
        self._holds[key] += 1
        self._channels.add(channel)
        return [*release, message]

    def _end(self, channel: int, message: bytes) -> list[bytes]:
        key = (channel, message[1])
        if key not in self._holds:
            return []
        self._holds[key] -= 1
        if self._holds[key]:
            return []
        del self._holds[key]
        return [message]
