"""What is known of a performance, gathered from what the engine says."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnmusic.errors import RnnMusicError
from rnnmusic_cli.live_roll import Roll

FIGURES = ("notes", "dropped", "stalls")


@dataclass
class Stage:
    """What is known of the performance, from the engine's status messages.

    checkpoint: what plays. outputs: what it plays to; silent: those that have gone away. notices:
    (where, sentence), newest last. failure: why it ended, where it shouldn't have.
    """

    checkpoint: str
    seed: int = 0
    outputs: tuple[str, ...] = ()
    quarters_per_bar: float = 4.0
    tempo_bpm: float = 120.0
    sync: str = "internal"
    beat: float = 0.0
    is_running: bool = True
    sounding: frozenset[int] = frozenset()
    figures: dict[str, int] = field(default_factory=dict)
    lateness_p99_us: float = 0.0
    silent: set[str] = field(default_factory=set)
    notices: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=32))
    failure: RnnMusicError | None = None
    roll: Roll = field(default_factory=Roll)

    def take(self, message: Mapping[str, Any]) -> None:
        """Take in one status message; whatever has a text is a notice."""
        kind = message.get("kind")
        if kind == "state":
            self._take_state(message)
        elif kind == "steering":
            self.checkpoint = str(message.get("checkpoint", self.checkpoint))
        elif kind == "error":
            self.failure = RnnMusicError(str(message["text"]))
            return
        if "text" in message:
            self.notice(str(message["text"]))

    def notice(self, text: str) -> None:
        """Remember a sentence, with where in the music it was said."""
        self.notices.append((self.position(), text))

    def position(self) -> str:
        """bar.beat from 1.1 on; the count-in counts down to it."""
        if self.beat < 0:
            return f"-{math.ceil(-self.beat)}"
        bar, beat = divmod(self.beat, self.quarters_per_bar)
        return f"{int(bar) + 1}.{int(beat) + 1}"

    def _take_state(self, message: Mapping[str, Any]) -> None:
        self.beat = float(message["quarters"])
        self.tempo_bpm = float(message["tempo_bpm"])
        self.is_running = bool(message["is_running"])
        self.sounding = frozenset(message["sounding"])
        self.silent = {self.outputs[port] for port in message["lost"]}
        self.lateness_p99_us = float(message["lateness_p99_us"])
        self.figures = {name: int(message[name]) for name in FIGURES}
        self.roll.take(self.beat, self.sounding)
