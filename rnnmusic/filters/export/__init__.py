"""Filters written down for other programs, each file with the design and its certificate."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rnnmusic.errors import UsageError
from rnnmusic.files import replacing_file
from rnnmusic.filters.export._facts import facts
from rnnmusic.filters.export.audio_languages import cmsis_source, faust_source, web_audio_source
from rnnmusic.filters.export.c import c_q31_source, c_source
from rnnmusic.filters.export.data import csv_source, json_source, matlab_source
from rnnmusic.filters.export.python import numpy_source, scipy_source
from rnnmusic.filters.forms import Form


class Target(NamedTuple):
    """A language or format: what its files end in, and what writes one, None for a binary one."""

    suffix: str
    source: Callable[[Form, str], str] | None


#: Every target by its name on the command line.
TARGETS: dict[str, Target] = {
    "python": Target(".py", scipy_source),
    "numpy": Target(".py", numpy_source),
    "json": Target(".json", json_source),
    "csv": Target(".csv", csv_source),
    "matlab": Target(".m", matlab_source),
    "c": Target(".h", c_source),
    "c-q31": Target(".h", c_q31_source),
    "faust": Target(".dsp", faust_source),
    "cmsis": Target(".h", cmsis_source),
    "webaudio": Target(".mjs", web_audio_source),
    "torch": Target(".pt2", None),
}


def source(form: Form, to: str, name: str = "iir_filter") -> str:
    """The text of a filter for a target; names in it are made from `name`.

    UsageError for a target that doesn't exist or isn't text, InputError for a filter that the
    target can't express.
    """
    write_source = _target(to).source
    if write_source is None:
        raise UsageError(f"{to} is no text; give a file to write it to, ending in .pt2.")
    return write_source(form, name)


def export(form: Form, to: str, path: str | os.PathLike[str], name: str | None = None) -> None:
    """Write a filter for a target, whole or not at all; its name is that of the file by default."""
    if _target(to).source is None:
        from rnnmusic.filters.export.torch_program import write

        write(form, path)
        return
    text = source(form, to, Path(path).stem if name is None else name)
    with replacing_file(path) as temporary:
        temporary.write_text(text)


def _target(to: str) -> Target:
    if to not in TARGETS:
        raise UsageError(f"{to!r} is no export target; choose one of {', '.join(TARGETS)}.")
    return TARGETS[to]


__all__ = ["TARGETS", "Target", "export", "facts", "source"]
