"""How training looks: a live bar on a terminal, a line per validation elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

from rnnmusic_cli.console import duration, err, note

if TYPE_CHECKING:
    from rnnmusic.training.status import Status


class TrainingView:
    """An observer of the training loop, to be used as a context."""

    def __init__(self) -> None:
        columns = (
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
        )
        self._progress = Progress(*columns, console=err, disable=not err.is_terminal)
        self._task = self._progress.add_task("train", epoch=1, figures="starting", total=None)
        self._validation: float | None = None

    def __enter__(self) -> TrainingView:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def __call__(self, status: Status) -> None:
        """Show a step; on a pipe only validations are shown."""
        validated = status.valid_nll is not None and status.valid_nll != self._validation
        self._validation = status.valid_nll
        if err.is_terminal:
            done, total = status.elapsed_s, None
            if status.eta_s is not None:
                total = status.elapsed_s + status.eta_s
            self._progress.update(
                self._task,
                completed=done,
                total=total,
                epoch=status.epoch + 1,
                figures=_figures(status),
            )
        elif validated:
            note(f"epoch {status.epoch:3d} step {status.step:6d}  {_figures(status)}")


def _figures(status: Status) -> str:
    parts = [f"loss {status.train_nll:.3f}"]
    if status.valid_nll is not None:
        parts.append(f"validation {status.valid_nll:.3f} (best {status.best_nll:.3f})")
    parts.append(f"{status.steps_per_s:.1f} steps/s")
    if status.eta_s is not None:
        parts.append(f"eta {duration(status.eta_s)}")
    return " · ".join(parts)
