"""Orthogonal flavours: rotations, which neither forget nor explode."""

from __future__ import annotations

from rnnmusic.recurrent.registry import Flavour

FLAVOURS: dict[str, Flavour] = {}
