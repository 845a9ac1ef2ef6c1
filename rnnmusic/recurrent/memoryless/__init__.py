"""Memoryless flavours: what can be said from a window of the past, without a state that learns."""

from __future__ import annotations

from rnnmusic.recurrent.registry import Flavour

FLAVOURS: dict[str, Flavour] = {}
