"""Ledger: which notes sound on the other side of a port, so that none is left there."""

from __future__ import annotations

from collections import Counter

from rnnmusic.live.messages import (
    CONTROL_CHANGE,
    HOLDING_PEDALS,
    NOTE_OFF,
    NOTE_ON,
    PEDAL_DOWN,
    SYSTEM,
    control_change,
    note_off,
    panic,
)


class Ledger:
    """Keeps account of the notes sent, and makes overlapping notes of one pitch safe to send.

    MIDI has one on/off switch per key. When a note begins on a key that already sounds, the key
    is released first and struck anew; it is then released for good only when the last of the
    notes held on it ends. So no note is stuck, and no note is cut short by another one's end.

    A note that was never struck (`skip`) or was silenced before its time (`release`) still has an
    end to come. That end is waited for, so that it can't cut short a note that began later.
    """

    def __init__(self) -> None:
        self._ends: Counter[tuple[int, int]] = Counter()  # (channel, pitch) -> ends to come
        self._down: set[tuple[int, int]] = set()
        self._pedals: set[tuple[int, int]] = set()  # (channel, controller) held down
        self._channels: set[int] = set()

    @property
    def sounding(self) -> frozenset[tuple[int, int]]:
        """The (channel, pitch) keys that are down."""
        return frozenset(self._down)

    def admit(self, message: bytes) -> list[bytes]:
        """Enter a message that is wanted; return what is to be sent in its place.

        An end without a beginning becomes nothing; messages other than notes pass unchanged.
        """
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == NOTE_ON and message[2] > 0:
            return self._begin(channel, message)
        if kind in (NOTE_ON, NOTE_OFF):
            return self._end(channel, message)
        if kind != SYSTEM:
            self._channels.add(channel)
        if kind == CONTROL_CHANGE and message[1] in HOLDING_PEDALS:
            pedal = (channel, message[1])
            (self._pedals.add if message[2] >= PEDAL_DOWN else self._pedals.discard)(pedal)
        return [message]

    def skip(self, message: bytes) -> None:
        """Enter the beginning of a note that is not sent: its end will become nothing."""
        self._ends[message[0] & 0x0F, message[1]] += 1

    def release(self) -> list[bytes]:
        """Silence what sounds now: keys and pedals up. Ends that come later become nothing."""
        keys = [note_off(*key) for key in sorted(self._down)]
        pedals = [control_change(*pedal, 0) for pedal in sorted(self._pedals)]
        self._down.clear()
        self._pedals.clear()
        return keys + pedals

    def silence(self) -> list[bytes]:
        """What silences every channel used, whatever the other side believes to sound."""
        return [message for channel in sorted(self._channels) for message in panic(channel)]

    def close(self) -> list[bytes]:
        """Release all that sounds, then silence every channel used; afterwards it is blank."""
        messages = [note_off(*key) for key in sorted(self._down)] + self.silence()
        for account in (self._ends, self._down, self._pedals, self._channels):
            account.clear()
        return messages

    def _begin(self, channel: int, message: bytes) -> list[bytes]:
        key = (channel, message[1])
        release = [note_off(*key)] if key in self._down else []
        self._ends[key] += 1
        self._down.add(key)
        self._channels.add(channel)
        return [*release, message]

    def _end(self, channel: int, message: bytes) -> list[bytes]:
        key = (channel, message[1])
        if key not in self._ends:
            return []
        self._ends[key] -= 1
        if self._ends[key]:
            return []
        del self._ends[key]
        if key not in self._down:
            return []
        self._down.remove(key)
        return [message]
