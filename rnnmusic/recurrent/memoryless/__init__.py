"""Memoryless flavours: what can be said from a window of the past, without a state that learns."""

from __future__ import annotations

from rnnmusic.recurrent.memoryless.delays import FLAVOURS, DelayNetwork, TimeDelay, Window
from rnnmusic.recurrent.memoryless.ngram import FrameNgram

__all__ = ["FLAVOURS", "DelayNetwork", "FrameNgram", "TimeDelay", "Window"]
