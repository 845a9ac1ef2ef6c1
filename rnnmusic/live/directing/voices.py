"""Voices: which note goes to which output, MIDI channel and instrument."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rnnmusic.errors import UsageError

DRUM_CHANNEL = 9  # channel 10 as people count

_FORM = re.compile(
    r"(?:(?P<rank>lowest|highest|all)|(?P<low>\d{1,4})(?:-(?P<high>\d{1,4}))?)"
    r"@(?P<channel>\d{1,4})(?::(?P<program>\d{1,4}))?(?:/(?P<port>\d{1,4}))?"
)
_WANTED = (
    "PITCHES@CHANNEL[:PROGRAM][/OUTPUT] with pitches like 36-59, lowest, highest or all, "
    "as in 36-59@2:33"
)


@dataclass(frozen=True)
class Voice:
    """Notes of some pitches, and where they go.

    channel: 0..15. program: General MIDI number from zero, None for the one that is steered.
    port: index of the output. rank: "lowest" or "highest" takes a note only where it is that
    among all that sound when it begins.
    """

    channel: int
    program: int | None = None
    port: int = 0
    lowest_pitch: int = 0
    highest_pitch: int = 127
    rank: str = "all"

    @property
    def is_drums(self) -> bool:
        """Whether its pitches are drums, so that no instrument is chosen for it."""
        return self.channel == DRUM_CHANNEL

    @property
    def takes_all(self) -> bool:
        """Whether it leaves nothing to the voices after it."""
        return self.rank == "all" and self.lowest_pitch == 0 and self.highest_pitch == 127

    def takes(self, pitch: int, sounding: Sequence[int]) -> bool:
        """Whether a note that begins beside `sounding`, itself included, is this voice's."""
        if not self.lowest_pitch <= pitch <= self.highest_pitch:
            return False
        if self.rank == "lowest":
            return pitch <= min(sounding)
        return self.rank != "highest" or pitch >= max(sounding)


def parse(text: str) -> Voice:
    """A voice from PITCHES@CHANNEL[:PROGRAM][/OUTPUT]; channels and outputs count from 1.

    "36-59@2:33" sends pitches 36 to 59 to channel 2 with program 33, "lowest@2" the lowest note
    of each chord. UsageError for anything else.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"Can't read the voice {text!r}; write {_WANTED}.")
    part = match.groupdict()
    low = _number(text, "pitch", part["low"] or "0", 0, 127)
    high = _number(text, "pitch", part["high"] or part["low"] or "127", 0, 127)
    if low > high:
        raise UsageError(
            f"The voice {text!r} goes from pitch {low} down to {high}; write the lower one first."
        )
    program = part["program"]
    return Voice(
        channel=_number(text, "channel", part["channel"], 1, 16) - 1,
        program=None if program is None else _number(text, "program", program, 0, 127),
        port=_number(text, "output", part["port"] or "1", 1, 16) - 1,
        lowest_pitch=low,
        highest_pitch=high,
        rank=part["rank"] or "all",
    )


def _number(text: str, what: str, digits: str, least: int, most: int) -> int:
    number = int(digits)
    if not least <= number <= most:
        raise UsageError(
            f"The voice {text!r} has {what} {number}; a {what} is a number from {least} to {most}."
        )
    return number


class Voices:
    """All voices of a player, in order; a note goes to the first that takes it.

    What none takes goes to `channel` (0..15) with the instrument that is steered. all: those that
    a note can go to.
    """

    def __init__(self, voices: Sequence[Voice], channel: int) -> None:
        named = (*voices, Voice(channel))
        last = next(i for i, voice in enumerate(named) if voice.takes_all)
        self.all = named[: last + 1]

    @property
    def only_drums(self) -> bool:
        """Whether every note comes out as a drum."""
        return all(voice.is_drums for voice in self.all)

    def of(self, pitch: int, sounding: Sequence[int]) -> Voice:
        """The voice of a note that begins beside `sounding`, itself included."""
        return next(voice for voice in self.all if voice.takes(pitch, sounding))
