"""Ports that become a file: MIDI, or the sound of it."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path

from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file
from rnnmusic.live.ports.take import Take


class FilePort:
    """Records what it is sent and becomes a file when closed.

    The file appears whole, at `close`, or not at all; InputError comes at once when it could not
    be written. This one is a Standard MIDI File: see `Take`.
    """

    lead_s = 0.0
    clock = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        if self._path.is_dir():
            raise InputError(f"{self._path} is a folder; give the name of a file to write.")
        self._take = Take()
        self._is_closed = False
        # Entered now, so that an unwritable place is refused before anyone plays.
        self._closing = ExitStack()
        self._temporary = self._closing.enter_context(replacing_file(self._path))

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(self._path)

    @property
    def is_alive(self) -> bool:
        """Until it is closed."""
        return not self._is_closed

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Set when the file begins, and the tempo written in it."""
        self._take.begin(start_s, tempo_bpm)

    def send(self, message: bytes, time_s: float) -> None:
        """Write a message down at `time_s`."""
        self._take.add(message, time_s)

    def close(self) -> None:
        """End the notes that sound, write the file and put it in place."""
        if self._is_closed:
            return
        self._is_closed = True
        with self._closing:
            self._write(self._temporary)

    def _write(self, path: Path) -> None:
        self._take.midi_file().save(path)


class WavPort(FilePort):
    """The same for the sound: rendered by the built-in instruments when closed, 16-bit stereo.

    A minute of music takes some seconds.
    """

    def _write(self, path: Path) -> None:
        from rnnmusic.score import Score
        from rnnmusic.synthesis import render

        _stand_back()
        render(Score.from_mido(self._take.midi_file())).save(path)


def _stand_back() -> None:
    """Give up a real-time priority: what takes seconds must not keep others waiting."""
    with suppress(OSError, AttributeError):  # a system without such priorities
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
