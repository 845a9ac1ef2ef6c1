"""Steering: everything a performer can turn while the model plays, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from rnnmusic.errors import UsageError
from rnnmusic.sampling.controls import CONTROLS, Value, control_named


@dataclass(frozen=True)
class Steering:
    """How the next steps are drawn and played; `CONTROLS` says of each field what it does.

    A value: what is turned makes another. UsageError for what a control doesn't take.
    """

    temperature: float = 1.0
    pitch_temperature: float = 1.0
    rhythm_temperature: float = 1.0
    velocity_temperature: float = 1.0
    top_p: float = 1.0
    density: float = 0.0
    note_length: float = 0.0
    lowest_pitch: int = 0
    highest_pitch: int = 127
    key: str | None = None
    chord: str | None = None
    polyphony: int | None = None
    repetition_penalty: float = 0.0
    loudness: float = 1.0
    program: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = CONTROLS[field.name].parse(getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        if self.lowest_pitch > self.highest_pitch:
            raise UsageError(
                f"lowest_pitch = {self.lowest_pitch} lies above highest_pitch = "
                f"{self.highest_pitch}; swap them."
            )

    def turned(self, name: str, value: Value) -> Steering:
        """The steering with one control changed; value may also be text as it was typed.

        Where the lowest pitch passes the highest, or the other way round, it pushes it along: a
        range can be moved one end at a time, in any order. UsageError for a name that isn't a
        control of the sampler, and for what the control doesn't take.
        """
        control = control_named(name)
        if control.owner != "sampler":
            raise UsageError(f"{name} is a control of the {control.owner}, not of the sampler.")
        parsed = control.parse(value)
        changes: dict[str, Any] = {name: parsed}
        if name == "lowest_pitch":
            changes["highest_pitch"] = max(self.highest_pitch, int(parsed or 0))
        elif name == "highest_pitch":
            changes["lowest_pitch"] = min(self.lowest_pitch, int(parsed or 0))
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Value]:
        """JSON-able: each control's value by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Value]) -> Steering:
        """The steering of `to_dict`, or of some controls; the others keep their defaults."""
        for name in values:
            if control_named(name).owner != "sampler":
                raise UsageError(f"{name} isn't a control of the sampler.")
        return cls(**values)  # type: ignore[arg-type]
