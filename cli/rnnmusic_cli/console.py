"""What the verbs print with: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segments
from rich.table import Table

WIDEST_TABLE = 120  # columns


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `main`: a reader that has seen enough (`| head`) is no failure."""
        raise BrokenPipeError


# emoji: what a person typed (peak:a:3) is never made into a picture.
# soft_wrap: a sentence or a path is never broken in the middle, whatever the width of the pipe.
out = _Console(soft_wrap=True, highlight=False, emoji=False)
err = _Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)


def say(message: str) -> None:
    """A line of the result, as plain text, on stdout."""
    out.print(message, markup=False)


def say_table(table: Table) -> None:
    """A table on stdout; a narrow terminal wraps its rows, so that no figure is cut off."""
    wide = out.options.update(width=max(out.width, WIDEST_TABLE))
    out.print(Segments(out.render(table, wide)), end="")


def note(message: str) -> None:
    """A line about what is going on, on stderr."""
    err.print(message, markup=False)


def say_json(value: Any) -> None:
    """A result for machines: JSON on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def fail(message: str, exit_code: int) -> NoReturn:
    """Say one sentence on stderr and end the process."""
    err.print("Error: ", style="bold red", end="")
    err.print(message, markup=False)
    sys.exit(exit_code)


@contextmanager
def counting(what: str) -> Iterator[Any]:
    """A progress bar of items; yields `tick(done, total, name)`. Silent when not on a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=None)

        def tick(done: int, total: int, name: str = "") -> None:
            progress.update(task, completed=done, total=total)

        yield tick


def duration(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
