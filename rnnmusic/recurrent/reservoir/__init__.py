"""Reservoirs: large random recurrences of which only the readout learns."""

from __future__ import annotations

from rnnmusic.recurrent.registry import Flavour

FLAVOURS: dict[str, Flavour] = {}
