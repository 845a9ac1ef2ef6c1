"""Audio in memory and on disk, and the only place that touches torchaudio."""

from __future__ import annotations

from rnnmusic.audio.files import FORMATS, Reading, read_audio
from rnnmusic.audio.levels import db_to_gain, gain_to_db
from rnnmusic.audio.signal import Audio

__all__ = ["FORMATS", "Audio", "Reading", "db_to_gain", "gain_to_db", "read_audio"]
