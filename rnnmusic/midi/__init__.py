"""MIDI files: `load`, `read`, `write` and `dumps` between Standard MIDI Files and `Score`."""

from rnnmusic.midi.files import Loaded, load, read, write
from rnnmusic.midi.limits import Limits
from rnnmusic.midi.writer import dumps

__all__ = ["Limits", "Loaded", "dumps", "load", "read", "write"]
