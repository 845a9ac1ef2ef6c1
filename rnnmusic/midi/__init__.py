"""MIDI files: `read`, `write` and `dumps` between Standard MIDI Files and `Score`."""

from rnnmusic.midi.files import read, write
from rnnmusic.midi.writer import dumps

__all__ = ["dumps", "read", "write"]
