"""Matplotlib figures of music, never shown by themselves."""

from rnnmusic.plots.music import piano_roll, save

__all__ = ["piano_roll", "save"]
