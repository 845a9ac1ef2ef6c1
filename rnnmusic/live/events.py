"""What happens to a performance: values that can be written down and played again.

The sampler is a function of its events: the same checkpoint, settings, seed and events give the
same plans to the bit. So a list of events is a recording.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Extend:
    """Time has passed: sample on until everything before `until_quarters` is settled."""

    kind: ClassVar[str] = "extend"
    until_quarters: float


@dataclass(frozen=True)
class Heard:
    """A MIDI message came in. at_quarters: nothing before it can be changed any more;
    played_quarters: when it was played, in score time. port: index of the input."""

    kind: ClassVar[str] = "heard"
    at_quarters: float
    played_quarters: float
    message: tuple[int, ...]
    port: int = 0


@dataclass(frozen=True)
class Turned:
    """A control was given a value: `name` is a field of `Steering`, "tempo" or "swing"."""

    kind: ClassVar[str] = "turned"
    at_quarters: float
    name: str
    value: float | int | str | None


@dataclass(frozen=True)
class Ordered:
    """A command to the player: rewind, loop, branch, keep, freeze, resume, store, morph, swap,
    mode; with its arguments."""

    kind: ClassVar[str] = "ordered"
    at_quarters: float
    name: str
    arguments: tuple[float | int | str, ...] = ()


@dataclass(frozen=True)
class Moved:
    """The clock has jumped: what follows `at_quarters` is played anew from `to_quarters` on,
    a later time (start and song position of an external clock)."""

    kind: ClassVar[str] = "moved"
    at_quarters: float
    to_quarters: float


Event = Extend | Heard | Turned | Ordered | Moved
KINDS: dict[str, type[Any]] = {k.kind: k for k in (Extend, Heard, Turned, Ordered, Moved)}


def to_dict(event: Event) -> dict[str, Any]:
    """JSON-able: {"kind": ..., field: value, ...}."""
    return {"kind": event.kind, **asdict(event)}


def from_dict(fields: dict[str, Any]) -> Event:
    """The event that `to_dict` wrote; KeyError or TypeError for anything else."""
    rest = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    event: Event = KINDS[str(rest.pop("kind"))](**rest)
    return event
