"""FilePort: a performance written down as a MIDI file, valid however the performance ends."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file
from rnnmusic.live.ledger import Ledger
from rnnmusic.live.messages import note_off

TICKS_PER_QUARTER = 480


class FilePort:
    """Records what it is sent and becomes a Standard MIDI File, format 0, when closed.

    Tick 0 is the start given to `begin` (else the first message), ticks follow from the times due.
    Notes still sounding at the end are ended there. The file appears whole, at `close`; InputError
    comes at once when it could not be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import mido  # now, not at the end: a signal leaves no time for imports

        self._mido = mido
        self._path = Path(path)
        if self._path.is_dir():
            raise InputError(f"{self._path} is a folder; give the name of a file to write.")
        self._ledger = Ledger()
        self._messages: list[tuple[float, bytes]] = []
        self._start_s: float | None = None
        self._tempo_bpm = 120.0
        self._is_closed = False
        # Entered now, so that an unwritable place is refused before anyone plays.
        self._closing = ExitStack()
        self._temporary = self._closing.enter_context(replacing_file(self._path))

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(self._path)

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Set what tick 0 is, in seconds, and the tempo written in the file."""
        self._start_s, self._tempo_bpm = start_s, tempo_bpm

    def send(self, message: bytes, time_s: float) -> None:
        """Write a message down at `time_s`."""
        if self._start_s is None:
            self._start_s = time_s
        self._ledger.admit(message)
        self._messages.append((time_s, message))

    def close(self) -> None:
        """End the notes that sound, write the file and put it in place."""
        if self._is_closed:
            return
        self._is_closed = True
        with self._closing:
            self._file().save(self._temporary)

    def _file(self) -> Any:
        """The recording as a mido.MidiFile."""
        end_s = max((time_s for time_s, _ in self._messages), default=0.0)
        held = [(end_s, note_off(*key)) for key in sorted(self._ledger.sounding)]
        track = self._mido.MidiTrack()
        tempo = self._mido.bpm2tempo(self._tempo_bpm)
        track.append(self._mido.MetaMessage("set_tempo", tempo=tempo))
        quarters_per_s = self._tempo_bpm / 60
        last_tick = 0
        for time_s, message in self._messages + held:
            since_start_s = time_s - (self._start_s or 0.0)
            tick = max(last_tick, round(since_start_s * quarters_per_s * TICKS_PER_QUARTER))
            track.append(self._mido.Message.from_bytes(message, time=tick - last_tick))
            last_tick = tick
        return self._mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_QUARTER, tracks=[track])
