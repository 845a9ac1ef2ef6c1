"""How much a MIDI file may hold before it is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from rnnmusic.errors import UsageError
from rnnmusic.score.assembly import MalformedError


class LimitError(MalformedError):
    """A file is beyond a limit; the message is a clause that says which."""


@dataclass(frozen=True)
class Limits:
    """The most that a file may hold; what is beyond is refused before room is made for it.

    The defaults let any file of 100 MB through. With them no sum of ticks that the library forms
    leaves int64, and a file's tables take less than 400 MB. `max_seconds` is of the music: pass
    one where a corrupt wait of years would cost more than the piece is worth.
    """

    max_bytes: int = 1 << 28
    max_tracks: int = 1 << 14  # of which a file of 1 MB can hold four times as many
    max_notes: int = 1 << 24
    max_ticks: int = 1 << 54
    max_seconds: float = math.inf

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise UsageError(f"Limits got {field.name}={value}; use a number above 0.")
        if self.max_ticks > 1 << 62:
            raise UsageError(
                f"Limits got max_ticks={self.max_ticks}; times are int64, use at most 2**62."
            )

    def check_bytes(self, count: int) -> None:
        """LimitError for a file of more bytes than allowed."""
        if count > self.max_bytes:
            raise LimitError(f"it has {count} bytes; the limit is {self.max_bytes}")

    def check_tracks(self, count: int) -> None:
        """LimitError for a file of more tracks than allowed."""
        if count > self.max_tracks:
            raise LimitError(f"it holds {count} tracks; the limit is {self.max_tracks}")

    def check_seconds(self, seconds: float) -> None:
        """LimitError for music longer than allowed."""
        if seconds > self.max_seconds:
            raise LimitError(f"it lasts {seconds:.6g} seconds; the limit is {self.max_seconds:g}")
