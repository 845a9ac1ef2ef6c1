"""Recurrences along more than time: depth, pitch, both directions."""

from __future__ import annotations

from rnnmusic.recurrent.registry import Flavour, WholeFlavour

FLAVOURS: dict[str, Flavour] = {}

WHOLE: dict[str, WholeFlavour] = {}
