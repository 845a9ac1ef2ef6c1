"""The record of a run: log.csv always, TensorBoard when it is installed and asked for."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from rnnmusic.errors import UsageError


class CsvLog:
    """A CSV file that grows a row per validation; resuming cuts it where the checkpoint stood."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def open(self, keep_bytes: int) -> None:
        """Start the file (keep_bytes 0), or continue after its first `keep_bytes`."""
        if keep_bytes and self.path.exists():
            with self.path.open("r+b") as file:
                file.truncate(keep_bytes)
            self._file = self.path.open("a", newline="", encoding="utf-8")
        else:
            self._file = self.path.open("w", newline="", encoding="utf-8")

    def write(self, row: Mapping[str, float]) -> int:
        """Append a row (a header first); return the file's length in bytes."""
        if self._file is None:
            return 0
        writer = csv.DictWriter(self._file, list(row))
        if self._file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
        self._file.flush()
        return self._file.tell()

    def close(self) -> None:
        """Close the file; later rows are ignored."""
        if self._file is not None:
            self._file.close()
            self._file = None


def tensorboard_logger(folder: Path) -> Any:
    """Lightning's TensorBoard logger writing under `folder`; UsageError when not installed."""
    from lightning_fabric.loggers.tensorboard import TensorBoardLogger

    try:
        return TensorBoardLogger(root_dir=folder, name="tensorboard")
    except ModuleNotFoundError as error:
        raise UsageError(
            "--tensorboard needs the extra: pip install 'rnnmusic[tensorboard]'."
        ) from error
