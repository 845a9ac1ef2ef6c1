"""Options as settings of a performance: they go before the preset, and it before the defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnmusic.errors import UsageError
from rnnmusic.sampling.controls import CONTROLS, Value, control_named

if TYPE_CHECKING:
    from rnnmusic.live.directing.priming import Excerpt
    from rnnmusic.live.steering.presets import Preset
    from rnnmusic.sampling.steering import Steering

#: Who may set the tempo.
SYNC = ("internal", "midi", "link")


def load_preset(name: str | None) -> Preset:
    """The preset of this name or file; one that says nothing for none."""
    from rnnmusic.live.steering import presets

    return presets.Preset() if name is None else presets.load(name)


def controls_at_first(
    preset: Preset, named: Mapping[str, Value], turned: Sequence[str]
) -> dict[str, Value]:
    """What each control stands at when the performance begins.

    named: options of their own, None where not given. turned: "control=value" as typed.
    """
    values = {name: control.default for name, control in CONTROLS.items()}
    values.update(preset.controls)
    for name, value in named.items():
        if value is not None:
            values[name] = control_named(name).parse(value)
    for text in turned:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set was given {text!r}; write CONTROL=VALUE, as in density=0.3.")
        values[name.strip()] = control_named(name.strip()).parse(value)
    return values


def steering_of(values: Mapping[str, Value]) -> Steering:
    """The controls that are the sampler's."""
    from rnnmusic.sampling.steering import Steering

    return Steering.from_dict(
        {name: value for name, value in values.items() if CONTROLS[name].owner == "sampler"}
    )


def _parsed_metre(metre: str) -> tuple[int, int]:
    """Beats of a bar and their value, of "3/4" or "6/8"."""
    match = re.fullmatch(r"(\d{1,2})/(1|2|4|8|16)", metre.strip())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"--metre was given {metre!r}; write beats and their value, as in 3/4.")
    return int(match[1]), int(match[2])


def checked_mode(mode: str, has_input: bool) -> str:
    """How it plays together with others; UsageError where it would wait for ever for them."""
    if mode in ("respond", "harmonise") and not has_input:
        raise UsageError(f"The mode {mode} plays to what it hears; give an input with --in.")
    return mode


def checked_sync(source: str, port: str | None) -> str:
    """Who sets the tempo; a port of MIDI clock makes sense for one of them only."""
    if source not in SYNC:
        raise UsageError(f"--sync was given {source!r}; give {', '.join(SYNC[:-1])} or {SYNC[-1]}.")
    if port is not None and source != "midi":
        raise UsageError(f"--sync-in {port} was given without --sync midi; add it.")
    return source


def prime_notes(path: Path | None, bars: int, metre: str | None) -> Excerpt:
    """The last bars of a MIDI file to go on from, and the metre: as `metre` says, or else as that
    file does, or else four quarters."""
    from rnnmusic.live.directing import priming
    from rnnmusic.live.directing.count_in import quarters_per_beat

    found = priming.Excerpt() if path is None else priming.excerpt(path, bars)
    if metre is None:
        return found
    beats, value = _parsed_metre(metre)
    return found._replace(
        quarters_per_bar=4.0 * beats / value, quarters_per_beat=quarters_per_beat(beats, value)
    )
