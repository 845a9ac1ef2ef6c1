"""A performance written down as it is sent, to become a file at the end."""

from __future__ import annotations

from typing import Any

from rnnmusic.live.messages import SYSTEM, note_off
from rnnmusic.live.sending.ledger import Ledger

TICKS_PER_QUARTER = 480


class Take:
    """Channel messages with their times, and the Standard MIDI File of them.

    Tick 0 is the start given to `begin` (else the first message), ticks follow from the times due.
    Notes still sounding at the end are ended there.
    """

    def __init__(self) -> None:
        import mido  # now, not at the end: a signal leaves no time for imports

        self._mido = mido
        self._ledger = Ledger()
        self._messages: list[tuple[float, bytes]] = []
        self._start_s: float | None = None
        self._tempo_bpm = 120.0

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Set what tick 0 is, in seconds, and the tempo written in the file."""
        self._start_s, self._tempo_bpm = start_s, tempo_bpm

    def add(self, message: bytes, time_s: float) -> None:
        """Write a channel message down; a file has no place for those of the system."""
        if message[0] >= SYSTEM:
            return
        if self._start_s is None:
            self._start_s = time_s
        self._ledger.admit(message)
        self._messages.append((time_s, message))

    def midi_file(self) -> Any:
        """The recording as a mido.MidiFile of format 0."""
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
