"""Filters that run block by block with a state that is carried, copied and put back."""

from __future__ import annotations

from rnnmusic.filters.streaming.files import run_file
from rnnmusic.filters.streaming.stream import Stream, StreamState

__all__ = ["Stream", "StreamState", "run_file"]
