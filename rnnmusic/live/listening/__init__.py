"""Listening: what the player makes of the notes that others play."""

from __future__ import annotations

from collections.abc import Callable

from rnnmusic.errors import UsageError
from rnnmusic.live.listening.harmonise import Harmonise
from rnnmusic.live.listening.modes import Duet, Mode, Solo
from rnnmusic.live.listening.respond import PhraseSettings, Respond


def make_mode(
    name: str, *, phrases: PhraseSettings, harmony_voices: int, quarters_per_bar: float
) -> Mode:
    """A mode by its name, as at the beginning of a performance; UsageError for another name."""
    modes: dict[str, Callable[[], Mode]] = {
        Solo.name: Solo,
        Respond.name: lambda: Respond(phrases, quarters_per_bar),
        Duet.name: Duet,
        Harmonise.name: lambda: Harmonise(harmony_voices),
    }
    if name not in modes:
        raise UsageError(f"There is no mode {name!r}; there are {', '.join(modes)}.")
    return modes[name]()


__all__ = ["PhraseSettings", "make_mode"]
