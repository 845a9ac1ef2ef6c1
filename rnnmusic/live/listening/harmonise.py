"""Harmonise: each note that is played is answered at once by notes the model hears with it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.live.listening.keys import Keys, Touch
from rnnmusic.live.listening.modes import NEVER, Partner, Turn


class Harmonise:
    """Adds voices to what is played, and nothing of its own.

    The voices of a note last until it ends, with the pedal as long as that holds it. A voice that
    several notes have called ends with the last of them. At most `most_voices` sound at once;
    fewer under a polyphony cap; those nearest to the played note come first. All are as loud as it.
    """

    name: ClassVar[str] = "harmonise"
    hears: ClassVar[bool] = True

    def __init__(self, most_voices: int) -> None:
        self.most_voices = most_voices
        self._callers: dict[int, set[int]] = {}  # our pitch -> the played ones that hold it
        self._held: tuple[int, ...] = ()

    def turn(self, at_quarters: float) -> Turn:
        """Never ours."""
        return NEVER

    def hear(self, touch: Touch, at_quarters: float, keys: Keys) -> None:
        """Remember what is held: no voice doubles it."""
        self._held = keys.held

    def reply(self, touch: Touch, at_quarters: float, partner: Partner) -> list[NoteMessage]:
        """End the voices of the notes that have ended, begin those of the one struck."""
        messages = self._end(touch.ended, at_quarters)
        if touch.struck is None:
            return messages
        played, velocity = touch.struck.pitch, touch.struck.velocity
        messages += self._end((played,), at_quarters)  # struck again
        # Between the beats few voices begin: what would on the next beat is better than nothing.
        voices = partner.answer((played,), at_quarters)
        voices = voices or partner.answer((played,), math.ceil(at_quarters))
        wanted = [pitch for pitch in voices if pitch not in self._held]
        most = min(self.most_voices, partner.polyphony or self.most_voices)
        for pitch in sorted(wanted, key=lambda pitch: (abs(pitch - played), pitch)):
            if pitch in self._callers:
                self._callers[pitch].add(played)
            elif len(self._callers) < most:
                self._callers[pitch] = {played}
                messages.append(NoteMessage(at_quarters, pitch, velocity))
        return messages

    def leave(self, at_quarters: float) -> list[NoteMessage]:
        """End every voice."""
        return self._end({p for callers in self._callers.values() for p in callers}, at_quarters)

    def move(self, by_quarters: float) -> None:
        """Nothing is planned."""

    def _end(self, played: Iterable[int], at_quarters: float) -> list[NoteMessage]:
        messages = []
        for pitch, callers in list(self._callers.items()):
            callers.difference_update(played)
            if not callers:
                del self._callers[pitch]
                messages.append(NoteMessage(at_quarters, pitch, 0))
        return messages
