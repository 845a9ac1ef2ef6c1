"""Symbolic music in memory: `Score`, its tracks and event tables."""

from rnnmusic.score.model import (
    BEND,
    CONTROL,
    KEY,
    METRE,
    NOTE,
    SPAN,
    SUSTAIN_PEDAL,
    TEMPO,
    Score,
    Table,
    Track,
    sort_notes,
    table,
    tempo_bpm,
)

__all__ = [
    "BEND",
    "CONTROL",
    "KEY",
    "METRE",
    "NOTE",
    "SPAN",
    "SUSTAIN_PEDAL",
    "TEMPO",
    "Score",
    "Table",
    "Track",
    "sort_notes",
    "table",
    "tempo_bpm",
]
