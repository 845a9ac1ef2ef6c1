"""Filters and curves that commands are given: files, or `-` for a pipe."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rnnmusic_cli.console import note

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rnnmusic.filters.forms import Form

PIPE = Path("-")


def read_filter(path: Path) -> Form:
    """A filter from a file or, for `-`, from stdin."""
    from rnnmusic.errors import InputError
    from rnnmusic.filters import forms

    if path != PIPE:
        if path.is_dir():
            raise InputError(
                f"{path} is a folder; give a filter's file. (The folder of an effect is no filter: "
                "`rnnmusic filter run` plays it into a file.)"
            )
        return forms.load(path)
    try:
        fields = json.loads(sys.stdin.read())
    except ValueError:
        raise InputError("Stdin isn't JSON; pipe in a filter that rnnmusic wrote.") from None
    return forms.from_json(fields)


def check_output(path: Path) -> None:
    """InputError for a file that couldn't be written: said before the work, not after it."""
    from rnnmusic.errors import InputError

    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file to write.")
    if path != PIPE and not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent} to write {path.name} to; make it.")


def write_filter(form: Form, path: Path | None, told: str) -> None:
    """Write a filter to a file and say so on stderr, or to stdout for None and `-`."""
    from rnnmusic.filters import forms

    if path is None or path == PIPE:
        sys.stdout.write(json.dumps(forms.to_json(form), indent=1) + "\n")
        return
    forms.save(form, path)
    note(f"{path}: {told}")


def read_curve(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies and decibels from the first two columns of a CSV file; a heading is skipped."""
    import numpy as np

    from rnnmusic.errors import InputError

    try:
        rows = path.read_text().splitlines()
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}; check the path.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} isn't text; give a CSV file of hertz and decibels.") from None
    points: list[tuple[float, float]] = []
    for number, row in enumerate(rows, start=1):
        if not row.strip() or row.startswith("#"):
            continue
        try:
            frequency, level = map(float, row.replace(";", ",").split(",")[:2])
        except ValueError:
            if not points and number <= 2:  # a heading
                continue
            raise InputError(
                f"Line {number} of {path} isn't a frequency and a level in dB; give two columns."
            ) from None
        points.append((frequency, level))
    curve = np.array(points, dtype=np.float64).reshape(-1, 2)
    if len(curve) < 2 or not np.isfinite(curve).all() or (np.diff(curve[:, 0]) <= 0).any():
        raise InputError(
            f"{path} has {len(curve)} points that are too few, not finite or not rising; give "
            "rising frequencies and finite levels in dB."
        )
    return curve[:, 0], curve[:, 1]
