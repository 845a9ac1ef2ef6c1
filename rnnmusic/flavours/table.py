"""The table: rows chosen, run one after the other, and told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rnnmusic.errors import RnnMusicError, UsageError
from rnnmusic.flavours.row import Measured, Row, Setting, Variant
from rnnmusic.flavours.rows import ROWS


class Outcome(NamedTuple):
    """A row as it came out; measured: None where it couldn't be, and `reason` says why.

    wall_s: seconds for all of it, data and judging included.
    """

    row: Row
    variant: Variant
    measured: Measured | None
    wall_s: float
    reason: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the figure is within the row's limit, which only full rows are judged by; None
        for quick ones and without a figure or a limit."""
        if self.measured is None or self.variant == "quick":
            return None
        return self.row.holds(self.measured.value)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        row, found = self.row, self.measured
        return {
            "flavour": row.flavour,
            "family": row.family,
            "task": row.task,
            "variant": self.variant,
            "measure": row.measure,
            "value": None if found is None else found.value,
            "limit": row.limit,
            "better": row.better,
            "holds": self.holds,
            "paper": row.paper,
            "source": row.source,
            "parameters": None if found is None else found.parameters,
            "training_s": None if found is None else found.seconds,
            "wall_s": self.wall_s,
            "note": self.reason if found is None else found.note,
        }


def choose(only: Sequence[str], variant: Variant) -> list[Row]:
    """The rows whose flavour, family, task or key is among `only`; without any, all of a variant.

    UsageError for a name that no row has.
    """
    names = {name for row in ROWS for name in _names(row)}
    for name in only:
        if name not in names:
            tasks = ", ".join(sorted({row.task for row in ROWS}))
            raise UsageError(
                f"No row of the table is called {name!r}; give a flavour, a family, a task "
                f"({tasks}) or FLAVOUR:TASK."
            )
    wanted = [row for row in ROWS if not only or set(only) & _names(row)]
    return [row for row in wanted if only or variant == "full" or row.quick]


def run(rows: Sequence[Row], setting: Setting) -> Iterator[Outcome]:
    """Run the rows in their order; one that fails doesn't stop the others.

    One that the setting stopped isn't told, nor are those after it.
    """
    for row in rows:
        begun = time.monotonic()
        if row.needs and (setting.data is None or not (setting.data / f"{row.needs}.npz").exists()):
            yield Outcome(
                row, setting.variant, None, 0.0, f"needs {row.needs}.npz in the folder of --data"
            )
            continue
        try:
            measured, reason = row.run(setting), ""
        except RnnMusicError as error:
            measured, reason = None, str(error)
        if setting.should_stop():
            return
        wall_s = time.monotonic() - begun
        yield Outcome(row, setting.variant, measured, wall_s, reason)


def _names(row: Row) -> set[str]:
    return {row.flavour, row.family, row.task, row.key}
