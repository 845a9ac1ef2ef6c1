"""Flavours with a memory that is read by content: attention as recurrence, and fast weights."""

from __future__ import annotations

from rnnmusic.recurrent.registry import Flavour

FLAVOURS: dict[str, Flavour] = {}
