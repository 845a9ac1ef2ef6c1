"""What stands in for the engine in tests of the desk and the view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rnnmusic_cli.live_actions import Actions
from rnnmusic_cli.live_desk import Desk
from rnnmusic_cli.live_stage import Stage

from rnnmusic.errors import UsageError
from rnnmusic.sampling.controls import CONTROLS, Value


class FakePlayer:
    """Remembers what it was asked; refuses programs."""

    def __init__(self) -> None:
        self.did: list[tuple[object, ...]] = []

    def turn(self, name: str, value: Value) -> None:
        if name == "program":
            raise UsageError("There is no instrument to choose.")
        self.did.append(("turn", name, value))

    def order(self, name: str, *arguments: float | int | str) -> None:
        self.did.append((name, *arguments))

    def tap(self) -> None:
        self.did.append(("tap",))


def a_stage() -> Stage:
    return Stage("bach-gru", outputs=("FLUID Synth", "Pedal"))


def status(
    quarters: float = 0.0, pitches: Iterable[int] = (), tempo_bpm: float = 120.0, **fields: Any
) -> dict[str, Any]:
    """What the engine says of itself, ten times a second."""
    return {
        "kind": "state",
        "quarters": quarters,
        "is_running": True,
        "tempo_bpm": tempo_bpm,
        "swing": 0.5,
        "sounding": sorted(pitches),
        "lost": [],
        "notes": 12,
        "dropped": 0,
        "stalls": 0,
        "lateness_p99_us": 42.0,
        **fields,
    }


def a_desk(player: FakePlayer | None = None, says: list[str] | None = None) -> Desk:
    return Desk(Actions(player or FakePlayer()), CONTROLS, ([] if says is None else says).append)
