"""MIDI messages as the bytes that go down the wire. Channels are 0..15."""

from __future__ import annotations

NOTE_OFF, NOTE_ON, CONTROL_CHANGE, PROGRAM_CHANGE = 0x80, 0x90, 0xB0, 0xC0
#: The upper half of every status byte that belongs to no channel.
SYSTEM = 0xF0
SONG_POSITION, TICK, START, CONTINUE, STOP = 0xF2, 0xF8, 0xFA, 0xFB, 0xFC
TICKS_PER_QUARTER = 24
SUSTAIN, SOSTENUTO, ALL_SOUND_OFF, ALL_NOTES_OFF = 64, 66, 120, 123
#: Pedals that keep notes sounding after their keys are let go; down from value 64 on.
HOLDING_PEDALS, PEDAL_DOWN = (SUSTAIN, SOSTENUTO), 64


def note_on(channel: int, pitch: int, velocity: int) -> bytes:
    """Start a note; velocity 1..127."""
    return bytes((NOTE_ON | channel, pitch, velocity))


def note_off(channel: int, pitch: int, velocity: int = 0) -> bytes:
    """End a note; velocity is how fast the key is let go, 0..127."""
    return bytes((NOTE_OFF | channel, pitch, velocity))


def control_change(channel: int, number: int, value: int) -> bytes:
    """Move a controller to a value 0..127."""
    return bytes((CONTROL_CHANGE | channel, number, value))


def program_change(channel: int, program: int) -> bytes:
    """Choose an instrument, 0..127 (General MIDI numbers from zero)."""
    return bytes((PROGRAM_CHANGE | channel, program))


def song_position(sixteenths: int) -> bytes:
    """Tell where in the song to go on, in sixteenths since its beginning, 0..16383."""
    return bytes((SONG_POSITION, sixteenths & 0x7F, sixteenths >> 7 & 0x7F))


def panic(channel: int) -> list[bytes]:
    """Silence a channel for good: pedal up, all notes off, all sound off."""
    return [control_change(channel, n, 0) for n in (SUSTAIN, ALL_NOTES_OFF, ALL_SOUND_OFF)]


def is_note_on(message: bytes) -> bool:
    """Whether it begins a note."""
    return message[0] & 0xF0 == NOTE_ON and message[2] > 0


def is_note_off(message: bytes) -> bool:
    """Whether it ends a note; a beginning with velocity 0 does, too."""
    kind = message[0] & 0xF0
    return kind == NOTE_OFF or (kind == NOTE_ON and message[2] == 0)
