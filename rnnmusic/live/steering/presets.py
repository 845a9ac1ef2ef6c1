"""Presets: sets of controls and bindings under a name, as TOML files."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnmusic.errors import InputError, RnnMusicError, UsageError
from rnnmusic.files import replacing_file
from rnnmusic.live.steering.control_map import ControlMap
from rnnmusic.live.steering.orders import ORDERS, Action, Call, Turn
from rnnmusic.sampling.controls import CONTROLS, Value, control_named


@dataclass(frozen=True)
class Preset:
    """What a performer wants to come back to.

    controls: control -> value; what isn't named stays as it is. bindings: source -> what it does,
    as `ControlMap` takes them; other sources stay bound. mode: one of `orders.MODES`. UsageError
    for controls, values and bindings that aren't any.
    """

    description: str = ""
    mode: str | None = None
    controls: Mapping[str, Value] = field(default_factory=dict)
    bindings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parsed = {name: control_named(name).parse(value) for name, value in self.controls.items()}
        object.__setattr__(self, "controls", parsed)
        lowest, highest = (parsed.get(f"{end}_pitch") for end in ("lowest", "highest"))
        if isinstance(lowest, int) and isinstance(highest, int) and lowest > highest:
            raise UsageError(
                f"lowest_pitch = {lowest} lies above highest_pitch = {highest}; swap them."
            )
        if self.mode is not None:
            ORDERS["mode"].parse([self.mode])
        object.__setattr__(self, "bindings", ControlMap(self.bindings).to_dict())

    @property
    def actions(self) -> tuple[Action, ...]:
        """What loading it does."""
        turns = (Turn(name, value) for name, value in self.controls.items())
        mode = () if self.mode is None else (Call("mode", (self.mode,)),)
        return (*turns, *mode, *(Call("bind", pair) for pair in self.bindings.items()))

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any]) -> Preset:
        """A preset from the tables of its file; an unknown or ill-typed key is a UsageError."""
        kinds: dict[str, type] = {"description": str, "mode": str}
        kinds |= {"controls": dict, "bindings": dict}
        for key, value in tables.items():
            if key not in kinds:
                raise UsageError(f"Unknown key {key!r}; known are {', '.join(kinds)}.")
            if not isinstance(value, kinds[key]):
                kind = "a table" if kinds[key] is dict else "text"
                raise UsageError(f"{key} is {value!r}; it must be {kind}.")
        return cls(**tables)

    def to_toml(self) -> str:
        """The text of a file that `load` reads back to an equal preset."""
        lines = []
        if self.description:
            lines.append(f"description = {_toml(self.description)}")
        if self.mode is not None:
            lines.append(f"mode = {_toml(self.mode)}")
        if self.controls:
            lines += ["", "[controls]"]
            lines += [f"{name} = {_toml(value)}" for name, value in self.controls.items()]
        if self.bindings:
            lines += ["", "[bindings]"]
            lines += [f"{_toml(key)} = {_toml(line)}" for key, line in self.bindings.items()]
        return "\n".join(lines).strip() + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all; InputError where it can't be written."""
        with replacing_file(path) as temporary:
            temporary.write_text(self.to_toml(), encoding="utf-8")


_USUAL = {
    name: control.default
    for name, control in CONTROLS.items()
    if control.owner == "sampler" and name != "program"
}

#: Presets that are always there.
BUILT_IN: dict[str, Preset] = {
    "plain": Preset("The model as it was trained.", controls=_USUAL),
    "quiet": Preset(
        "Few, long and soft notes.",
        controls={**_USUAL, "density": -0.5, "note_length": 0.3, "loudness": 0.6},
    ),
    "busy": Preset(
        "Many short notes.",
        controls={**_USUAL, "density": 0.6, "note_length": -0.3, "repetition_penalty": 0.1},
    ),
    "steady": Preset(
        "Keeps to what is likely.",
        controls={**_USUAL, "temperature": 0.7, "top_p": 0.95},
    ),
    "wild": Preset(
        "Strays far, and rarely repeats itself.",
        controls={**_USUAL, "temperature": 1.4, "repetition_penalty": 0.3},
    ),
    "pentatonic": Preset(
        "Five notes that fit most others.",
        controls={**_USUAL, "key": "C major pentatonic"},
    ),
}


def load(name: str) -> Preset:
    """The built-in preset of this name, or one from a file: anything that ends in .toml.

    UsageError for a name or key there isn't; InputError for a file that can't be read.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    path = Path(name)
    if path.suffix.lower() != ".toml":
        raise UsageError(
            f"There is no preset {name!r}; there are {', '.join(BUILT_IN)}, or give a file that "
            "ends in .toml."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Can't read the preset {path}: {error}.") from error
    try:
        return Preset.from_dict(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The preset {path} is not valid TOML: {error}.") from error
    except RnnMusicError as error:
        raise type(error)(f"In the preset {path}: {error}") from error


def _toml(value: Value) -> str:
    # TOML has no null; a control reads this as none. Else a JSON scalar is a TOML scalar, but for
    # one control character that JSON needn't escape.
    text = json.dumps("none" if value is None else value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
