"""Keys: what the performer holds down, from all inputs and channels together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.live.directing.voices import DRUM_CHANNEL
from rnnmusic.live.messages import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    CONTROL_CHANGE,
    NOTE_OFF,
    NOTE_ON,
    SUSTAIN,
)

#: One key of one instrument: (port, channel, pitch).
Key = tuple[int, int, int]


class Touch(NamedTuple):
    """What one message of the performer's came to.

    begins: a key or a drum was struck. lets_go: a key came up. notes: what the model is to hear,
    offs first. struck: the note that begins, if it has a pitch. ended: pitches that sound no
    longer, the pedal included.
    """

    time_quarters: float
    begins: bool = False
    lets_go: bool = False
    notes: tuple[NoteMessage, ...] = ()
    struck: NoteMessage | None = None
    ended: tuple[int, ...] = ()


class Keys:
    """Follows keys and sustain pedals, and says what a model hears of them.

    Pitches outside lowest_pitch..highest_pitch move by octaves into it; in a range of less than an
    octave those without a place are left out. Models hear the hands, as their encodings do: a
    note ends when its key comes up, whatever the pedal does; it *sounds* until the pedal is up,
    too. Channel 10 is drums: played, but without a pitch. Only `channels` (0..15) are heard, all
    where there are none. A key of two instruments is one to the model: struck again by the
    second, ended by the last.
    """

    def __init__(
        self, lowest_pitch: int, highest_pitch: int, channels: Collection[int] = ()
    ) -> None:
        self.lowest_pitch, self.highest_pitch = lowest_pitch, highest_pitch
        self._channels = frozenset(channels)
        self._down: dict[Key, int] = {}  # key -> pitch that the model hears
        self._rung_on: dict[Key, int] = {}  # let go with the pedal down
        self._pedals: set[tuple[int, int]] = set()  # (port, channel)

    @property
    def is_down(self) -> bool:
        """Whether any key is held."""
        return bool(self._down)

    @property
    def held(self) -> tuple[int, ...]:
        """The pitches of the keys that are down, rising."""
        return tuple(sorted(set(self._down.values())))

    def hear(self, message: Sequence[int], time_quarters: float, port: int = 0) -> Touch:
        """Take a channel message of 1 to 3 bytes played at a time on an input."""
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if len(message) < 3 or (self._channels and channel not in self._channels):
            return Touch(time_quarters)
        number, value = message[1], message[2]
        if kind == CONTROL_CHANGE:
            return self._control(time_quarters, port, channel, number, value)
        if kind not in (NOTE_ON, NOTE_OFF):
            return Touch(time_quarters)
        is_on = kind == NOTE_ON and value > 0
        if channel == DRUM_CHANNEL:
            return Touch(time_quarters, begins=is_on)
        if is_on:
            return self._strike(time_quarters, (port, channel, number), value)
        return self._release(time_quarters, [(port, channel, number)])

    def _strike(self, time_quarters: float, key: Key, velocity: int) -> Touch:
        pitch = self.fold(key[2])
        if pitch is None:
            return Touch(time_quarters, begins=True)
        is_again = pitch in self._down.values()
        self._down[key] = pitch
        struck = NoteMessage(time_quarters, pitch, velocity)
        offs = _offs(time_quarters, [pitch] * is_again)
        return Touch(time_quarters, begins=True, notes=(*offs, struck), struck=struck)

    def _release(self, time_quarters: float, keys: Sequence[Key]) -> Touch:
        before = self._sounding()
        let_go = {key: self._down.pop(key) for key in keys if key in self._down}
        self._rung_on.update({k: p for k, p in let_go.items() if k[:2] in self._pedals})
        still = self._down.values()
        offs = _offs(time_quarters, [p for p in dict.fromkeys(let_go.values()) if p not in still])
        return Touch(
            time_quarters, lets_go=bool(let_go), notes=tuple(offs), ended=self._ended(before)
        )

    def _control(
        self, time_quarters: float, port: int, channel: int, number: int, value: int
    ) -> Touch:
        place = (port, channel)
        if number == SUSTAIN and value >= 64:
            self._pedals.add(place)
        elif number == SUSTAIN:
            self._pedals.discard(place)
            before = self._sounding()
            self._rung_on = {k: p for k, p in self._rung_on.items() if k[:2] != place}
            return Touch(time_quarters, ended=self._ended(before))
        elif number in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            return self._release_all(time_quarters, place)
        return Touch(time_quarters)

    def _release_all(self, time_quarters: float, place: tuple[int, int]) -> Touch:
        before = self._sounding()
        self._pedals.discard(place)
        self._rung_on = {k: p for k, p in self._rung_on.items() if k[:2] != place}
        touch = self._release(time_quarters, [key for key in self._down if key[:2] == place])
        return touch._replace(ended=self._ended(before))

    def _sounding(self) -> list[int]:
        return sorted({*self._down.values(), *self._rung_on.values()})

    def _ended(self, before: Sequence[int]) -> tuple[int, ...]:
        now = self._sounding()
        return tuple(pitch for pitch in before if pitch not in now)

    def fold(self, pitch: int) -> int | None:
        """The pitch moved by octaves into the range; None where there is none such."""
        if pitch < self.lowest_pitch:
            pitch += -(-(self.lowest_pitch - pitch) // 12) * 12
        elif pitch > self.highest_pitch:
            pitch -= -(-(pitch - self.highest_pitch) // 12) * 12
        return pitch if self.lowest_pitch <= pitch <= self.highest_pitch else None


def _offs(time_quarters: float, pitches: Sequence[int]) -> list[NoteMessage]:
    return [NoteMessage(time_quarters, pitch, 0) for pitch in pitches]
