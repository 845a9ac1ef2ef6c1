"""MIDI channel messages as the bytes that go down the wire. Channels are 0..15."""

from __future__ import annotations

NOTE_OFF, NOTE_ON, CONTROL_CHANGE, PROGRAM_CHANGE = 0x80, 0x90, 0xB0, 0xC0
SUSTAIN, ALL_SOUND_OFF, ALL_NOTES_OFF = 64, 120, 123


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


def panic(channel: int) -> list[bytes]:
    """Silence a channel for good: pedal up, all notes off, all sound off."""
    return [control_change(channel, n, 0) for n in (SUSTAIN, ALL_NOTES_OFF, ALL_SOUND_OFF)]
